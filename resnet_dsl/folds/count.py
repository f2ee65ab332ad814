"""Counts: layers by the paper's rule, learnable scalars, multiply-accumulates.

The conventions are those of He et al. 2015: `depth` is the 50 of ResNet-50, multiply-accumulates
are what their Table 1 calls FLOPs. Where other tools print other numbers, they count other things.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import prod
from typing import assert_never

from resnet_dsl.folds.shape import Step
from resnet_dsl.folds.weights import STATISTICS, weight_shapes
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    EvoNorm,
    FilterResponseNorm,
    Flatten,
    GroupNorm,
    Identity,
    Layer,
    Leaf,
    Linear,
    Network,
    PadChannels,
    Parallel,
    Path,
    Pool,
    Residual,
    Sequence,
    Softmax,
    SqueezeExcite,
    ZeroPad,
)


def leaves(layer: Layer, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Every leaf with its path, in the order of computation."""
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                yield from leaves(inner, (*path, i))
        case Residual(body=body, shortcut=shortcut, after=after):
            yield from leaves(body, (*path, "body"))
            yield from leaves(shortcut, (*path, "shortcut"))
            yield from leaves(after, (*path, "after"))
        case Parallel(branches):
            for i, branch in enumerate(branches):
                yield from leaves(branch, (*path, i))
        case _:
            yield path, layer


def network_leaves(network: Network) -> Iterator[tuple[Path, Leaf]]:
    """Every leaf of a network, those of auxiliary classifiers behind the others."""
    yield from leaves(Sequence(network.layers))
    for number, aux in enumerate(network.auxiliaries):
        yield from leaves(Sequence(aux.layers), ("aux", number))


def depth(layer: Layer) -> int:
    """Weighted layers (convolutions and fully connected ones) on the longest path.

    Attention is not a layer of the path: it weighs what passes.

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
    return sum(_scalars(leaf)[1] for _, leaf in leaves(layer))


@lru_cache(maxsize=1024)
def _scalars(leaf: Leaf) -> tuple[int, int]:
    """What is learned of a leaf, and what is kept besides."""
    learned = kept = 0
    for key, size in weight_shapes(leaf).items():
        if key in STATISTICS:
            kept += prod(size)
        else:
            learned += prod(size)
    return learned, kept


def activations(steps: Iterable[Step]) -> int:
    """Numbers that convolutions put out, those of attention too: Radosavovic et al. 2020, §3.1."""
    return sum(map(_put_out, steps))


def _put_out(step: Step) -> int:
    match step.leaf:
        case Conv():
            return prod(step.after)
        case SqueezeExcite(channels=channels, hidden=hidden):
            return hidden + channels
        case EfficientChannelAttention():
            return step.after[0]
        case _:
            return 0


def blur_macs(steps: Iterable[Step]) -> int:
    """Multiply-accumulates of blurs, whose filters nobody learns: no part of `macs`."""
    return sum(9 * prod(step.after) for step in steps if isinstance(step.leaf, BlurPool))


def macs(steps: Iterable[Step]) -> int:
    """Multiply-accumulates of convolutions and fully connected layers; everything else is zero."""
    return sum(map(step_macs, steps))


def step_macs(step: Step) -> int:
    """Multiply-accumulates of one leaf; norms, activations, pools, blurs and biases have none."""
    match step.leaf:
        case Conv(in_channels=i, kernel=k, groups=g):
            return k * k * i // g * prod(step.after)
        case Linear(in_features=i, out_features=o):
            return i * o
        case SqueezeExcite(channels=c, hidden=hidden):
            return 2 * c * hidden
        case EfficientChannelAttention(kernel=k):
            return k * step.before[0]
        case (
            BatchNorm()
            | GroupNorm()
            | EvoNorm()
            | FilterResponseNorm()
            | Act()
            | Pool()
            | AdaptivePool()
            | ZeroPad()
            | BlurPool()
            | PadChannels()
            | Flatten()
            | Dropout()
            | DropPath()
            | Softmax()
            | Identity()
        ):
            return 0
        case _:
            assert_never(step.leaf)
