"""Sizes: what every layer gets and gives.

The one place that knows how kernels, strides and padding change a map. Counting, drawing and
checking read the sizes from the visits of a walk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.folds.walk import Rules, Visit, walk
from resnet_dsl.ir import (
    ROOT,
    AdaptivePool,
    Attention,
    BatchNorm,
    BlurPool,
    Conv,
    Elementwise,
    Flatten,
    Layer,
    LayerNorm,
    LayerPath,
    Leaf,
    LearnedScale,
    Linear,
    Network,
    Norm,
    Normalize,
    PadChannels,
    Pool,
    PReLU,
    Sequence,
    Shape,
    Size,
    Softmax,
    SqueezeExcite,
    Vector,
    ZeroPad,
)


class ShapeError(SpecError):
    """A size that does not fit, at the path of its layer, and what helps."""

    def __init__(self, path: LayerPath, message: str, help: str | None = None) -> None:
        super().__init__([Diagnostic(code="size", message=message, layer=path, help=help)])
        self.path = path
        self.message = message
        self.help = help


def sized_visits(
    layer: Layer, size: Size, path: LayerPath = ROOT
) -> tuple[list[Visit[Size]], Size]:
    """The nodes of a layer with the sizes around them, and the size that it gives.

    Raises `ShapeError` where two sizes cannot meet.

    >>> visits, size = sized_visits(
    ...     Pool(kind="max", kernel=3, stride=2, padding=1), Shape(64, 112, 112)
    ... )
    >>> str(size)
    '64x56x56'
    """
    return walk(layer, size, SIZE_RULES, path)


class Sizes:
    """Sizes after layers, computed once for each object and size."""

    def __init__(self) -> None:
        self._cache = IdentityCache[Size]()

    def after(self, layer: Layer, size: Size, path: LayerPath = ROOT) -> Size:
        """The size that a layer gives for a size."""
        known = self._cache.get(layer, size)
        if known is None:
            known = self._cache.put(layer, sized_visits(layer, size, path)[1], size)
        return known

    def after_all(self, layers: Iterable[Layer], size: Size) -> Size:
        """The size after a network's first layers."""
        for i, layer in enumerate(layers):
            size = self.after(layer, size, LayerPath((i,)))
        return size


def takes_any_size(network: Network) -> bool:
    """Whether a network takes images of other sizes than its own.

    >>> from resnet_dsl import elaborate, load
    >>> takes_any_size(elaborate(load("resnet18"))), takes_any_size(elaborate(load("lenet5")))
    (True, False)
    """
    layers = Sequence(network.layers)
    pools = (visit.node for visit in sized_visits(layers, network.input)[0])
    if any(isinstance(pool, AdaptivePool) and pool.window in ("height", "width") for pool in pools):
        return False
    channels, height, width = network.input
    try:
        for larger in (Shape(channels, 2 * height, 2 * width), Shape(channels, height, 3 * width)):
            sized_visits(layers, larger)
    except ShapeError:
        return False
    return True


def sum_size(body: Size, shortcut: Size, path: LayerPath) -> Size:
    """The size of a sum; both terms have it."""
    if body != shortcut:
        raise ShapeError(path, f"the body gives {body}, the shortcut {shortcut}")
    return body


def concatenated_size(sizes: list[Size], path: LayerPath) -> Size:
    """The size of maps side by side along their channels."""
    if not sizes:
        raise ShapeError(path, "a concatenation without branches")
    maps = [size for size in sizes if isinstance(size, Shape)]
    if not maps:
        return Vector(sum(size[0] for size in sizes))
    if len(maps) < len(sizes) or len({size[1:] for size in maps}) > 1:
        listed = ", ".join(map(str, sizes))
        message = f"the branches give {listed}, and heights and widths must agree"
        raise ShapeError(path, message, "give all branches the same strides")
    return maps[0]._replace(channels=sum(size.channels for size in maps))


def leaf_size(leaf: Leaf, size: Size, path: LayerPath = ROOT) -> Size:
    """The size after one leaf; `ShapeError` where it cannot take what it gets."""
    match leaf:
        case PReLU(channels=channels) if channels != 1:
            _expect(channels, size[0], "channels", path)
            return size
        case Normalize(mean=mean) if len(mean) != 1:
            _expect(len(mean), size[0], "channels", path)
            return size
        case Elementwise() | PReLU() | LearnedScale():
            return size
        case BatchNorm(of_vectors=True) | LayerNorm(of_vectors=True) | Linear() | Softmax():
            if isinstance(size, Shape):
                message = f"{leaf_terms(leaf).noun} gets a map of {size}"
                raise ShapeError(path, message, "write average pool, or flatten, before it")
            return _vector_size(leaf, size, path)
        case _:
            if isinstance(size, Vector):
                message = f"{leaf_terms(leaf).noun} gets a flat vector of {size} features"
                raise ShapeError(path, message, "move it before the first fc")
            return _map_size(leaf, size, path)


def _vector_size(
    leaf: BatchNorm | LayerNorm | Linear | Softmax, size: Vector, path: LayerPath
) -> Size:
    match leaf:
        case Linear(in_features=i, out_features=o):
            _expect(i, size.features, "features", path)
            return Vector(o)
        case BatchNorm(channels=channels) | LayerNorm(channels=channels):
            _expect(channels, size.features, "features", path)
            return size
        case Softmax():
            return size
        case _:
            assert_never(leaf)


def _map_size(leaf: Leaf, size: Shape, path: LayerPath) -> Size:
    channels, height, width = size
    match leaf:
        case Conv():
            _expect(leaf.in_channels, channels, "channels", path)
            sides = (_window_count(leaf, side, path) for side in (height, width))
            return Shape(leaf.out_channels, *sides)
        case Pool():
            return Shape(channels, *(_window_count(leaf, side, path) for side in (height, width)))
        case BlurPool(stride=stride):
            if min(height, width) < 2:
                message = f"a map of {size} is too small to be reflected at its sides"
                raise ShapeError(path, message, "write a larger input, or antialias: average")
            return Shape(channels, (height - 1) // stride + 1, (width - 1) // stride + 1)
        case Norm(channels=expected) | SqueezeExcite(channels=expected):
            _expect(expected, channels, "channels", path)
            return size
        case Attention():
            return size
        case AdaptivePool(side=side, window=window):
            if window in (None, "whole"):
                return Shape(channels, side, side)
            kernel = height if window == "height" else width
            if min(height, width) < kernel:
                message = f"a {kernel}x{kernel} window does not fit a map of {size}"
                raise ShapeError(path, message, "write a larger input, or fewer strides before it")
            return Shape(channels, height // kernel, width // kernel)
        case ZeroPad(before=before, after=after):
            return Shape(channels, before + height + after, before + width + after)
        case PadChannels(before=before, after=after):
            return Shape(before + channels + after, height, width)
        case Flatten():
            return Vector(channels * height * width)
        case Elementwise() | PReLU() | LearnedScale() | Linear() | Softmax():
            raise AssertionError(f"{leaf} is handled by leaf_size")
        case _:
            assert_never(leaf)


SIZE_RULES: Rules[Size] = Rules(leaf_size, sum_size, concatenated_size)


def _expect(expected: int, incoming: int, what: str, path: LayerPath) -> None:
    if expected != incoming:
        raise ShapeError(path, f"{incoming} {what} come in, {expected} are expected")


def _window_count(layer: Conv | Pool, side: int, path: LayerPath) -> int:
    """How many windows fit along one side, as PyTorch counts them."""
    room = side + 2 * layer.padding - layer.reach
    if isinstance(layer, Pool) and layer.ceil:
        count = -(-room // layer.stride) + 1
        # a partial window counts where it starts inside the map or its left padding
        count -= (count - 1) * layer.stride >= side + layer.padding
    else:
        count = room // layer.stride + 1
    if count < 1:
        message = f"a {layer.reach}x{layer.reach} window does not fit a side of {side}"
        raise ShapeError(path, message, "write a larger input, or fewer strides before it")
    return count
