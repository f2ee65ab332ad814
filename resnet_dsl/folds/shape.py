"""Sizes: what every layer gets and gives.

The one place that knows how kernels, strides and padding change a map; counting, drawing and
checking read the sizes from `trace`.
"""

from __future__ import annotations

from collections.abc import Generator
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
    PadChannels,
    Parallel,
    Path,
    Pool,
    Residual,
    Sequence,
    Shape,
    Size,
    Softmax,
    SqueezeExcite,
    Vector,
    ZeroPad,
)


class ShapeError(Exception):
    """Two sizes that cannot meet, and the path of the layer where they do."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class Step(NamedTuple):
    """One leaf at work: where it stands, what it gets and what it gives."""

    path: Path
    leaf: Leaf
    before: Size
    after: Size


def trace(layer: Layer, size: Size, path: Path = ()) -> Generator[Step, None, Size]:
    """Yield every leaf with the sizes around it, in the order of computation; return the last.

    >>> block = Residual(body=Conv(in_channels=8, out_channels=8, kernel=3, padding=1))
    >>> [str(step.after) for step in trace(block, Shape(8, 32, 32))]
    ['8x32x32', '8x32x32', '8x32x32']
    """
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                size = yield from trace(inner, size, (*path, i))
            return size
        case Residual(body=body, shortcut=shortcut, after=after):
            left = yield from trace(body, size, (*path, "body"))
            right = yield from trace(shortcut, size, (*path, "shortcut"))
            if left != right:
                raise ShapeError(path, f"the body gives {left}, the shortcut {right}")
            return (yield from trace(after, left, (*path, "after")))
        case Parallel(branches):
            outs = []
            for i, branch in enumerate(branches):
                outs.append((yield from trace(branch, size, (*path, i))))
            return concatenated(outs, path)
        case _:
            out = leaf_size(layer, size, path)
            yield Step(path, layer, size, out)
            return out


def traced(layer: Layer, size: Size, path: Path = ()) -> tuple[list[Step], Size]:
    """The steps of a layer and the size that it gives.

    >>> steps, size = traced(Pool(kind="max", kernel=3, stride=2, padding=1), Shape(64, 112, 112))
    >>> str(size)
    '64x56x56'
    """
    steps = []
    walk = trace(layer, size, path)
    while True:
        try:
            steps.append(next(walk))
        except StopIteration as end:
            return steps, end.value


class Sizes:
    """Sizes behind layers, measured once for each object: repeated blocks are one object."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Size], tuple[Layer, Size]] = {}

    def after(self, layer: Layer, size: Size, path: Path = ()) -> Size:
        """The size that a layer gives for a size."""
        key = id(layer), size
        if key not in self._known:
            self._known[key] = layer, traced(layer, size, path)[1]  # kept alive: ids stay true
        return self._known[key][1]


def concatenated(sizes: list[Size], path: Path) -> Size:
    """The size of maps set side by side along their channels."""
    maps = [size for size in sizes if isinstance(size, Shape)]
    if len(maps) < len(sizes) or len({size[1:] for size in maps}) > 1:
        listed = ", ".join(map(str, sizes))
        raise ShapeError(path, f"the branches give {listed}, and heights and widths must agree")
    return maps[0]._replace(channels=sum(size.channels for size in maps))


def leaf_size(leaf: Leaf, size: Size, path: Path = ()) -> Size:
    """The size after one leaf; `ShapeError` where it cannot take what it gets."""
    match leaf, size:
        case (Act() | Dropout() | DropPath() | Identity(), _):
            return size
        case (Softmax(), Vector()):
            return size
        case (Linear(in_features=i, out_features=o), Vector(features)):
            _agree(i, features, "features", path)
            return Vector(o)
        case (Flatten(), Shape(c, h, w)):
            return Vector(c * h * w)
        case (Conv() as conv, Shape(c, h, w)):
            _agree(conv.in_channels, c, "channels", path)
            height, width = (_window(conv, n, path) for n in (h, w))
            return Shape(conv.out_channels, height, width)
        case (
            BatchNorm(channels=channels)
            | GroupNorm(channels=channels)
            | EvoNorm(channels=channels)
            | FilterResponseNorm(channels=channels)
            | SqueezeExcite(channels=channels),
            Shape(c),
        ):
            _agree(channels, c, "channels", path)
            return size
        case (Pool() as pool, Shape(c, h, w)):
            return Shape(c, _window(pool, h, path), _window(pool, w, path))
        case (BlurPool(stride=stride), Shape(c, h, w)):
            if min(h, w) < 2:
                raise ShapeError(path, f"a map of {size} is too small to be reflected at its sides")
            return Shape(c, (h - 1) // stride + 1, (w - 1) // stride + 1)
        case (EfficientChannelAttention(), Shape()):
            return size
        case (AdaptivePool(side=side), Shape(c)):
            return Shape(c, side, side)
        case (ZeroPad(before=before, after=after), Shape(c, h, w)):
            return Shape(c, before + h + after, before + w + after)
        case (PadChannels(before=before, after=after), Shape(c, h, w)):
            return Shape(before + c + after, h, w)
        case (Linear(), Shape()):
            raise ShapeError(path, f"a fully connected layer gets a map of {size}")
        case (Softmax(), Shape()):
            raise ShapeError(path, f"a softmax gets a map of {size}")
        case (
            Flatten()
            | Conv()
            | BatchNorm()
            | GroupNorm()
            | EvoNorm()
            | FilterResponseNorm()
            | Pool()
            | AdaptivePool()
            | ZeroPad()
            | BlurPool()
            | SqueezeExcite()
            | EfficientChannelAttention()
            | PadChannels(),
            Vector(),
        ):
            raise ShapeError(path, f"{_WORDS[type(leaf)]} gets a flat vector of {size} features")
        case _:
            assert_never((leaf, size))  # type: ignore[arg-type]


_WORDS: dict[type, str] = {
    Flatten: "a flatten",
    Conv: "a convolution",
    BatchNorm: "a norm",
    GroupNorm: "a norm",
    EvoNorm: "a norm",
    FilterResponseNorm: "a norm",
    Pool: "a pool",
    AdaptivePool: "an average pool",
    ZeroPad: "a padding",
    BlurPool: "a blur pool",
    SqueezeExcite: "an attention",
    EfficientChannelAttention: "an attention",
    PadChannels: "a padding shortcut",
}


def _agree(expected: int, found: int, what: str, path: Path) -> None:
    if expected != found:
        raise ShapeError(path, f"{found} {what} come in, {expected} are expected")


def _window(layer: Conv | Pool, size: int, path: Path) -> int:
    """How many windows fit along one side, as PyTorch counts them."""
    dilation = layer.dilation if isinstance(layer, Conv) else 1
    reach = dilation * (layer.kernel - 1) + 1
    room = size + 2 * layer.padding - reach
    if isinstance(layer, Pool) and layer.ceil:
        count = -(-room // layer.stride) + 1
        # a partial window counts where it starts inside the map or its left padding
        count -= (count - 1) * layer.stride >= size + layer.padding
    else:
        count = room // layer.stride + 1
    if count < 1:
        raise ShapeError(path, f"a {reach}x{reach} window does not fit a side of {size}")
    return count
