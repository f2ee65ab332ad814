"""Batch norms that are frozen, by any formula, or folded into convolutions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from resnet_dsl import SpecError, lift, load
from resnet_dsl.language.spec import BatchNorm, BlockKeys
from resnet_dsl.language.spec import Standardized as StandardizedWeights
from tests.pytorch.lifting import Block, Listed, assert_lifts
from tests.pytorch.reference import reference, shuffle_statistics


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
    built, eps, equal = FROZEN[style]
    model = swapped(Listed(), lambda norm: built(norm.num_features))
    spec = assert_lifts(model, (3, 33, 30), frozen=True, equal=equal, without_eps=eps == 0)
    norm = BatchNorm(eps=eps)
    assert spec.block.norm == (None if norm == BatchNorm() else norm)
    assert spec.stages == lift(Listed(), (3, 33, 30)).spec.stages


@pytest.mark.parametrize(
    "formula",
    [
        lambda x, w, b, *_: x * by_channel(w) + by_channel(b),
        lambda x, w, b, m, v: x * by_channel(w / (v + 1e-5)) + by_channel(b - m),
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
    assert spec.block == BlockKeys(norm="none")
    rows = [stage.rows for stage in spec.stages.values()]
    assert rows == [stage.rows for stage in load("resnet18").stages.values()]


def test_partly_folded_norms_are_said_or_refused() -> None:
    stated = nn.Sequential(Block(3, 16), Block(16, 16))
    fold(stated.eval()[1])
    spec = assert_lifts(stated, (3, 33, 30))
    assert [stage.norm for stage in spec.stages.values()] == [None, "none"]
    half = Block(3, 16)
    fold(half.eval().right)
    assert assert_lifts(half, (3, 33, 30)).block.projection == "1x1, no norm"


class Standardized(nn.Conv2d):
    """Filters with mean 0 and variance 1, by a formula that is written out."""

    def __init__(self, formula: Callable[[Tensor], Tensor], channels: int) -> None:
        super().__init__(channels, 8, 3, padding=1, bias=False)
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.formula(self.weight), padding=self.padding)


def by_variance(weight: Tensor) -> Tensor:
    """As Google's BiT has it."""
    var, mean = torch.var_mean(weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
    return (weight - mean) / torch.sqrt(var + 1e-10)


def by_deviation(weight: Tensor) -> Tensor:
    """As the authors of weight standardization have it."""
    mean = weight.mean(dim=1, keepdim=True).mean(dim=2, keepdim=True).mean(dim=3, keepdim=True)
    weight = weight - mean
    std = weight.view(weight.size(0), -1).std(dim=1).view(-1, 1, 1, 1) + 1e-5
    return weight / std.expand_as(weight)


def by_batch_norm(weight: Tensor) -> Tensor:
    """As timm has it, with the eps of its default."""
    rows = weight.reshape(1, len(weight), -1)
    return functional.batch_norm(rows, None, None, training=True, eps=1e-6).reshape_as(weight)


@pytest.mark.parametrize(
    ("formula", "weights"),
    [
        (by_variance, StandardizedWeights(formula="variance", eps=1e-10)),
        (by_deviation, StandardizedWeights(formula="deviation", eps=1e-5)),
        (by_batch_norm, StandardizedWeights(eps=1e-6)),
    ],
)
def test_standardized_filters_by_written_formulas(
    formula: Callable[[Tensor], Tensor], weights: StandardizedWeights
) -> None:
    first, second = (Standardized(formula, channels) for channels in (3, 8))
    norms = (nn.GroupNorm(4, 8), nn.ReLU())
    model = nn.Sequential(first, *norms, second, nn.GroupNorm(4, 8), nn.ReLU())
    assert assert_lifts(model, (3, 20, 24)).block.weights == weights
