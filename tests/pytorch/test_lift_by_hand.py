"""The way back from code of any style: what is a spec, and what is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import pad, relu

from resnet_dsl import SpecError, lift
from resnet_dsl.language.spec import BlockKeys, GroupNorm
from resnet_dsl.notation.terms import AdaptivePool, DropPath, Fc, Norm
from tests.pytorch.lifting import Block, Lambda, Listed, assert_lifts


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
                first, two, three = (getattr(self, f"{name}{i}_{j}") for j in (1, 2, 3))
                identity = getattr(self, f"{name}{i}_0", nn.Identity())(x)
                out = three(two(first(x).relu_()).relu())
                torch.tanh(out)  # a result that nobody uses
                out += identity
                x = torch.relu(out)
        x = functional.adaptive_avg_pool2d(x, (1, 1)).squeeze(3).squeeze(2)
        return self.fc(x)  # type: ignore[no-any-return]


def concatenated() -> nn.Module:
    """Zeros by concatenation, after average pools of one pixel, as in the Lua code of 2016."""
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
def test_networks_written_by_hand_become_specs(style: str) -> None:
    model, keys = HAND[style]
    spec = assert_lifts(model(), (3, 33, 30))
    assert sum(row.repeats for stage in spec.stages.values() for row in stage.rows) > 0
    assert spec.block == BlockKeys(**keys)  # type: ignore[arg-type]  # keys of a parameter


def test_zeros_on_both_sides_must_be_alike() -> None:
    model = option_a(lambda x: pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 6, 10)))
    with pytest.raises(SpecError, match="no spec can express"):
        lift(model, (3, 33, 30))


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


@pytest.mark.parametrize("built", [Shared, tied])
def test_shared_weights_are_refused(built: Callable[[], nn.Module]) -> None:
    with pytest.raises(SpecError, match="weight: a weight that two layers share"):
        lift(built(), (3, 33, 30))


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
        actual = functional.group_norm(
            x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps
        )
        return actual.to(x.dtype)


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
    ],
)
def test_paths_are_dropped_by_image(drop: Callable[[Tensor], Tensor], *, known: bool) -> None:
    lifted = lift(Noisy(drop), (3, 33, 30))
    assert [actual.default for actual in lifted.undetermined] == ([] if known else ["none"])
    (stage,) = lifted.spec.stages.values()
    assert (DropPath(p=0.3) in stage.rows[0].layers) is known


def test_a_mean_of_all_batches_is_said() -> None:
    model = Functional()
    model.na = nn.BatchNorm2d(16, momentum=None)
    lifted = lift(model, (3, 33, 30))
    assert lifted.undetermined == ()
    assert Norm(kind="batch", momentum="cumulative") in lifted.spec.stem
    assert model.na.momentum is None


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
    """Something before a network."""

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
        lambda x: x + x,
        lambda x: x.clamp(min=0.5),
        lambda x: x[:, :, :20],
        lambda x: x[:, :, 1::2, 1::2],
        lambda x: x[:, :, ::2],
        lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        lambda x: functional.max_pool2d(x, 3, 1, 1, dilation=2),
        lambda x: functional.group_norm(x, 3),
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
    with pytest.raises(SpecError, match=r"layer: .* is not supported"):
        lift(First(function), (3, 33, 30))


def test_a_block_without_a_convolution_is_refused() -> None:
    with pytest.raises(SpecError, match="without"):
        lift(First(lambda x: x + relu(x)), (3, 33, 30))
