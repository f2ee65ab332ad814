"""Counts: layers by the paper's rule, learnable scalars, multiply-accumulates.

The conventions are those of He et al. 2015: `depth` is the 50 of ResNet-50, multiply-accumulates
are what their Table 1 calls FLOPs. Where other tools print other numbers, they count other things.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import prod
from typing import assert_never

from resnet_dsl.folds.walk import Visit, leaves
from resnet_dsl.folds.weights import STATISTICS, weight_shapes
from resnet_dsl.ir import (
    Activation,
    BlurPool,
    Conv,
    EfficientChannelAttention,
    Layer,
    Leaf,
    LearnedScale,
    Linear,
    Norm,
    Parallel,
    Parameterless,
    Residual,
    Sequence,
    Size,
    SpatialAttention,
    SqueezeExcite,
)


def depth(layer: Layer) -> int:
    """Weighted layers (convolutions and fully connected ones) on the longest path.

    Attention is not a layer of the path: it scales a map.

    >>> conv = Conv(in_channels=8, out_channels=8, kernel=3, padding=1)
    >>> depth(Residual(body=Sequence((conv, conv)), shortcut=conv))
    2
    """
    match layer:
        case Sequence(layers):
            return sum(map(depth, layers))
        case Residual(body=body, shortcut=shortcut, after=after):
            return max(depth(body), depth(shortcut)) + depth(after)
        case Parallel(branches):
            return max(map(depth, branches))
        case _:
            return int(isinstance(layer, Conv | Linear))


def params(layer: Layer) -> int:
    """Learnable scalars; running statistics are buffers and do not count."""
    return sum(leaf_params(leaf) for _, leaf in leaves(layer))


def leaf_params(leaf: Leaf) -> int:
    """Learnable scalars of one leaf."""
    return _scalars(leaf)[0]


def buffers(layer: Layer) -> int:
    """Numbers that a model keeps and does not learn: running statistics, and their counters."""
    return sum(leaf_buffers(leaf) for _, leaf in leaves(layer))


def leaf_buffers(leaf: Leaf) -> int:
    """Statistics and counters of one leaf."""
    return _scalars(leaf)[1]


@lru_cache(maxsize=1024)
def _scalars(leaf: Leaf) -> tuple[int, int]:
    """What is learned of a leaf, and what is kept besides."""
    learned = kept = 0
    for key, size in weight_shapes(leaf).items():
        if key.rpartition(".")[2] in STATISTICS:
            kept += prod(size)
        else:
            learned += prod(size)
    return learned, kept


def activations(visits: Iterable[Visit[Size]]) -> int:
    """Numbers that convolutions give, those of attention too: Radosavovic et al. 2020, §3.1."""
    return sum(map(visit_activations, visits))


def visit_activations(visit: Visit[Size]) -> int:
    """Numbers that the convolutions of one node give."""
    match visit.node:
        case Conv():
            return prod(visit.after)
        case SqueezeExcite(channels=channels, hidden=hidden, max_pool=max_pool):
            return (hidden + channels) * (2 if max_pool else 1)
        case SpatialAttention():
            return prod(visit.after[1:])
        case EfficientChannelAttention():
            return visit.after[0]
        case (
            Linear()
            | Norm()
            | Activation()
            | LearnedScale()
            | Parameterless()
            | Residual()
            | Parallel()
        ):
            return 0
        case _:
            assert_never(visit.node)


def blur_macs(visits: Iterable[Visit[Size]]) -> int:
    """Multiply-accumulates of blurs, whose filters are not learned: no part of `macs`."""
    return sum(9 * prod(visit.after) for visit in visits if isinstance(visit.node, BlurPool))


def macs(visits: Iterable[Visit[Size]]) -> int:
    """Multiply-accumulates of convolutions and fully connected layers; everything else is zero."""
    return sum(map(visit_macs, visits))


def visit_macs(visit: Visit[Size]) -> int:
    """Multiply-accumulates of one node; norms, activations, pools, blurs, additions and biases have
    none."""
    match visit.node:
        case Conv(in_channels=i, kernel=k, groups=g):
            return k * k * i // g * prod(visit.after)
        case Linear(in_features=i, out_features=o):
            return i * o
        case SqueezeExcite(channels=c, hidden=hidden, max_pool=max_pool):
            return 2 * c * hidden * (2 if max_pool else 1)
        case SpatialAttention(kernel=k):
            return 2 * k * k * prod(visit.after[1:])
        case EfficientChannelAttention(kernel=k):
            return k * visit.before[0]
        case Norm() | Activation() | LearnedScale() | Parameterless() | Residual() | Parallel():
            return 0
        case _:
            assert_never(visit.node)
