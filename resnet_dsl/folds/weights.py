"""What a leaf keeps: the names of its tensors, and their shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias, assert_never

from resnet_dsl.ir import (
    BatchNorm,
    Conv,
    EfficientChannelAttention,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Leaf,
    LearnedScale,
    Linear,
    Parameterless,
    PReLU,
    SpatialAttention,
    SqueezeExcite,
)

TensorShape: TypeAlias = tuple[int, ...]
COUNTER: Final = "num_batches_tracked"
"""A batch norm counts its steps; nothing is computed from it, and older files leave it out."""
STATISTICS: Final = frozenset({"running_mean", "running_var", COUNTER})
"""Tensors that are kept and not learned, by the last part of their key."""


def weight_shapes(leaf: Leaf) -> dict[str, TensorShape]:
    """The tensors of one leaf by name, as PyTorch keeps them.

    >>> weight_shapes(Conv(in_channels=8, out_channels=16, kernel=3, groups=2))
    {'weight': (16, 4, 3, 3)}
    """
    return dict(_tensors(leaf))


def _tensors(leaf: Leaf) -> Iterator[tuple[str, TensorShape]]:
    match leaf:
        case Conv(in_channels=i, out_channels=o, kernel=k, groups=g, bias=bias):
            yield "weight", (o, i // g, k, k)
            if bias:
                yield "bias", (o,)
        case Linear(in_features=i, out_features=o, bias=bias):
            yield "weight", (o, i)
            if bias:
                yield "bias", (o,)
        case BatchNorm():
            yield from _batch_norm(leaf)
        case InstanceNorm(channels=c, affine=affine):
            yield from (("weight", (c,)), ("bias", (c,))) if affine else ()
        case GroupNorm(channels=c) | LayerNorm(channels=c):
            yield from (("weight", (c,)), ("bias", (c,)))
        case EvoNorm(channels=c):
            yield from (("weight", (c,)), ("bias", (c,)), ("v", (c,)))
        case FilterResponseNorm(channels=c):
            yield from (("weight", (c,)), ("bias", (c,)), ("tau", (c,)))
        case PReLU(channels=c):
            yield "weight", (c,)
        case LearnedScale():
            yield "weight", ()
        case SqueezeExcite():
            yield from _squeeze_excite(leaf)
        case SpatialAttention(kernel=k, bias=bias, norm=norm):
            yield "conv.weight", (1, 2, k, k)
            if bias:
                yield "conv.bias", (1,)
            yield from _inside("norm", norm)
        case EfficientChannelAttention(kernel=k):
            yield "conv.weight", (1, 1, k)
        case Parameterless():
            return
        case _:
            assert_never(leaf)


def _batch_norm(norm: BatchNorm) -> Iterator[tuple[str, TensorShape]]:
    learned = ("weight", "bias") if norm.affine else ()
    for key in (*learned, "running_mean", "running_var"):
        yield key, (norm.channels,)
    yield COUNTER, ()


def _squeeze_excite(se: SqueezeExcite) -> Iterator[tuple[str, TensorShape]]:
    """Matrices, or 1x1 convolutions."""
    pixel = () if se.linear else (1, 1)
    for key, out, incoming in (("fc1", se.hidden, se.channels), ("fc2", se.channels, se.hidden)):
        yield f"{key}.weight", (out, incoming, *pixel)
        if se.bias:
            yield f"{key}.bias", (out,)
        if key == "fc1":
            yield from _inside("norm", se.norm)


def _inside(name: str, norm: BatchNorm | None) -> Iterator[tuple[str, TensorShape]]:
    for key, size in _batch_norm(norm) if norm else ():
        yield f"{name}.{key}", size
