"""What torchvision does not build, held against networks written out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from resnet_dsl import build, ir, loads
from resnet_dsl.naming import named
from resnet_dsl.naming.module_tree import members
from tests.pytorch.reference import image


class OptionA(nn.Module):
    """A block of He et al. 2015, section 4.2: zeros for the channels that are new."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, width - channels
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        shortcut = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))
        return relu(out + shortcut)


class Cifar(nn.Module):
    """The CIFAR-10 network with 6n + 2 layers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for stage, width in enumerate((16, 32, 64), 1):
            blocks = []
            for i in range(n):
                blocks.append(OptionA(channels, width, 2 if i == 0 and stage > 1 else 1))
                channels = width
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.bn1(self.conv1(x)))
        for stage in (1, 2, 3):
            x = self.get_submodule(f"layer{stage}")(x)
        out: Tensor = self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return out


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
@pytest.mark.parametrize("side", [32, 33])
def test_cifar_networks_pad_their_shortcuts_with_zeros(depth: int, side: int) -> None:
    theirs = Cifar((depth - 2) // 6)
    ours = build(f"cifar/resnet{depth}", init=False)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = image(2, 3, side, side)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))
    assert torch.equal(ours.train()(x), theirs.train()(x))


def test_a_plain_network_is_its_convolutions_in_a_row() -> None:
    ours = build("paper/plain18", seed=0).eval()
    layers: list[nn.Module] = []
    channels = 3
    convs = [m for m in ours.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in ours.modules() if isinstance(m, nn.BatchNorm2d)]
    strides = [2, *[1] * 4, 2, *[1] * 3, 2, *[1] * 3, 2, *[1] * 3]
    for i, (conv, norm, stride) in enumerate(zip(convs, norms, strides, strict=True)):
        kernel = 7 if i == 0 else 3
        layer = nn.Conv2d(channels, conv.out_channels, kernel, stride, kernel // 2, bias=False)
        layer.load_state_dict(conv.state_dict())
        channels = conv.out_channels
        layers += [layer, norm, nn.ReLU()] + ([nn.MaxPool2d(3, 2, 1)] if i == 0 else [])
    x = image(1, 3, 75, 83)
    fc = ours.get_submodule("classifier.0")
    assert torch.equal(ours(x), fc(nn.Sequential(*layers)(x).mean((2, 3))))
    assert type(ours).__name__ == "PlainNet"


SPEC = """
input: 3x32x32
stem: [{stem}]
block: {block}
stages:
  a: "{row}"
head: [{head}]
"""


def source(row: str, *, stem: str = "", block: str = "{}", head: str = "") -> nn.Module:
    return build(loads(SPEC.format(row=row, stem=stem, block=block, head=head)), seed=0).eval()


def test_option_c_projects_in_every_block() -> None:
    model = source("[[3x3, 8]] x 3", stem='"3x3, 8"', block="{shortcut: always}")
    keys = [key for key in model.state_dict() if key.endswith("downsample.0.weight")]
    assert keys == [f"layer1.{i}.downsample.0.weight" for i in range(3)]


def test_branches_are_concatenated() -> None:
    model = source("[[1x1, 4] | [3x3, 8], [3x3, 2] | [3x3 max pool, /1]]", block="{shortcut: none}")
    block = model.get_submodule("inception3a")
    x = image(2, 3, 9, 9)
    parts = [block.get_submodule(f"branch{i}")(x) for i in (1, 2, 3)]
    assert torch.equal(model(x), torch.cat(parts, 1))
    assert [part.shape[1] for part in parts] == [4, 2, 3]


def test_a_residual_block_may_have_branches() -> None:
    model = source("[[1x1, 4], [3x3, 4] | [3x3, 4]] x 2", stem='"3x3, 8"')
    block = model.get_submodule("layer1.0")
    x = image(2, 3, 9, 9)
    stem = relu(model.get_submodule("bn1")(model.get_submodule("conv1")(x)))
    parts = [block.get_submodule(f"branch{i}")(stem) for i in (1, 2)]
    once = relu(torch.cat(parts, 1) + stem)
    assert torch.equal(model(x), model.get_submodule("layer1.1")(once))


def test_without_a_norm_convolutions_have_biases() -> None:
    model = source("[[3x3, 8]] x 2", stem='"3x3, 8"', block="{norm: none}")
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert all(m.bias is not None for m in model.modules() if isinstance(m, nn.Conv2d))


def test_norms_take_their_numbers_from_the_spec() -> None:
    model = source("[[3x3, 8]]", block="{norm: {kind: batch, eps: 1e-3, momentum: 0.01}}")
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [(m.eps, m.momentum) for m in norms] == [(1e-3, 0.01)] * 2  # body and projection


ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
}


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations_are_pytorchs(kind: str) -> None:
    model = source("[[3x3, 8]]", block=f"{{activation: {kind}, shortcut: none}}")
    conv, norm = (model.get_submodule(f"features.{place}") for place in (0, 1))
    x = image(2, 3, 9, 9) * 5
    assert torch.equal(model(x), ACTIVATIONS[kind](norm(conv(x))))
    model.train()(x).sum().backward()  # nothing worked in place that the gradient needs


def test_a_head_of_several_layers() -> None:
    model = source(
        "[[3x3, 8]]",
        block="{shortcut: none}",
        head="8x8 average pool, dropout 0.5, 12-d fc, fc 10, softmax",
    )
    x = image(2, 3, 32, 32)
    pooled = model.get_submodule("features")(x).flatten(1)
    hidden = relu(model.get_submodule("classifier.0")(pooled))
    expected = model.get_submodule("classifier.2")(hidden).softmax(1)
    assert torch.equal(model(x), expected)


def test_a_convolution_classifies() -> None:
    model = source("[[3x3, 8]]", head="average pool, 10-d 1x1 conv, flatten")
    fc = model.get_submodule("fc")
    assert isinstance(fc, nn.Conv2d)
    assert fc.bias is not None
    assert model(image(2, 3, 32, 32)).shape == (2, 10)


def test_a_deep_stem_is_one_module() -> None:
    model = source("[[3x3, 8]]", stem='"3x3, 4, /2", "3x3, 4", "3x3, 8", "3x3 max pool, /2"')
    names = [name for name, _ in model.named_children()]
    assert names == ["conv1", "bn1", "relu", "maxpool", "layer1"]
    assert len(list(model.get_submodule("conv1").children())) == 7


def test_an_activation_that_opens_a_body_does_not_work_in_place() -> None:
    """It reads the very map that the shortcut adds."""
    conv = ir.Conv(in_channels=3, out_channels=3, kernel=3, padding=1)
    body = ir.sequence(ir.Act("relu"), conv, ir.Act("relu"), conv)
    block = ir.Residual(body=body, after=ir.Act("silu"))
    actual = dict(members(named(ir.network(ir.Shape(3, 9, 9), block))))
    assert not actual["layer1.0.relu"].in_place
    assert actual["layer1.0.silu"].in_place


def test_a_shared_activation_is_in_place_where_all_uses_allow_it() -> None:
    conv = ir.Conv(in_channels=3, out_channels=3, kernel=3, padding=1)
    body = ir.sequence(conv, ir.Act("relu"), ir.Dropout(0.5), ir.Act("relu"), conv)
    block = ir.Residual(body=body, after=ir.Act("silu"))
    actual = dict(members(named(ir.network(ir.Shape(3, 9, 9), block))))
    assert len(actual["layer1.0.relu"].paths) == 2
    assert not actual["layer1.0.relu"].in_place
