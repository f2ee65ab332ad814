"""Rows and layers as an author writes them, and their one printed form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from resnet_dsl.ir import PoolKind

At: TypeAlias = tuple[int, int]
"""The place of a piece in its text: its first character, and the first one after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """`3x3, 64, C=32, /2`. None is what the author left out.

    A `bare` convolution, `1000-d 1x1 conv`, brings no norm and no activation: it classifies.
    """

    kernel: int
    channels: int
    cardinality: int = 1
    stride: int | None = None
    dilation: int | None = None
    padding: int | None = None
    bias: bool | None = None
    bare: bool = False
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`3x3 max pool, /2`."""

    kind: PoolKind
    kernel: int
    stride: int | None = None
    padding: int | None = None
    ceil: bool = False
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """`dropout 0.5`."""

    p: float
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPath:
    """`drop path 0.1`."""

    p: float
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroPad:
    """`zero pad 1`: rows and columns of zeros at each side; `zero pad 0 1`: before and after."""

    before: int
    after: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlurPool:
    """`blur pool, /2`."""

    stride: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExcite:
    """`se 16`, with its hidden width."""

    hidden: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientChannelAttention:
    """`eca 5`, with its kernel."""

    kernel: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePool:
    """`average pool`, over the whole map, or `average pool to 7x7`."""

    side: int = 1
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fc:
    """`1000-d fc`: a fully connected layer."""

    features: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten:
    """`flatten`."""

    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """`softmax`."""

    at: At = field(default=(0, 0), compare=False, repr=False)


RowLayer: TypeAlias = (
    Conv
    | Pool
    | BlurPool
    | ZeroPad
    | SqueezeExcite
    | EfficientChannelAttention
    | Dropout
    | DropPath
)
HeadLayer: TypeAlias = RowLayer | AdaptivePool | Fc | Flatten | Softmax
Branch: TypeAlias = tuple[RowLayer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`[[3x3, 64], [3x3, 64]] x 2`: a block, as branches side by side, and how often it repeats."""

    branches: tuple[Branch, ...]
    repeats: int = 1

    @property
    def layers(self) -> tuple[RowLayer, ...]:
        """The layers of all branches."""
        return tuple(layer for branch in self.branches for layer in branch)

    @property
    def is_block(self) -> bool:
        """Whether the row is one of blocks; pools and dropouts without a convolution are not."""
        return any(isinstance(layer, Conv) for layer in self.layers)


def format_row(row: Row) -> str:
    """The one printed form of a row."""
    paths = (", ".join(f"[{format_layer(layer)}]" for layer in path) for path in row.branches)
    times = f" x {row.repeats}" if row.repeats > 1 else ""
    return f"[{' | '.join(paths)}]{times}"


def format_layer(layer: HeadLayer) -> str:
    """The one printed form of a layer, without its brackets."""
    match layer:
        case Conv(kernel=k, channels=channels):
            first = f"{channels}-d {k}x{k} conv" if layer.bare else f"{k}x{k}, {channels}"
            return ", ".join([first, *_options(layer)])
        case Pool(kind=kind, kernel=k):
            return ", ".join([f"{k}x{k} {kind} pool", *_options(layer)])
        case Dropout(p=p):
            return f"dropout {_number(p)}"
        case DropPath(p=p):
            return f"drop path {_number(p)}"
        case ZeroPad(before=before, after=after):
            return f"zero pad {before}" if before == after else f"zero pad {before} {after}"
        case BlurPool(stride=stride):
            return f"blur pool, /{stride}"
        case SqueezeExcite(hidden=hidden):
            return f"se {hidden}"
        case EfficientChannelAttention(kernel=kernel):
            return f"eca {kernel}"
        case AdaptivePool(side=side):
            return "average pool" if side == 1 else f"average pool to {side}x{side}"
        case Fc(features=features):
            return f"{features}-d fc"
        case Flatten():
            return "flatten"
        case Softmax():
            return "softmax"
        case _:
            assert_never(layer)


def _number(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _options(layer: Conv | Pool) -> list[str]:
    cardinality = layer.cardinality if isinstance(layer, Conv) else 1
    dilation = layer.dilation if isinstance(layer, Conv) else None
    bias = layer.bias if isinstance(layer, Conv) else None
    ceil = layer.ceil if isinstance(layer, Pool) else False
    texts = {
        f"C={cardinality}": cardinality > 1,
        f"/{layer.stride}": layer.stride is not None,
        f"dilation {dilation}": dilation is not None,
        f"pad {layer.padding}": layer.padding is not None,
        "bias" if bias else "no bias": bias is not None,
        "ceil": ceil,
    }
    return [text for text, given in texts.items() if given]
