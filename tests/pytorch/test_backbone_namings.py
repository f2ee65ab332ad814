"""mmpretrain's and detectron2's names: in `build`, `lift` of files and `convert`, both ways.

Facts: the keys of mmpretrain's resnet50 checkpoints (`backbone.`, `head.fc`), and those of
detectron2's R-50.pkl (`stem.conv1.norm.weight`, `res2.0.shortcut.weight`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from resnet_dsl import build, convert, elaborate, lift_checkpoint, load
from resnet_dsl.naming import Naming, state_keys
from resnet_dsl.notation.terms import AdaptivePool, Flatten
from tests.command import run
from tests.pytorch.reference import image, reference, shuffle_statistics


def mmpretrain_key(key: str) -> str:
    """A key of torchvision in OpenMMLab's `ImageClassifier`."""
    return f"head.{key}" if key.startswith("fc.") else f"backbone.{key}"


def detectron2_key(key: str) -> str | None:
    """A key of torchvision in detectron2's ResNet; None for what its files do not have."""
    if key.startswith("fc.") or key.endswith("num_batches_tracked"):
        return None
    key = re.sub(r"^layer(\d)", lambda stage: f"res{int(stage[1]) + 1}", key)
    key = re.sub(r"bn(\d)", r"conv\1.norm", key)
    key = key.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
    return key if key.startswith("res") else f"stem.{key}"


KEYS: dict[Naming, Callable[[str], str | None]] = {
    "mmpretrain": mmpretrain_key,
    "detectron2": detectron2_key,
}
NAMES = [pytest.param("resnet18", marks=pytest.mark.exhaustive), "resnet50"]


def renamed(state: Mapping[str, Tensor], naming: Naming) -> dict[str, Tensor]:
    """The file that a library has of torchvision's weights."""
    keys = {key: KEYS[naming](key) for key in state}
    return {other: state[key] for key, other in keys.items() if other is not None}


def model_of(name: str) -> nn.Module:
    model = reference(name)
    shuffle_statistics(model)
    return model


def assert_equal(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert set(state) == set(expected)
    for key, tensor in expected.items():
        assert tensor.dtype == state[key].dtype, key
        assert torch.equal(tensor, state[key]), key


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture(params=KEYS)
def naming(request: pytest.FixtureRequest) -> Naming:
    value: Naming = request.param
    return value


def test_convert_writes_the_librarys_file(name: str, naming: Naming, tmp_path: Path) -> None:
    state = model_of(name).state_dict()
    save_file(state, tmp_path / "torchvision.safetensors")
    convert(tmp_path / "torchvision.safetensors", tmp_path / "other.safetensors", to=naming)
    assert_equal(load_file(tmp_path / "other.safetensors"), renamed(state, naming))


def test_convert_gives_torchvisions_bytes_back(name: str, naming: Naming, tmp_path: Path) -> None:
    state = model_of(name).state_dict()
    save_file(renamed(state, naming), tmp_path / "other.safetensors")
    convert(tmp_path / "other.safetensors", tmp_path / "back.safetensors", to="torchvision")
    expected = {
        key: torch.zeros_like(tensor) if KEYS[naming](key) is None else tensor
        for key, tensor in state.items()
        if naming == "mmpretrain" or not key.startswith("fc.")
    }
    assert_equal(load_file(tmp_path / "back.safetensors"), expected)


def test_a_file_of_a_library_lifts_to_its_spec(name: str, naming: Naming, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(renamed(reference(name).state_dict(), naming), path)
    lifted, spec = lift_checkpoint(path).spec, load(name)
    assert (lifted.stem, lifted.block, lifted.stages) == (spec.stem, spec.block, spec.stages)
    vector = (AdaptivePool(side=1), Flatten())
    assert lifted.head == (spec.head if naming == "mmpretrain" else vector)


def test_a_built_model_has_the_librarys_keys(name: str, naming: Naming) -> None:
    model = build(name, seed=0, naming=naming)
    expected = renamed(reference(name).state_dict(), naming)
    assert set(expected) <= set(model.state_dict())
    others = set(model.state_dict()) - set(expected)
    assert all("num_batches_tracked" in key or key.startswith("linear.") for key in others)
    assert list(state_keys(elaborate(load(name)), naming)) == list(model.state_dict())


def test_a_built_model_computes_torchvisions_outputs(
    name: str, naming: Naming, tmp_path: Path
) -> None:
    theirs = model_of(name)
    path = tmp_path / "weights.safetensors"
    save_file(renamed(theirs.state_dict(), naming), path)
    result = run("build", name, "--naming", naming, "--weights", path, "-o", tmp_path / "again.pt")
    assert result.exit_code == 0, result.stderr
    assert_equal(torch.load(tmp_path / "again.pt"), load_file(path))
    ours = build(name, seed=0, naming=naming)
    classifier = {
        key.replace("fc", "linear"): tensor
        for key, tensor in theirs.state_dict().items()
        if key.startswith("fc.") and naming == "detectron2"
    }
    state = ours.state_dict()
    ours.load_state_dict({**state, **renamed(theirs.state_dict(), naming), **classifier})
    x = image(2, 3, 75, 83)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_detectron2_keeps_a_norm_inside_its_convolution() -> None:
    model = build("resnet50", naming="detectron2", device="meta")
    children = dict(model.get_submodule("res2.0").named_children())
    assert list(children) == ["shortcut", "conv1", "relu", "conv2", "conv3"]
    assert [name for name, _ in children["conv1"].named_children()] == ["norm"]
