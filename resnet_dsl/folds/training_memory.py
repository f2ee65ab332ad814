"""What a training step keeps of a network: the maps that its backward pass reads.

A layer keeps what its gradient needs: a convolution its input, ReLU its output, a max pool the
places of its maxima. A map that two layers keep is there once. What a layer frees before it ends
does not count. Auxiliary classifiers run in training, and count.
"""

from __future__ import annotations

from math import prod
from typing import Final, NamedTuple, assert_never

from resnet_dsl.folds.count import leaf_params
from resnet_dsl.folds.shape import SIZE_RULES, leaf_size
from resnet_dsl.folds.walk import Rules, walk
from resnet_dsl.ir import (
    ROOT,
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
    InstanceNorm,
    L2Normalize,
    LayerNorm,
    Leaf,
    LearnedScale,
    Linear,
    Network,
    Normalize,
    Padding,
    Pool,
    PReLU,
    Scale,
    Sequence,
    Shape,
    Size,
    Softmax,
    SpatialAttention,
    SqueezeExcite,
)

_OF_OUTPUT: Final = {"relu", "sigmoid", "tanh", "leaky_relu", "elu", "celu", "selu"}
"""The activations whose gradient is computed from what they give: PyTorch works in place."""


class KeptMaps(NamedTuple):
    """What is kept for the backward pass: `elements` of maps for each image, `indices` of maxima
    for each image, and `of_batch`: elements of filters and statistics, whatever its size."""

    elements: int
    indices: int
    of_batch: int

    def bytes(self, batch: int, width: int) -> int:
        """Bytes for a batch, with so many for an element of a map; places of maxima take 8."""
        return batch * (self.elements * width + self.indices * 8) + self.of_batch * 4


class _Map(NamedTuple):
    """A tensor on its way; views of it are the same one."""

    size: Size
    number: int


class _Tape:
    """The maps that are kept so far, by their numbers, and what else is."""

    def __init__(self) -> None:
        self.kept: dict[int, int] = {}
        self.of_image = self.indices = self.of_batch = self._last = 0

    def map(self, size: Size) -> _Map:
        """A new map."""
        self._last += 1
        return _Map(size, self._last)

    def keep(self, *maps: _Map) -> None:
        for each in maps:
            self.kept[each.number] = prod(each.size)

    def leaf(self, leaf: Leaf, before: _Map, *_: object) -> _Map:
        """What a leaf gives; it keeps what its gradient needs."""
        size = leaf_size(leaf, before.size)
        if isinstance(leaf, Flatten | Identity) or (
            isinstance(leaf, Dropout | DropPath) and not leaf.p
        ):
            return _Map(size, before.number)
        after = self.map(size)
        match leaf:
            case Act(kind=kind) if kind in _OF_OUTPUT:
                self.keep(after)
            case Softmax():
                self.keep(after)
            case Act() | PReLU() | Linear() | LearnedScale() | L2Normalize():
                self.keep(before)
            case Conv():
                self.keep(before)
                self.of_batch += leaf_params(leaf) if leaf.standardization else 0
            case Pool(kind="max") | AdaptivePool(kind="max"):
                self.keep(before)
                self.indices += prod(size)
            case Pool():
                self.keep(before)
            case AdaptivePool(side=side):  # a mean keeps nothing
                self.keep(*([before] if side > 1 else []))
            case Dropout(of_channels=of_channels):  # the mask
                self.of_image += size[0] if of_channels else prod(size)
            case DropPath():
                self.of_image += 1
            case Scale() | Normalize() | Padding():
                pass
            case BlurPool():  # and the map with its reflected sides
                self.keep(before)
                self.of_image += _reflected(before.size)
            case SqueezeExcite() | EfficientChannelAttention() | SpatialAttention():
                self._attention(leaf, before)
            case _:
                self._norm(leaf, before)
        return after

    def add(self, body: _Map, shortcut: _Map, *_: object) -> _Map:
        """A sum keeps nothing of its terms."""
        return self.map(SIZE_RULES.add(body.size, shortcut.size, ROOT))

    def concatenate(self, maps: list[_Map], *_: object) -> _Map:
        """A concatenation is a map of its own."""
        return self.map(SIZE_RULES.concatenate([each.size for each in maps], ROOT))

    def _attention(
        self,
        leaf: SqueezeExcite | EfficientChannelAttention | SpatialAttention,
        before: _Map,
    ) -> None:
        """The map, which the gate multiplies, and what the gate is computed from."""
        self.keep(before)
        channels, *sides = before.size
        match leaf:
            case SqueezeExcite(hidden=hidden, max_pool=max_pool):
                self.of_image += 2 * channels + hidden + (channels + hidden if max_pool else 0)
            case EfficientChannelAttention():
                self.of_image += 2 * channels
            case SpatialAttention():
                self.of_image += 3 * prod(sides)
            case _:
                assert_never(leaf)

    def _norm(
        self,
        leaf: BatchNorm | GroupNorm | InstanceNorm | LayerNorm | EvoNorm | FilterResponseNorm,
        before: _Map,
    ) -> None:
        """The map, and its statistics; a norm that activates keeps what it is composed of."""
        self.keep(before)
        channels, *sides = before.size
        match leaf:
            case BatchNorm():
                self.of_batch += 2 * channels
            case InstanceNorm():
                self.of_image += 2 * channels
            case GroupNorm(groups=groups):
                self.of_image += 2 * groups
            case LayerNorm():
                self.of_image += 2 * prod(sides)
            case EvoNorm(groups=groups):  # gate, gated map, quotient, and deviation of each group
                self.of_image += (3 if groups == channels else 4) * prod(before.size)
            case FilterResponseNorm():  # normalized map, and what the threshold is compared with
                self.of_image += 2 * prod(before.size)
            case _:
                assert_never(leaf)


def _reflected(size: Size) -> int:
    channels, *sides = size
    return channels * prod(side + 2 for side in sides)


def kept_for_backward(network: Network, input: Shape | None = None) -> KeptMaps:
    """What a training step keeps of a network, its image among it.

    >>> from resnet_dsl import elaborate, load
    >>> kept_for_backward(elaborate(load("resnet50"))).elements
    21075968
    """
    tape = _Tape()
    rules = Rules(tape.leaf, tape.add, tape.concatenate)
    value = tape.map(input or network.input)
    values = [value]
    for layer in network.layers:
        value = walk(layer, value, rules)[1]
        values.append(value)
    for auxiliary in network.auxiliaries:
        walk(Sequence(auxiliary.layers), values[auxiliary.position], rules)
    return KeptMaps(sum(tape.kept.values()) + tape.of_image, tape.indices, tape.of_batch)
