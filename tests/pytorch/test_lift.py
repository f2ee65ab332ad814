"""The way back: models to pages, by what they compute."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import timm
import torch
import torchvision
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import pad, relu
from torch.nn.utils.fusion import fuse_conv_bn_eval

from resnet_dsl import SpecError, build, elaborate, lift, load, loads, recover, zoo
from resnet_dsl.folds.anatomy import is_pre_activated
from resnet_dsl.ir import Act, Network, Residual
from resnet_dsl.notation import AdaptivePool, Dropout, DropPath, Fc
from resnet_dsl.spec import BatchNorm, GroupNorm, Spec
from tests.pytorch.reference import image, reference, shuffle_statistics
from tests.pytorch.test_family import EVEN, KNOWN, theirs
from tests.strategies import specs
from tests.test_zoo import plain


def assert_lifts(
    model: nn.Module,
    size: tuple[int, ...],
    *,
    at: tuple[int, ...] = (),
    frozen: bool = False,
    equal: bool = True,
) -> Spec:
    """The page of a model; built again, with the model's weights, it gives the same outputs.

    They are `equal` where both compute in the same order, else near; held together `at` a size.
    """
    shuffle_statistics(model)
    modes = [module.training for module in model.modules()]
    lifted = lift(model, size)
    assert modes == [module.training for module in model.modules()]
    choices = [found.choice for found in lifted.undetermined]
    assert choices == (["batch norm in training"] if frozen else [])
    ours = build(lifted.network, init=False).eval()
    theirs, state = model.state_dict(), ours.state_dict()
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    assert set(state) - set(lifted.weights) <= (counters if frozen else set())
    assert set(lifted.weights) <= set(state)
    assert len(set(lifted.weights.values())) == len(lifted.weights)
    carried = {name: theirs[source] for name, source in lifted.weights.items()}
    ours.load_state_dict({**state, **carried})
    x = image(*(at or (2, *size)))
    with torch.no_grad():
        found = model.eval()(x)
        expected: Tensor = found.logits if hasattr(found, "logits") else found
        own = ours(x)
    assert torch.equal(own, expected) if equal else nearly(own, expected)
    return lifted.spec


def nearly(own: Tensor, expected: Tensor) -> bool:
    return bool((own - expected).abs().max() < 1e-5 * expected.abs().max())


SOME = {
    "resnet18",
    "alexnet",
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


@pytest.mark.parametrize("name", some(KNOWN))
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_the_librarys_models_become_their_pages(name: str) -> None:
    spec = load(name)
    assert assert_lifts(theirs(name), (3, *spec.input[1:]), at=EVEN) == plain(spec)


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
    model = Logits(transformers.ResNetForImageClassification(config))
    assert assert_lifts(model, (3, 224, 224), at=EVEN) == plain(load(name))


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
    spec = assert_lifts(model, (3, 224, 224), at=EVEN)
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


def option_a(shortcut: Callable[[Tensor], Tensor]) -> nn.Module:
    """A block whose shortcut is a lambda."""
    block = Block(16, 32, 2)
    block.right = Lambda(shortcut)
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


class Numbered(nn.Module):
    """Layers by the names that a loop over a config makes; no blocks, no lists."""

    CONFIG = (("a", 16, 1, 2), ("b", 32, 2, 2))

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1)), nn.Sequential())
        self.idle = nn.Linear(3, 3)
        channels = 16
        for name, out, stride, depth in self.CONFIG:
            for i in range(depth):
                step = stride if i == 0 else 1
                setattr(self, f"{name}{i}_1", nn.Conv2d(channels, out, 1))
                setattr(self, f"{name}{i}_2", nn.Conv2d(out, out, 3, step, 1, groups=4))
                setattr(self, f"{name}{i}_3", nn.Conv2d(out, 2 * out, 1))
                if channels != 2 * out:
                    setattr(self, f"{name}{i}_0", nn.Conv2d(channels, 2 * out, 1, step))
                channels = 2 * out
        self.fc = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu_(self.stem(x))
        for name, _, _, depth in self.CONFIG:
            for i in range(depth):
                one, two, three = (getattr(self, f"{name}{i}_{j}") for j in (1, 2, 3))
                identity = getattr(self, f"{name}{i}_0", nn.Identity())(x)
                out = three(two(one(x).relu_()).relu())
                torch.tanh(out)  # a result that nobody uses
                out += identity
                x = torch.relu(out)
        x = functional.adaptive_avg_pool2d(x, (1, 1)).squeeze(3).squeeze(2)
        return self.fc(x)  # type: ignore[no-any-return]


def concatenated() -> nn.Module:
    """Zeros by concatenation, behind average pools of one pixel, as in the Lua code of 2016."""
    pool = nn.AvgPool2d(1, 2)
    return option_a(lambda x: torch.cat([pool(x), pool(x) * 0], 1))


SIDES = (0, 0, 0, 0, 8, 8)
HAND: dict[str, tuple[Callable[[], nn.Module], dict[str, str]]] = {
    "functional": (Functional, {}),
    "module list": (Listed, {}),
    "sequential": (sequential, {}),
    "pre-activated": (PreActivated, {"order": "pre"}),
    "by name": (Numbered, {"norm": "none"}),
    "option A": (
        lambda: option_a(lambda x: pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 16))),
        {"shortcut": "padding"},
    ),
    "option A on both sides": (
        lambda: option_a(lambda x: pad(x[:, :, ::2, ::2], SIDES, "constant", 0)),
        {"shortcut": "padding on both sides"},
    ),
    "option A by concatenation": (concatenated, {"shortcut": "padding"}),
}


@pytest.mark.parametrize("style", HAND)
def test_networks_written_by_hand_become_pages(style: str) -> None:
    model, keys = HAND[style]
    spec = assert_lifts(model(), (3, 33, 30))
    assert sum(row.repeats for stage in spec.stages.values() for row in stage.rows) > 0
    assert spec.block.model_dump(exclude_none=True) == keys


def test_zeros_on_both_sides_must_be_alike() -> None:
    model = option_a(lambda x: pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 6, 10)))
    with pytest.raises(SpecError, match="no page says"):
        lift(model, (3, 33, 30))


# ---------------------------------------------------------------- frozen and folded norms


def swapped(model: nn.Module, change: Callable[[nn.BatchNorm2d], nn.Module]) -> nn.Module:
    """A model with its batch norms changed."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            *above, last = name.split(".")
            setattr(model.get_submodule(".".join(above)), last, change(module))
    return model


class Written(nn.Module):
    """A frozen batch norm by its formula."""

    def __init__(self, channels: int, formula: Callable[..., Tensor]) -> None:
        super().__init__()
        self.formula = formula
        for name in ("var", "mean", "bias", "weight"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x, self.weight, self.bias, self.mean, self.var)


def by_channel(x: Tensor) -> Tensor:
    return x[None, :, None, None]


def scale_and_shift(x: Tensor, w: Tensor, b: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """As detectron2 writes it."""
    scale = w * (v + 1e-3).rsqrt()
    shift = (b - m * scale).reshape(1, -1, 1, 1)
    return x * scale.reshape(1, -1, 1, 1).to(x.dtype) + shift.to(x.dtype)


def as_in_the_paper(x: Tensor, w: Tensor, b: Tensor, m: Tensor, v: Tensor) -> Tensor:
    normal = (x - by_channel(m)) / torch.sqrt(by_channel(v) + 1e-3)
    return by_channel(w) * normal + by_channel(b)


def without_eps(x: Tensor, w: Tensor, b: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """As the first Mask R-CNN of PyTorch."""
    scale = w * v.rsqrt()
    return x * by_channel(scale) + by_channel(b - m * scale)


class Always(nn.BatchNorm2d):
    """A batch norm that stays in evaluation."""

    def train(self, mode: bool = True) -> Always:  # noqa: ARG002
        super().train(False)
        return self


FROZEN: dict[str, tuple[Callable[[int], nn.Module], float, bool]] = {
    "torchvision": (lambda n: torchvision.ops.FrozenBatchNorm2d(n, 1e-3), 1e-3, False),
    "detectron2": (lambda n: Written(n, scale_and_shift), 1e-3, False),
    "the paper": (lambda n: Written(n, as_in_the_paper), 1e-3, False),
    "no eps": (lambda n: Written(n, without_eps), 0.0, False),
    "evaluation": (lambda n: Always(n, 1e-3), 1e-3, True),
}


@pytest.mark.parametrize("style", FROZEN)
def test_frozen_norms_are_batch_norms(style: str) -> None:
    made, eps, equal = FROZEN[style]
    model = swapped(Listed(), lambda norm: made(norm.num_features))
    spec = assert_lifts(model, (3, 33, 30), frozen=True, equal=equal)
    norm = BatchNorm(eps=eps)
    assert spec.block.norm == (None if norm == BatchNorm() else norm)
    assert spec.stages == lift(Listed(), (3, 33, 30)).spec.stages


@pytest.mark.parametrize(
    "formula",
    [
        lambda x, w, b, *_: x * by_channel(w) + by_channel(b),
        lambda x, w, b, m, v: x * by_channel(w / (v + 1e-5)) + by_channel(b - m),
        lambda x, w, b, m, v: as_in_the_paper(x, w, b, m, v) * 2,
        lambda x, w, b, m, v: as_in_the_paper(x, w[None, None, None], b, m, v),
    ],
)
def test_other_scales_are_refused(formula: Callable[..., Tensor]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 30, 3, 1, 1), Written(30, formula), nn.ReLU())
    with pytest.raises(SpecError, match="1: "):
        lift(model, (3, 33, 30))


def fold(model: nn.Module) -> None:
    """Every batch norm into the convolution before it."""
    for module in [*model.modules()]:
        before: nn.Module | None = None
        for name, child in [*module.named_children()]:
            if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
                before.weight, before.bias = fuse_conv_bn_eval(before, child).parameters()
                setattr(module, name, nn.Identity())
            before = child


def test_folded_norms_are_biases() -> None:
    model = reference("resnet18").eval()
    shuffle_statistics(model)
    fold(model)
    spec = assert_lifts(model, (3, 64, 64))
    assert spec.block.model_dump(exclude_none=True) == {"norm": "none"}
    rows = [stage.rows for stage in spec.stages.values()]
    assert rows == [stage.rows for stage in load("resnet18").stages.values()]


def test_partly_folded_norms_are_said_or_refused() -> None:
    said = nn.Sequential(Block(3, 16), Block(16, 16))
    fold(said.eval()[1])
    spec = assert_lifts(said, (3, 33, 30))
    assert [stage.norm for stage in spec.stages.values()] == [None, "none"]
    half = Block(3, 16)
    fold(half.eval().right)
    with pytest.raises(SpecError, match="two norms"):
        lift(half, (3, 33, 30))


# ---------------------------------------------------------------- what forward may do


class Shared(nn.Module):
    """One convolution, applied twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.conv(relu(self.conv(x))))


def tied() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3), nn.ReLU())
    model[2].weight = model[0].weight
    return model


@pytest.mark.parametrize("made", [Shared, tied])
def test_shared_weights_are_refused(made: Callable[[], nn.Module]) -> None:
    with pytest.raises(SpecError, match="weight: a weight that two layers share"):
        lift(made(), (3, 33, 30))


def test_a_head_may_take_the_map_apart() -> None:
    for head in (
        lambda x: x.mean(3).mean(2),
        lambda x: x.view(len(x), x.shape[1], -1).mean(2),
        lambda x: functional.adaptive_avg_pool2d(x, 1).view(-1, 3),
        lambda x: functional.adaptive_avg_pool2d(x, 1).reshape(len(x), -1),
        lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze(),
        lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
        lambda x: functional.adaptive_avg_pool2d(x, 1)[:, :, 0, 0],
    ):
        model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), Lambda(head), nn.Linear(3, 5))
        spec = assert_lifts(model, (3, 33, 30), equal=False)
        assert spec.head == (AdaptivePool(), Fc(features=5))


class Upcast(nn.GroupNorm):
    """A norm in single precision, whatever it gets."""

    def forward(self, x: Tensor) -> Tensor:
        found = functional.group_norm(
            x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps
        )
        return found.to(x.dtype)


def test_casts_that_come_back_are_no_layers() -> None:
    layers = nn.Conv2d(3, 8, 3), Upcast(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3), Upcast(2, 8)
    model = nn.Sequential(*layers, nn.ReLU()).bfloat16()
    assert lift(model, (3, 33, 30)).spec.block.norm == GroupNorm(groups=2)


class Noisy(nn.Module):
    """A block whose body is dropped in training."""

    def __init__(self, drop: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.drop, self.block = drop, Block(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        body = self.block.left(x)
        return relu(x + (self.drop(body) if self.training else body))


def floored(x: Tensor) -> Tensor:
    """Stochastic depth as EfficientNet's code first had it."""
    return x.div(0.7) * (0.7 + torch.rand(len(x), 1, 1, 1)).floor_()


@pytest.mark.parametrize(
    ("drop", "known"),
    [
        (floored, True),
        (lambda x: torchvision.ops.stochastic_depth(x, 0.3, "row"), True),
        (lambda x: torchvision.ops.stochastic_depth(x, 0.3, "batch"), False),
        (lambda x: x * torch.empty(len(x), 1, 1, 1).bernoulli_(0.7), False),
        (lambda x: functional.dropout2d(x, 0.3), False),
    ],
)
def test_paths_are_dropped_by_image(drop: Callable[[Tensor], Tensor], *, known: bool) -> None:
    lifted = lift(Noisy(drop), (3, 33, 30))
    assert [found.default for found in lifted.undetermined] == ([] if known else ["none"])
    (stage,) = lifted.spec.stages.values()
    assert (DropPath(p=0.3) in stage.rows[0].layers) is known


def test_wrapped_models_become_pages() -> None:
    expected = plain(load("resnet18"))
    assert assert_lifts(nn.DataParallel(reference("resnet18")), (3, 224, 224), at=EVEN) == expected
    compiled = torch.compile(reference("resnet18"), backend="eager")
    assert isinstance(compiled, nn.Module)
    assert assert_lifts(compiled, (3, 224, 224), at=EVEN) == expected


def test_drop_paths_and_dropout_show_in_training() -> None:
    model = timm.create_model("resnet18", drop_path_rate=0.25, drop_rate=0.1)
    found = lift(model, (3, 224, 224))
    assert found.spec.drop_path == 0.25
    assert Dropout(p=0.1) in found.spec.head
    assert found.spec.stages == load("resnet18").stages


def test_a_mean_of_all_batches_is_named() -> None:
    model = Functional()
    model.na = nn.BatchNorm2d(16, momentum=None)
    found = {choice.choice: choice.default for choice in lift(model, (3, 33, 30)).undetermined}
    assert found["momentum of batch norms"] == "0"


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
        lambda x: pad(x, (-1, -1, -1, -1)),
        lambda x: x.half().float(),
        lambda x: x.double().float(),
        lambda x: torch.cat(x.split(1, 1), 1),
        lambda x: functional.dropout(x, 0.5),
        lambda x: x + x.mean((2, 3), keepdim=True),
        lambda x: x.reshape(x.shape) + functional.relu_(x),
        lambda x: functional.batch_norm(x, x.new_zeros(3), x.new_ones(3)),
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


# ---------------------------------------------------------------- the identity law


def scrambled(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model without its page, with other names for its classes, parts and weights."""
    del model.spec
    random = Random(seed)
    for module in list(model.modules()):
        renamed = {}
        for held in (module._modules, module._parameters, module._buffers):
            for name in list(held):
                other = f"x{random.randrange(10**9)}"
                held[other] = held.pop(name)  # type: ignore[assignment]
                renamed[name] = property(attrgetter(other))
        own = type(f"Thing{random.randrange(10**9)}", (module.__class__,), renamed)
        module.__class__ = own
    return nn.Sequential(Lambda(model))


def is_ambiguous(network: Network) -> bool:
    """Without norms, what stands between two additions may end a block or open the next: pages of
    both orders then compute the same."""
    pairs = pairwise(network.layers)
    return any(
        isinstance(one, Residual) and is_pre_activated(one) and isinstance(other, Act)
        for one, other in pairs
    )


@pytest.mark.parametrize("name", some(name for name in zoo() if name not in KNOWN))
def test_pages_come_back_from_their_models(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load(name)
    model = scrambled(build(spec, init=False))
    monkeypatch.setattr(import_module("resnet_dsl.zoo"), "FOLDER", Path("nowhere"))
    assert lift(model, spec.input).spec == plain(spec)


@settings(max_examples=60 if settings().max_examples > 60 else 10)
@given(specs(), st.integers(0, 9))
def test_lift_is_the_inverse_of_build(spec: Spec, seed: int) -> None:
    network = elaborate(spec)
    found = lift(scrambled(build(spec, init=False), seed), spec.input)
    assert found.undetermined == ()
    if is_ambiguous(network):
        again = lift(build(found.spec, init=False), spec.input)
        assert (again.spec, again.network) == (found.spec, found.network)
    else:
        assert (found.spec, found.network) == (recover(network), network)


def test_pre_activated_blocks_without_norms_are_read_as_such() -> None:
    page = "{input: 4x32x32, stem: ['3x3, 16'], block: {order: pre, norm: none}, head: [], stages: "
    page += "{a: '[[3x3, 32], [3x3, 32]] x 2', b: '[[3x3, 64], [3x3, 64]]', c: '[[3x3, 96]] x 2'}}"
    spec = loads(page)
    assert lift(build(spec, init=False), spec.input).network == elaborate(spec)


def test_a_model_is_not_changed() -> None:
    model = reference("resnet18").train()
    before = copy.deepcopy(model.state_dict())
    lift(model, (3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
