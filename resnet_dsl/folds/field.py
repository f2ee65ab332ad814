"""Receptive fields: how many pixels of the image, side by side, one number of a map depends on.

Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", equation 2. Zeros
around a map count as pixels. Attention looks at the whole map, and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, assert_never

from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.folds.walk import Rules, walk
from resnet_dsl.ir import (
    ROOT,
    Activation,
    AdaptivePool,
    Attention,
    BlurPool,
    Elementwise,
    Flatten,
    Layer,
    LayerPath,
    Leaf,
    LearnedScale,
    Linear,
    Network,
    Norm,
    Padding,
    Softmax,
    Window,
)


class Field(NamedTuple):
    """`side` pixels of the image are seen; the next number sees those `jump` pixels further.

    Where the map has ended there is no next one, and `jump` is 0: no window sees further.
    """

    side: int = 1
    jump: int = 1

    def through(self, window: int, stride: int) -> Field:
        """After windows over this many numbers of a map."""
        return Field(self.side + (window - 1) * self.jump, self.jump * stride)


def leaf_field(leaf: Leaf, before: Field, _path: LayerPath = ROOT) -> Field:
    """The field after one leaf; a pool over the whole map ends it, and so does a vector."""
    match leaf:
        case Window():
            return before.through(leaf.reach, leaf.stride)
        case BlurPool(stride=stride):
            return before.through(3, stride)
        case AdaptivePool() | Flatten() | Linear():
            return Field(before.side, jump=0)
        case (
            Norm()
            | Activation()
            | Attention()
            | Padding()
            | Elementwise()
            | LearnedScale()
            | Softmax()
        ):
            return before
        case _:
            assert_never(leaf)


def widest(fields: Iterable[Field]) -> Field:
    """Branches that meet have one jump, or their maps would not have one size."""
    return max(fields, key=lambda field: (field.jump, field.side))


FIELD_RULES: Rules[Field] = Rules(
    leaf_field,
    add=lambda body, shortcut, _path: widest((body, shortcut)),
    concatenate=lambda fields, _path: widest(fields),
)


class Fields:
    """Fields after layers, computed once for each object and field."""

    def __init__(self) -> None:
        self._cache = IdentityCache[Field]()

    def after(self, layer: Layer, before: Field) -> Field:
        """The field after a layer; of branches, the widest.

        >>> from resnet_dsl.ir import Conv
        >>> Fields().after(
        ...     Conv(in_channels=3, out_channels=64, kernel=7, stride=2, padding=3), Field()
        ... )
        Field(side=7, jump=2)
        """
        known = self._cache.get(layer, before)
        if known is None:
            known = self._cache.put(layer, walk(layer, before, FIELD_RULES)[1], before)
        return known

    def after_all(self, layers: Iterable[Layer], before: Field) -> Field:
        """The field after layers one after the other."""
        for layer in layers:
            before = self.after(layer, before)
        return before


def receptive_field(network: Network) -> int:
    """The pixels that a number of the last map sees, along one side.

    >>> from resnet_dsl import elaborate, load
    >>> receptive_field(elaborate(load("resnet18")))
    435
    """
    return Fields().after_all(network.layers, Field()).side
