"""Weights in files: what fits is loaded bit for bit, what does not is named, nothing runs."""

from __future__ import annotations

import os
import pickle
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_dsl import SpecError, build
from resnet_dsl.pytorch.weights import load_weights, read_state, save_weights
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


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    torch.save({"fc.weight": Bomb(tmp_path / "ran")}, tmp_path / "bomb.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    (tmp_path / "bomb.safetensors").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    for name in ("bomb.pt", "raw.pt", "bomb.safetensors"):
        assert refusal(tmp_path / name) == ["no file of weights"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pt", b"", "no file of weights"),
        ("w.pt", b"PK\x03\x04", "no file of weights"),
        ("w.safetensors", b"", "no file of weights"),
        ("w.safetensors", struct.pack("<Q", 10**10) + b"{}", "no file of weights"),
        (
            "w.safetensors",
            struct.pack("<Q", 63)
            + b'{"a":{"dtype":"F32","shape":[99999999],"data_offsets":[0,4]}}  '
            + bytes(4),
            "no file of weights",
        ),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name) == [message]


def test_other_things_in_torchs_format_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(torch.zeros(3), path)
    assert refusal(path) == ["no state dict"]
    torch.save({"state_dict": {"fc.weight": torch.zeros(1)}, "epoch": 3}, path)
    assert refusal(path) == ["state_dict, epoch hold no tensors"]
    assert refusal(tmp_path / "nothing.pt") == ["no such file"]


@given(data=st.data())
@settings(max_examples=150)
def test_damaged_files_are_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("weights")
    path = folder / data.draw(st.sampled_from(["w.pt", "w.safetensors"]))
    tensors = {"a": torch.arange(3.0), "b": torch.zeros(2, 2)}
    if path.suffix == ".pt":
        torch.save(tensors, path)
    else:
        from safetensors.torch import save_file

        save_file(tensors, path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with suppress(SpecError):  # any other error is a traceback for the user
        read_state(path)
