"""Receptive fields: how many pixels of the image, side by side, one number of a map depends on.

Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", equation 2. Zeros
around a map count as pixels. Attention looks at the whole map, and is not counted. A window that
covers the whole map ends the field: what it sees is everything, and `7x7 average pool` over a 7x7
map is `average pool`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias, assert_never

from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.folds.shape import SIZE_RULES, leaf_size
from resnet_dsl.folds.walk import Rules, walk
from resnet_dsl.ir import (
    Activation,
    AdaptivePool,
    Attention,
    BlurPool,
    Elementwise,
    Flatten,
    Layer,
    Leaf,
    LearnedScale,
    Linear,
    Network,
    Norm,
    Padding,
    Shape,
    Size,
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


Sized: TypeAlias = tuple[Size, Field]
"""The size of a map, and the field of its numbers."""


def leaf_field(leaf: Leaf, size: Size, before: Field) -> Field:
    """The field after one leaf; a window over the whole map ends it, and so does a vector."""
    match leaf:
        case Window() if covers(leaf, size):
            return Field(before.side, jump=0)
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


def covers(window: Window, size: Size) -> bool:
    """Whether there is one window, and it has the size of the map.

    >>> from resnet_dsl.ir import Pool
    >>> pool = Pool(kind="average", kernel=7, stride=7, padding=0)
    >>> covers(pool, Shape(512, 7, 7)), covers(pool, Shape(512, 14, 14))
    (True, False)
    """
    return isinstance(size, Shape) and window.padding == 0 and size[1:] == (window.reach,) * 2


def widest(fields: Iterable[Field]) -> Field:
    """Branches that meet have one jump, or their maps would not have one size."""
    return max(fields, key=lambda field: (field.jump, field.side))


SIZED_FIELD_RULES: Rules[Sized] = Rules(
    lambda leaf, value, path: (leaf_size(leaf, value[0], path), leaf_field(leaf, *value)),
    add=lambda body, shortcut, path: (
        SIZE_RULES.add(body[0], shortcut[0], path),
        widest((body[1], shortcut[1])),
    ),
    concatenate=lambda values, path: (
        SIZE_RULES.concatenate([size for size, _ in values], path),
        widest(field for _, field in values),
    ),
)


class Fields:
    """Sizes and fields after layers, computed once for each object, size and field."""

    def __init__(self) -> None:
        self._cache = IdentityCache[Sized]()

    def after(self, layer: Layer, before: Sized) -> Sized:
        """The size and the field after a layer; of branches, the widest.

        >>> from resnet_dsl.ir import Conv
        >>> conv = Conv(in_channels=3, out_channels=64, kernel=7, stride=2, padding=3)
        >>> Fields().after(conv, (Shape(3, 224, 224), Field()))[1]
        Field(side=7, jump=2)
        """
        known = self._cache.get(layer, before)
        if known is None:
            known = self._cache.put(layer, walk(layer, before, SIZED_FIELD_RULES)[1], before)
        return known

    def after_all(self, layers: Iterable[Layer], before: Sized) -> Sized:
        """The size and the field after layers one after the other."""
        for layer in layers:
            before = self.after(layer, before)
        return before


def receptive_field(network: Network) -> int:
    """The pixels that a number of the last map sees, along one side.

    >>> from resnet_dsl import elaborate, load
    >>> receptive_field(elaborate(load("resnet18")))
    435
    """
    return Fields().after_all(network.layers, (network.input, Field()))[1].side
