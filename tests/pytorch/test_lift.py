"""The way back: models to pages, by what they compute."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import pad, relu

from resnet_dsl import SpecError, build, lift, load, zoo
from resnet_dsl.notation import Dropout
from resnet_dsl.spec import Spec
from tests.pytorch.reference import image, reference, shuffle_statistics
from tests.pytorch.test_family import KNOWN, theirs
from tests.test_zoo import plain


def assert_lifts(model: nn.Module, size: tuple[int, ...], *, rows: int = 2) -> Spec:
    """The page of a model; built again, with the model's weights, it gives the same outputs."""
    shuffle_statistics(model)
    modes = [module.training for module in model.modules()]
    lifted = lift(model, size)
    assert modes == [module.training for module in model.modules()]
    assert lifted.undetermined == ()
    ours = build(lifted.network, init=False).eval()
    state, own = model.state_dict(), ours.state_dict()
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    assert set(lifted.weights) == set(own) - counters
    assert len(set(lifted.weights.values())) == len(lifted.weights)
    ours.load_state_dict(
        {name: own[name] if name in counters else state[lifted.weights[name]] for name in own}
    )
    x = image(rows, *size)
    with torch.no_grad():
        found = model.eval()(x)
        expected: Tensor = found.logits if hasattr(found, "logits") else found
        assert torch.equal(ours(x), expected)
    return lifted.spec


SOME = {
    "resnet18",
    "alexnet",
    "googlenet",
    "timm/resnetblur18",
    "timm/resnetv2_18d",
    "timm/seresnet18",
    "timm/test_resnet",
    "lenet5",
    "cifar/course",
    "cifar/resnet20",
    "cifar/se_resnet20",
    "paper/plain18",
    "paper/resnet34-A",
}


def some(names: Iterable[str]) -> list[Any]:
    """Exports take seconds: a few of them, all with --exhaustive."""
    marks = {name: () if name in SOME else pytest.mark.exhaustive for name in names}
    return [pytest.param(name, marks=mark, id=name) for name, mark in marks.items()]


DEEP = re.compile(r"101|110|1[0-9]4|152|200|201|269|270|350|420|1001|1202|34d?$|vgg1[3-9]|44|56")


@pytest.mark.parametrize("name", some(name for name in KNOWN if not DEEP.search(name)))
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_the_librarys_models_become_their_pages(name: str) -> None:
    spec = load(name)
    assert assert_lifts(theirs(name), (3, *spec.input[1:])) == plain(spec)


@pytest.mark.parametrize(
    ("layers", "kind", "name"),
    [
        ([2, 2, 2, 2], "basic", "resnet18"),
        ([2, 2, 2, 2], "bottleneck", "timm/resnet26"),
        pytest.param([3, 4, 6, 3], "basic", "resnet34", marks=pytest.mark.exhaustive, id="34"),
        pytest.param([3, 4, 6, 3], "bottleneck", "resnet50", marks=pytest.mark.exhaustive, id="50"),
        pytest.param(
            [3, 4, 23, 3], "bottleneck", "resnet101", marks=pytest.mark.exhaustive, id="101"
        ),
        pytest.param(
            [3, 8, 36, 3], "bottleneck", "resnet152", marks=pytest.mark.exhaustive, id="152"
        ),
    ],
)
def test_transformers_resnets_become_pages(layers: list[int], kind: str, name: str) -> None:
    widths = [64, 128, 256, 512] if kind == "basic" else [256, 512, 1024, 2048]
    config = transformers.ResNetConfig(
        depths=layers, hidden_sizes=widths, layer_type=kind, num_labels=1000
    )
    found = assert_lifts(Logits(transformers.ResNetForImageClassification(config)), (3, 224, 224))
    assert found == plain(load(name))


class Logits(nn.Module):
    """transformers' models give an object; its logits are the output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Any:
        return self.model(x).logits


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        ("downsample_in_first_stage", {"stride": 2}),
        ("downsample_in_bottleneck", {"stride_on": "first"}),
    ],
)
def test_transformers_variants_become_pages(option: str, changed: dict[str, Any]) -> None:
    config = transformers.ResNetConfig(depths=[2, 1, 1, 1], num_labels=1000, **{option: True})
    model = Logits(transformers.ResNetForImageClassification(config))
    spec = assert_lifts(model, (3, 224, 224))
    said = spec.block if "stride_on" in changed else spec.stages["conv2_x"]
    assert all(getattr(said, key) == value for key, value in changed.items())


# ---------------------------------------------------------------- networks written by hand


class Functional(nn.Module):
    """Everything in `forward`; a module that nobody uses."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.na = nn.BatchNorm2d(16)
        self.b = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.nb = nn.BatchNorm2d(16)
        self.c = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.nc = nn.BatchNorm2d(16)
        self.unused = nn.Linear(16, 16)
        self.out = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.na(self.a(x)))
        y = functional.relu(self.nb(self.b(x)))
        x = functional.relu(x + self.nc(self.c(y)))
        x = functional.adaptive_avg_pool2d(x, 1)
        return self.out(torch.flatten(x, 1))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One ReLU for all places, in place."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.left = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            self.act,
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.right: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.right = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.left(x) + self.right(x))
        return out


class Listed(nn.Module):
    """Blocks in a ModuleList, from a loop over a config."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        channels = 3
        for out, stride, depth in ((16, 1, 2), (32, 2, 2)):
            for i in range(depth):
                self.blocks.append(Block(channels, out, stride if i == 0 else 1))
                channels = out
        self.head = nn.Conv2d(channels, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean([2, 3], keepdim=True)).flatten(1)  # type: ignore[no-any-return]


def sequential() -> nn.Module:
    """A Sequential of blocks."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 7, 2, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Block(16, 16),
        Block(16, 32, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32, 10),
    )


class Lambda(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def option_a() -> nn.Module:
    """Every other pixel, and zeros behind the channels, in a lambda."""
    block = Block(16, 32, 2)
    block.right = Lambda(lambda x: pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 16)))
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), block
    )


class PreActivated(nn.Module):
    """ResNet v2, in one class."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(c) for c in (16, 16, 16, 32, 32)])
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(16, 16, 3, 1, 1, bias=False),
                nn.Conv2d(16, 16, 3, 1, 1, bias=False),
                nn.Conv2d(16, 32, 3, 2, 1, bias=False),
                nn.Conv2d(32, 32, 3, 1, 1, bias=False),
            ]
        )
        self.project = nn.Conv2d(16, 32, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c = self.norms, self.convs
        x = self.stem(x)
        x = x + c[1](relu(n[1](c[0](relu(n[0](x))))))
        y = relu(n[2](x))
        x = c[3](relu(n[3](c[2](y)))) + self.project(y)
        return relu(n[4](x)).mean((2, 3))


HAND = {
    "functional": Functional,
    "module list": Listed,
    "sequential": sequential,
    "option A in a lambda": option_a,
    "pre-activated": PreActivated,
}


@pytest.mark.parametrize("style", HAND)
def test_networks_written_by_hand_become_pages(style: str) -> None:
    spec = assert_lifts(HAND[style](), (3, 33, 30))
    assert sum(row.repeats for stage in spec.stages.values() for row in stage.rows) > 0
    if style == "option A in a lambda":
        assert spec.block.shortcut == "padding"
    if style == "pre-activated":
        assert spec.block.order == "pre"


def test_wrapped_models_become_pages() -> None:
    expected = plain(load("resnet18"))
    assert assert_lifts(nn.DataParallel(reference("resnet18")), (3, 224, 224)) == expected
    compiled = torch.compile(reference("resnet18"), backend="eager")
    assert isinstance(compiled, nn.Module)
    assert assert_lifts(compiled, (3, 224, 224)) == expected


def test_drop_paths_and_dropout_show_in_training() -> None:
    model = timm.create_model("resnet18", drop_path_rate=0.25, drop_rate=0.1)
    found = lift(model, (3, 224, 224))
    assert found.spec.drop_path == 0.25
    assert Dropout(p=0.1) in found.spec.head
    assert found.spec.stages == load("resnet18").stages


def test_what_training_hides_is_named() -> None:
    class Hides(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Functional()

        def forward(self, x: Tensor) -> Any:
            if self.training and x.sum() > 0:  # depends on data: it cannot be exported
                return self.net(x) * 2
            return self.net(x)

    (hidden,) = lift(Hides(), (3, 33, 30)).undetermined
    assert "drop path" in hidden.choice


class First(nn.Module):
    """Something in front of a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = Lambda(function)
        self.net = Functional()

    def forward(self, x: Tensor) -> Any:
        return self.net(self.layer(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.fft.fft(x).real,
        lambda x: x * 2,
        lambda x: x + 1,
        lambda x: x + x,
        lambda x: x.clamp(min=0.5),
        lambda x: x[:, :, :20],
        lambda x: x[:, :, 1::2, 1::2],
        lambda x: x[:, :, ::2],
        lambda x: functional.gelu(x, approximate="tanh"),
        lambda x: functional.elu(x, alpha=0.5),
        lambda x: functional.leaky_relu(x, 0.2),
        lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        lambda x: functional.max_pool2d(x, 3, 1, 1, dilation=2),
        lambda x: functional.group_norm(x, 3),
        lambda x: functional.instance_norm(x),
        lambda x: x.transpose(2, 3),
        lambda x: x.flip(3),
        lambda x: pad(x, (1, 0, 2, 0)),
        lambda x: pad(x, (1, 1, 1, 1), value=1.0),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(
    function: Callable[[Tensor], Tensor],
) -> None:
    with pytest.raises(SpecError, match=r"layer: .* is no layer of this language"):
        lift(First(function), (3, 33, 30))


def test_a_block_without_a_convolution_is_refused() -> None:
    with pytest.raises(SpecError, match="without"):
        lift(First(lambda x: x + relu(x)), (3, 33, 30))


def scrambled(model: nn.Module) -> nn.Module:
    """A model without its page, with other names for its parts and classes."""
    del model.spec
    for number, module in enumerate(list(model.modules())):
        module.__class__ = type(f"Thing{number}", (module.__class__,), {})
    return Holder(model)


class Holder(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.x1 = model

    def forward(self, x: Tensor) -> Any:
        return self.x1(x)


OWN = [name for name in zoo() if name not in KNOWN and not DEEP.search(name)]


@pytest.mark.parametrize("name", some(OWN))
def test_pages_come_back_from_their_models(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load(name)
    model = scrambled(build(spec, init=False))
    monkeypatch.setattr(import_module("resnet_dsl.zoo"), "FOLDER", Path("nowhere"))
    assert lift(model, spec.input).spec == plain(spec)


def test_a_model_is_not_changed() -> None:
    model = reference("resnet18").train()
    before = copy.deepcopy(model.state_dict())
    lift(model, (3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
