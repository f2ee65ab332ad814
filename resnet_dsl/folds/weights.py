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
    Leaf,
    Linear,
    Parameterless,
    SqueezeExcite,
)

TensorShape: TypeAlias = tuple[int, ...]
COUNTER: Final = "num_batches_tracked"
"""A batch norm counts its steps; nothing is computed from it, and older files leave it out."""
STATISTICS: Final = frozenset({"running_mean", "running_var", COUNTER})
"""Tensors that are kept and not learned."""


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
        case Linear(in_features=i, out_features=o):
            yield "weight", (o, i)
            yield "bias", (o,)
        case BatchNorm(channels=c):
            yield from ((key, (c,)) for key in ("weight", "bias", "running_mean", "running_var"))
            yield COUNTER, ()
        case GroupNorm(channels=c):
            yield from (("weight", (c,)), ("bias", (c,)))
        case EvoNorm(channels=c):
            yield from (("weight", (c,)), ("bias", (c,)), ("v", (c,)))
        case FilterResponseNorm(channels=c):
            yield from (("weight", (c,)), ("bias", (c,)), ("tau", (c,)))
        case SqueezeExcite(channels=c, hidden=hidden):
            yield from (("fc1.weight", (hidden, c, 1, 1)), ("fc1.bias", (hidden,)))
            yield from (("fc2.weight", (c, hidden, 1, 1)), ("fc2.bias", (c,)))
        case EfficientChannelAttention(kernel=k):
            yield "conv.weight", (1, 1, k)
        case Parameterless():
            return
        case _:
            assert_never(leaf)
