"""Models and files of weights, compared with specs and with each other."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import timm
import torch

from resnet_dsl import build, diff
from tests.command import run

MODELS = """
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


def basic(stride=2):
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    model.layer3[0].conv1.stride = model.layer3[0].downsample[0].stride = (stride, stride)
    return model


def bottleneck(v1=False):
    model = ResNet(Bottleneck, [1, 1, 1, 1], num_classes=10)
    for block in (layer[0] for layer in (model.layer2, model.layer3, model.layer4) if v1):
        block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    return model


class Nested(nn.Sequential):
    def forward(self, x):
        return x + self[2](x + self[1](self[0](x)))


def nested(depth):
    norm, narrow, wide = nn.BatchNorm2d, nn.Conv2d(3, 8, 3, padding=1, bias=False), []
    for _ in range(depth):
        first, last = nn.Conv2d(8, 8, 1, bias=False), nn.Conv2d(8, 8, 1, bias=False)
        wide.append(Nested(first, norm(8), last))
    return nn.Sequential(narrow, norm(8), *wide)


def flat(width=8):
    convolution = nn.Conv2d(3, width, 3, padding=1)
    return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(width * 16 * 16, 10))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a module of a user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "drawn_models", raising=False)
    (tmp_path / "drawn_models.py").write_text(MODELS)
    return tmp_path


def test_a_model_of_torchvision_is_its_spec() -> None:
    result = run("diff", "resnet18", "torchvision:resnet18")
    assert result.exit_code == 0
    assert result.stdout == "equal: resnet18 and torchvision:resnet18 are the same network\n"
    assert result.stderr == ""


def test_a_model_of_timm_differs_from_torchvisions_spec() -> None:
    result = run("diff", "timm:resnet10t", "resnet18", "--input", "3x64x64", "--json")
    assert result.exit_code == 1
    parts = {part["name"]: part for part in json.loads(result.stdout)["parts"]}
    shared = {"key": "projection", "a": "average pool, 1x1", "b": "1x1"}
    assert parts["all stages"]["keys"] == [shared]
    assert parts["stem"]["keys"][0]["b"] == ["7x7, 64, /2", "3x3 max pool, /2"]


def test_models_that_differ_by_one_stride() -> None:
    first, other = "drawn_models:basic", "drawn_models:basic(stride=1)"
    result = run("diff", first, other, "--input", "3x64x64")
    assert result.exit_code == 1
    # 8x8 maps of 128 channels come in: a basic block of width 256 with its projection
    weights = 9 * 128 * 256 + 9 * 256 * 256 + 128 * 256
    deeper = 9 * 256 * 512 + 9 * 512 * 512 + 256 * 512
    strided, dense = 4 * 4 * weights, 8 * 8 * weights
    lines = result.stdout.splitlines()
    assert lines[:6] == [
        f"{first} and {other} differ",
        "",
        "conv4_x  stride: 2 → 1",
        f"         MACs {strided:,} → {dense:,} (+{dense - strided:,})",
        "conv5_x  takes: 256x4x4 → 256x8x8",
        f"         MACs {4 * deeper:,} → {16 * deeper:,} (+{12 * deeper:,})",
    ]


def test_models_of_one_size_are_lifted_at_it() -> None:
    sources = "drawn_models:flat", "drawn_models:flat(width=8)"
    assert run("diff", *sources, "--input", "3x16x16").exit_code == 0
    assert run("diff", *sources).exit_code == 2


def test_v1_and_v1_5_of_a_model_differ_in_one_word() -> None:
    result = run(
        "diff",
        "drawn_models:bottleneck",
        "drawn_models:bottleneck(True)",
        "--input",
        "3x64x64",
        "--json",
    )
    assert result.exit_code == 1
    parts = json.loads(result.stdout)["parts"]
    words = [(part["name"], word) for part in parts for word in part["keys"]]
    assert words == [("all stages", {"key": "stride_on", "a": "spatial", "b": "first"})]


def test_models_without_a_spec_are_compared_layer_by_layer() -> None:
    difference = diff("drawn_models:nested(2)", "drawn_models:nested(3)", "3x12x12")
    (part,) = [part for part in difference.parts if part.keys]
    assert (difference.by_layer, difference.refused) == (True, "drawn_models:nested(2)")
    before, after = part.params
    assert after - before == 2 * 8 * 8 + 2 * 8
    assert diff("drawn_models:nested(2)", "drawn_models:nested(2)", "3x12x12").equal


def test_weights_are_compared_and_what_they_do_not_show_is_said() -> None:
    torch.save(timm.create_model("resnet10t", num_classes=10).state_dict(), "w.pth")
    (spec_text := Path("ours.yaml")).write_text(
        "extends: timm/resnet10t\nhead: [average pool, 10-d fc]"
    )
    result = run("diff", "w.pth", str(spec_text), "--input", "3x176x176")
    assert (result.exit_code, result.stdout) == (
        0,
        f"equal: w.pth and {spec_text} are the same network\n",
    )
    assert (
        "w.pth: undetermined: stride: 1, 2, 2, 2 (of the stages, one by one; or " in result.stderr
    )


def test_a_file_of_weights_needs_no_suffix() -> None:
    torch.save(build("cifar/resnet20").state_dict(), "resnet20-a1b2c3")
    result = run("diff", "resnet20-a1b2c3", "cifar/resnet20", "--input", "3x32x32")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("torchvision:resnet5", "torchvision has no model 'resnet5'"),
        ("nothing.pth", "nothing.pth: no such file"),
        ("drawn_models:nothing", "AttributeError"),
        ("drawn_models:basic", "the input "),
    ],
)
def test_bad_input_is_no_difference(source: str, message: str) -> None:
    result = run(
        "diff", "resnet18", source, *(["--input", "big"] if message == "the input " else [])
    )
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
