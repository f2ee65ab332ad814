"""Weights in files: what fits is loaded bit for bit, what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from resnet_dsl import SpecError, build, convert
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


def test_a_file_is_opened_as_lift_opens_it(tmp_path: Path) -> None:
    state = build(NAME, seed=0).state_dict()
    half = {k: v.half() for k, v in state.items() if "num_batches" not in k}
    content = {"state_dict": {f"module.net.{k}": v for k, v in half.items()}, "epoch": 3}
    torch.save(content, tmp_path / "w.pt")
    model = build(NAME, weights=tmp_path / "w.pt")
    expected = {k: v.half().float() if v.is_floating_point() else v for k, v in state.items()}
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    body = build(NAME, weights=tmp_path / "w.pt", features=["conv3_x"])
    key = "layer2.2.conv2.weight"
    assert torch.equal(body.state_dict()[key], expected[key])


def test_a_part_of_a_file_is_built(tmp_path: Path) -> None:
    models = {name: build(NAME, seed=ord(name)) for name in "ab"}
    parts = {f"{n}.{k}": v for n, model in models.items() for k, v in model.state_dict().items()}
    torch.save(parts, tmp_path / "w.pt")
    assert refusal(tmp_path / "w.pt") == [
        "holds 2 networks: a is the spec's network, b is the spec's network"
    ]
    model = build(NAME, weights=tmp_path / "w.pt", prefix="b")
    assert_same_state(model, build(NAME, seed=ord("b")))
    body = build(NAME, ["head=[average pool, flatten]"], weights=tmp_path / "w.pt", prefix="b")
    assert torch.equal(body.state_dict()["conv1.weight"], model.state_dict()["conv1.weight"])


def test_names_that_become_one_are_refused(tmp_path: Path) -> None:
    state = build(NAME, seed=0).state_dict()
    torch.save({**state, "module": build(NAME, seed=1).state_dict()}, tmp_path / "w.pt")
    (fault,) = refusal(tmp_path / "w.pt")
    assert fault == "conv1.weight and module.conv1.weight become one key when wrappers are removed"


def test_an_order_that_is_guessed_is_said(tmp_path: Path) -> None:
    state = build(NAME, seed=0).state_dict()
    names = {".conv1": ".first", ".conv2": ".second", ".bn1": ".first_bn", ".bn2": ".second_bn"}
    for old, new in names.items():
        state = {key.replace(old, new) if "layer" in key else key: v for key, v in state.items()}
    save_file(state, tmp_path / "w.safetensors")
    remarks = load_weights(build(NAME), tmp_path / "w.safetensors")
    assert any(remark.startswith("undetermined: order: that of the names") for remark in remarks)


def test_the_meta_device_takes_no_weights(tmp_path: Path) -> None:
    torch.save(build(NAME).state_dict(), tmp_path / "w.pt")
    with pytest.raises(SpecError, match="the meta device has no weights"):
        build(NAME, weights=tmp_path / "w.pt", device="meta")


@pytest.mark.parametrize("force", [False, True])
def test_what_is_read_is_never_written_over(tmp_path: Path, force: bool) -> None:
    path, folder = tmp_path / "model.safetensors", tmp_path / "elsewhere"
    save_weights(build(NAME, seed=0), path)
    before = path.read_bytes()
    for source in (path, tmp_path, tmp_path / "." / "model.safetensors"):
        with pytest.raises(SpecError, match="is read or written here already"):
            convert(source, path, to="timm", force=force)
    assert path.read_bytes() == before
    folder.mkdir()
    convert(path, folder / "w.pt", to="timm")
    with pytest.raises(SpecError, match="exists already"):
        convert(path, folder / "w.pt", to="timm")
