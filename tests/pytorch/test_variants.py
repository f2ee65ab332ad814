"""Networks that people build by hand, and combinations that no library ships."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d, EcaModule, GroupNormAct, create_conv2d
from timm.models.resnetv2 import ResNetV2
from torch import Tensor, nn
from torch.nn.functional import relu

from resnet_dsl import build, elaborate, loads, recover
from tests.pytorch.reference import (
    image,
    shuffle_statistics,
    stop_dropping,
)


def take_weights(theirs: nn.Module, ours: nn.Module) -> None:
    """The weights of one model for another whose layers come in the same order."""
    pairs = zip(theirs.state_dict(), ours.state_dict().values(), strict=True)
    theirs.load_state_dict(dict(pairs))


def assert_same_function(theirs: nn.Module, ours: nn.Module, x: Tensor) -> None:
    shuffle_statistics(ours)
    take_weights(theirs, ours)
    stop_dropping(ours)
    stop_dropping(theirs)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
        assert torch.equal(ours.train()(x), theirs.train()(x))


def test_lenet5() -> None:
    theirs = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )
    assert_same_function(theirs, build("lenet5", seed=0), image(2, 1, 32, 32))


class CourseBlock(nn.Module):
    """As a notebook has it."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(out + self.shortcut(x))


def test_the_network_that_courses_build() -> None:
    theirs = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        CourseBlock(16, 16),
        CourseBlock(16, 32),
        nn.Flatten(),
        nn.Linear(32 * 32 * 32, 10),
    )
    assert_same_function(theirs, build("cifar/course", seed=0), image(2, 3, 32, 32))


class PreActBlock(nn.Module):
    """He et al. 2016, figure 4e; dropout between the convolutions: Zagoruyko 2016, figure 1d."""

    def __init__(self, channels: int, out: int, stride: int, p: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.dropout = nn.Dropout(p)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        if stride > 1 or channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        shared = relu(self.bn1(x))
        shortcut = self.shortcut(shared) if hasattr(self, "shortcut") else x
        out = self.conv1(shared)
        body: Tensor = self.conv2(self.dropout(relu(self.bn2(out))))
        return body + shortcut


class PreActNet(nn.Module):
    def __init__(self, widths: tuple[int, ...], depth: int, p: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        blocks = []
        channels = 16
        for stage, width in enumerate(widths):
            for i in range(depth):
                stride = 2 if stage and i == 0 else 1
                blocks.append(PreActBlock(channels, width, stride, p))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.bn(self.blocks(self.conv(x))))
        classes: Tensor = self.fc(x.mean((2, 3)))
        return classes


@pytest.mark.parametrize(
    ("name", "widths", "depth", "p"),
    [
        ("cifar/preact_resnet110", (16, 32, 64), 18, 0.0),
        ("cifar/wrn28_10", (160, 320, 640), 4, 0.3),
    ],
)
def test_pre_activated_networks_for_cifar(
    name: str, widths: tuple[int, ...], depth: int, p: float
) -> None:
    theirs = PreActNet(widths, depth, p)
    ours = build(name, seed=0)
    x = image(2, 3, 33, 35)
    if p:  # the same draws fall in the same places
        take_weights(theirs, ours)
        with torch.no_grad():
            torch.manual_seed(0)
            expected = theirs.train()(x)
            torch.manual_seed(0)
            assert torch.equal(ours.train()(x), expected)
    assert_same_function(theirs, ours, x)


RARE = """
input: 3x75x83
stem: ["3x3, 32, /2", "3x3, 32", "3x3, 64", "3x3 max pool, /2"]
block: {{order: pre, norm: group, projection: "average pool, 1x1"}}
stages:
  conv2_x: "[[1x1, 32], [3x3, 32], [1x1, 128]{0}] x 2"
  conv3_x: "[[1x1, 64], [3x3, 64], [1x1, 256]{0}] x 2"
  conv4_x: "[[1x1, 128], [3x3, 128], [1x1, 512]{0}] x 2"
  conv5_x: "[[1x1, 256], [3x3, 256], [1x1, 1024]{0}] x 2"
head: [average pool, 10-d 1x1 conv, flatten]
output_stride: 8
init: {{scheme: vgg}}
"""


def rare(attention: Callable[[], nn.Module] | None) -> nn.Module:
    """timm's own class; attention is put after the last convolution of its blocks."""
    model: nn.Module = ResNetV2(
        [2, 2, 2, 2],
        channels=(128, 256, 512, 1024),
        num_classes=10,
        output_stride=8,
        stem_type="deep",
        avg_down=True,
        norm_layer=partial(GroupNormAct, num_groups=32),
        conv_layer=create_conv2d,
    )
    if attention is not None:
        for module in list(model.modules()):
            conv = getattr(module, "conv3", None)
            if isinstance(conv, nn.Conv2d) and hasattr(module, "norm3"):
                module.conv3 = nn.Sequential(conv, attention())
    return model


@pytest.mark.parametrize("eca", [False, True])
def test_a_combination_that_nobody_ships(eca: bool) -> None:
    """Pre-activation, a deep stem, group norm, output stride 8, and attention."""
    theirs = rare(partial(EcaModule, kernel_size=5) if eca else None)
    ours = build(loads(RARE.format(", [eca 5]" if eca else "")), seed=0, naming="timm")
    shuffle_statistics(ours)
    own = {name.replace(".se.conv", ".conv3.1.conv"): t for name, t in ours.state_dict().items()}
    if eca:
        own = {
            name.replace("conv3.weight", "conv3.0.weight") if "stages" in name else name: t
            for name, t in own.items()
        }
    theirs.load_state_dict(own)
    x = image(2, 3, 75, 83)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
    out = ours.train()(x)
    out.square().sum().backward()
    assert all(weight.grad is not None for weight in ours.parameters())


@pytest.mark.parametrize(
    ("block", "basic"),
    [
        ("[1x1, {mid}], [3x3, {mid}], [1x1, {out}]", False),
        ("[3x3, {out}], [3x3, {out}]", True),
    ],
)
def test_only_pre_activated_bottlenecks_project_equal_shapes(block: str, basic: bool) -> None:
    theirs: nn.Module = ResNetV2(
        [2, 2],
        channels=(64, 128),
        num_classes=10,
        basic=basic,
        bottle_ratio=1.0 if basic else 0.25,
        norm_layer=BatchNormAct2d,
        conv_layer=create_conv2d,
    )
    first, second = (block.format(mid=out // 4, out=out) for out in (64, 128))
    source = f"""
input: 3x64x64
stem: ["7x7, 64, /2", "3x3 max pool, /2"]
block: {{order: pre}}
stages: {{conv2_x: "[{first}] x 2", conv3_x: "[{second}] x 2"}}
head: [average pool, 10-d 1x1 conv, flatten]
init: {{scheme: vgg}}
"""
    shuffle_statistics(theirs)
    spec = loads(source)
    ours = build(spec, seed=0, naming="timm")
    ours.load_state_dict(theirs.state_dict())
    projects = "stages.0.blocks.0.downsample.conv.weight" in ours.state_dict()
    assert projects is not basic
    x = image(2, 3, 75, 83)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
    assert recover(elaborate(spec)).stages == spec.stages


def test_drop_paths_are_timms() -> None:
    """Nine blocks: eighths of a rate are exact, however they are counted."""
    theirs = timm.models.resnet.ResNet(
        timm.models.resnet.BasicBlock, [2, 2, 3, 2], drop_path_rate=0.5
    )
    shuffle_statistics(theirs)
    row = "[[3x3, 256], [3x3, 256]] x 3"
    source = f"extends: timm/resnet18\ndrop_path: 0.5\nstages: {{conv4_x: '{row}'}}"
    ours = build(loads(source), init=False)
    ours.load_state_dict(theirs.state_dict())
    own = [m.p for m in ours.modules() if type(m).__name__ == "DropPath"]
    assert own == [m.drop_prob for m in theirs.modules() if type(m).__name__ == "DropPath"]
    x = image(4, 3, 75, 83)
    with torch.no_grad():
        torch.manual_seed(0)
        expected = theirs.train()(x)
        torch.manual_seed(0)
        actual = ours.train()(x)
        assert torch.equal(actual, expected)
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
        assert not torch.equal(actual, ours.train()(x))
