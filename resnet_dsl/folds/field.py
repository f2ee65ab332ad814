"""Receptive fields: how many pixels of the image, side by side, one number of a map depends on.

Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", equation 2. Zeros
around a map count as pixels. Attention looks at the whole map, and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, assert_never

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
    Pool,
    Residual,
    Sequence,
    Softmax,
    SqueezeExcite,
    ZeroPad,
)


class Field(NamedTuple):
    """`side` pixels of the image are seen; the next number sees those `jump` pixels further.

    Where the map has ended there is no next one, and `jump` is 0: no window sees further.
    """

    side: int = 1
    jump: int = 1

    def through(self, window: int, stride: int) -> Field:
        """Behind windows over this many numbers of a map."""
        return Field(self.side + (window - 1) * self.jump, self.jump * stride)


def field(layer: Layer, before: Field) -> Field:
    """The field behind a layer; of branches, the widest.

    >>> field(Conv(in_channels=3, out_channels=64, kernel=7, stride=2, padding=3), Field())
    Field(side=7, jump=2)
    """
    match layer:
        case Sequence(layers):
            for inner in layers:
                before = field(inner, before)
            return before
        case Residual(body=body, shortcut=shortcut, after=after):
            return field(after, widest(field(branch, before) for branch in (body, shortcut)))
        case Parallel(branches):
            return widest(field(branch, before) for branch in branches)
        case _:
            return leaf_field(layer, before)


def leaf_field(leaf: Leaf, before: Field) -> Field:
    """The field behind one leaf; a pool over the whole map ends it, and so does a vector."""
    match leaf:
        case Conv(kernel=kernel, dilation=dilation, stride=stride):
            return before.through(dilation * (kernel - 1) + 1, stride)
        case Pool(kernel=kernel, stride=stride):
            return before.through(kernel, stride)
        case BlurPool(stride=stride):
            return before.through(3, stride)
        case AdaptivePool() | Flatten() | Linear():
            return Field(before.side, jump=0)
        case (
            BatchNorm()
            | GroupNorm()
            | EvoNorm()
            | FilterResponseNorm()
            | Act()
            | ZeroPad()
            | PadChannels()
            | SqueezeExcite()
            | EfficientChannelAttention()
            | Dropout()
            | DropPath()
            | Softmax()
            | Identity()
        ):
            return before
        case _:
            assert_never(leaf)


def receptive_field(network: Network) -> int:
    """The pixels that a number of the last map sees, along one side.

    >>> from resnet_dsl import elaborate, load
    >>> receptive_field(elaborate(load("resnet18")))
    435
    """
    return field(Sequence(network.layers), Field()).side


def widest(fields: Iterable[Field]) -> Field:
    """Branches that meet have one jump, or their maps would not have one size."""
    return max(fields, key=lambda found: (found.jump, found.side))
