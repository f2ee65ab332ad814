"""Weights in files: what fits is loaded bit for bit, what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from resnet_dsl import SpecError, build
from resnet_dsl.pytorch.loading import load_weights
from resnet_dsl.pytorch.weights import save_weights
from tests.pytorch.reference import assert_same_state

NAME = "cifar/resnet20"


@pytest.mark.parametrize("suffix", ["safetensors", "pt", "pth"])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str) -> None:
    model, twin = build(NAME, seed=0), build(NAME, seed=1)
    save_weights(model, tmp_path / f"w.{suffix}")
    load_weights(twin, tmp_path / f"w.{suffix}")
    assert_same_state(twin, model)
    assert [path.name for path in tmp_path.iterdir()] == [f"w.{suffix}"]


def test_files_are_plain_state_dicts(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model = build(NAME, seed=0)
    save_weights(model, tmp_path / "w.safetensors")
    save_weights(model, tmp_path / "w.pt")
    for state in (load_file(tmp_path / "w.safetensors"), torch.load(tmp_path / "w.pt")):
        assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def refusal(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_weights(build(NAME, seed=0), path)
    assert {fault.code for fault in caught.value.diagnostics} <= {"weights", "file"}
    return [fault.message.removeprefix(f"{path}: ") for fault in caught.value.diagnostics]


def test_keys_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = build(NAME, seed=0).state_dict()
    state["fc.weight"] = torch.zeros(5, 64)
    state["fc.scale"] = torch.zeros(())
    state["extra.bias"] = torch.zeros(1)
    del state["conv1.weight"]
    torch.save(state, tmp_path / "w.pt")
    assert refusal(tmp_path / "w.pt") == [
        f"1 of {len(state) - 1} keys are missing: conv1.weight",
        "2 keys are not the network's: fc.scale, extra.bias",
        "fc.weight is 5x64, the network's is 10x64",
    ]


def test_weights_that_do_not_fit_leave_the_model_as_it_was(tmp_path: Path) -> None:
    model, other = build(NAME, seed=0), build("cifar/resnet32", seed=1)
    save_weights(other, tmp_path / "w.pt")
    with pytest.raises(SpecError):
        load_weights(model, tmp_path / "w.pt")
    assert_same_state(model, build(NAME, seed=0))


def test_other_things_in_torchs_format_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(torch.zeros(3), path)
    assert refusal(path) == ["is one tensor, without a name"]
    torch.save({"state_dict": {"fc.weight": torch.zeros(1)}, "epoch": 3}, path)
    assert refusal(path) == [
        "96 of 116 keys are missing: conv1.weight, bn1.weight, bn1.bias, bn1.running_mean, "
        "bn1.running_var and 91 more",
        "fc.weight is 1, the network's is 10x64",
    ]
    assert refusal(tmp_path / "nothing.pt") == ["no such file"]
