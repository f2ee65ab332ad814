"""A classifier or first filters for other classes and images; all other weights of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from resnet_dsl import SpecError, build, loads
from tests.command import run
from tests.pytorch.reference import assert_same_state, image, reference


@pytest.mark.parametrize(
    ("name", "drawing"), [("resnet18", {}), ("googlenet", {"init_weights": True})]
)
def test_drawn_weights_are_torchvisions(name: str, drawing: dict[str, bool]) -> None:
    torch.manual_seed(0)
    theirs = reference(name, num_classes=7, **drawing)
    assert_same_state(build(name, num_classes=7, seed=0), theirs)


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 7])
def test_first_filters_are_adapted_as_timm_does(tmp_path: Path, channels: int) -> None:
    file = tmp_path / "w.pt"
    torch.save(build("resnet18", seed=0).state_dict(), file)
    overlay = {"file": str(file)}
    theirs = timm.create_model(
        "resnet18",
        pretrained=True,
        pretrained_cfg_overlay=overlay,
        in_chans=channels,
        num_classes=9,
    )
    ours = build("resnet18", weights=file, in_channels=channels, num_classes=9)
    expected = theirs.state_dict()
    for key, value in ours.state_dict().items():
        if not key.startswith("fc."):
            assert torch.equal(value, expected[key]), key
    assert ours(image(1, channels, 64, 64)).shape == (1, 9)


def test_a_classifier_is_drawn_from_the_seed(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    torch.save(build("cifar/resnet20", seed=0).state_dict(), file)
    ours = build("cifar/resnet20", weights=file, num_classes=5, seed=3).state_dict()
    whole = build("cifar/resnet20", seed=0).state_dict()
    drawn = build("cifar/resnet20", num_classes=5, seed=3).state_dict()
    for key, value in ours.items():
        assert torch.equal(value, (drawn if key.startswith("fc.") else whole)[key]), key


@pytest.mark.parametrize("naming", ["torchvision", "transformers", "detectron2"])
def test_files_of_other_names_and_of_backbones(tmp_path: Path, naming: str) -> None:
    file = tmp_path / "w.safetensors"
    assert run("build", "resnet18", "--seed", 1, "--naming", naming, "-o", file).exit_code == 0
    result = run("build", "resnet18", "--weights", file, "--classes", 3, "--in-channels", 1)
    assert result.exit_code == 0, result.stderr
    why = "the file has none" if naming == "detectron2" else "the file has 1000 classes"
    assert f"left as drawn: fc.weight, fc.bias ({why})" in result.stderr
    assert "conv1.weight is adapted from 3 channels to 1" in result.stderr


def test_a_file_with_the_classes_is_loaded_whole(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    model = build("cifar/resnet20", num_classes=5, in_channels=1, seed=0)
    torch.save(model.state_dict(), file)
    again = build("cifar/resnet20", num_classes=5, in_channels=1, weights=file)
    assert_same_state(again, model)
    result = run("build", "cifar/resnet20", "--weights", file)
    assert "fc.weight is 5x64, the network's is 10x64" in result.stderr
    assert "--classes and --in-channels keep all other weights" in result.stderr
    with pytest.raises(SpecError):  # classes alone: the filters of the image do not fit
        build("cifar/resnet20", num_classes=5, weights=file)


def test_without_a_classifier_the_weights_are_those_of_the_body(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    theirs = reference("resnet18")
    torch.save(theirs.state_dict(), file)
    ours = build("resnet18", num_classes=0, weights=file).eval()
    assert [key for key in theirs.state_dict() if key not in ours.state_dict()] == [
        "fc.weight",
        "fc.bias",
    ]
    theirs.fc = torch.nn.Identity()
    x = image(2, 3, 65, 65)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs.eval()(x))
    maps = build("resnet18", num_classes=4, features="conv3_x", weights=file)
    assert not any(key.startswith("fc.") for key in maps.state_dict())


def test_norms_of_an_image_are_left_as_drawn(tmp_path: Path) -> None:
    spec = loads("extends: cifar/resnet20\nstem: ['[norm]', '3x3, 16']\nexpect: null")
    file = tmp_path / "w.pt"
    torch.save(build(spec, seed=0).state_dict(), file)
    (tmp_path / "s.yaml").write_text(
        "extends: cifar/resnet20\nstem: ['[norm]', '3x3, 16']\nexpect: null\n"
    )
    result = run("build", tmp_path / "s.yaml", "--weights", file, "--in-channels", 4)
    assert result.exit_code == 0, result.stderr
    assert "is adapted from 3 channels to 4" in result.stderr
    assert "(the file has 3 channels)" in result.stderr


def test_exports_have_the_classes(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    assert run("export", "resnet18", "--classes", 10, "--in-channels", 1, "-o", file).exit_code == 0
    assert "num_classes: int = 10, in_channels: int = 1" in file.read_text()


def test_hidden_layers_of_a_head_keep_their_weights(tmp_path: Path) -> None:
    """The last of two fully connected layers goes, and the first gets its name."""
    spec = loads("extends: cifar/resnet20\nhead: [average pool, '20-d fc', 10-d fc]\nexpect: null")
    whole = build(spec, seed=0).eval()
    torch.save(whole.state_dict(), tmp_path / "w.pt")
    body = build(spec, num_classes=0, weights=tmp_path / "w.pt").eval()
    x = image(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(whole.get_submodule("fc2")(body(x)), whole(x))


def test_auxiliary_classifiers_go_and_come(tmp_path: Path) -> None:
    file, bare = tmp_path / "w.safetensors", tmp_path / "bare.safetensors"
    assert run("build", "googlenet", "--seed", 0, "--input", 64, "-o", file).exit_code == 0
    result = run("build", "googlenet", "--weights", file, "--classes", 0, "--input", 64, "-o", bare)
    assert "left out: aux1." in result.stderr
    result = run("build", "googlenet", "--weights", bare, "--classes", 3, "--input", 64)
    assert result.exit_code == 0, result.stderr
    assert "(the file has no auxiliary classifiers)" in result.stderr


def test_a_file_without_a_classifier_is_explained(tmp_path: Path) -> None:
    state = build("cifar/resnet20", seed=0).state_dict()
    torch.save({k: v for k, v in state.items() if not k.startswith("fc.")}, tmp_path / "w.pt")
    result = run("build", "cifar/resnet20", "--weights", tmp_path / "w.pt")
    assert "--classes draws a classifier, and keeps all other weights" in result.stderr


def test_source_has_no_weights_without_a_file_either() -> None:
    result = run("export", "cifar/resnet20", "--weights", "none.pth")
    assert (result.exit_code, result.stdout) == (2, "")
    assert ".py files have no weights" in result.stderr
