"""The layer algebra: what a network computes, every number known, and nothing more.

A `Network` is an input size and a tuple of layers. Leaves compute, three combinators connect:
`Sequence` (one after the other), `Residual` (add) and `Parallel` (concatenate). Nodes are plain
data; every question about them is a function in `resnet_dsl.folds`. Names of modules, orders of
registration and positions in a text are not here: each is the result of a fold, by `LayerPath`.

Leaves of a kind share a base class (`Norm`, `Attention`, `Window`, `Padding`, `Parameterless`), so
that a fold names the kinds that matter to it. The union `Leaf` is closed: a leaf that a fold
forgets is an error of mypy.

>>> sequence(Pool(kind="max", kernel=3, stride=2), Identity())
Pool(kind='max', kernel=3, stride=2, padding=0, ceil=False)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from resnet_dsl.ir.kinds import ROOT as ROOT
from resnet_dsl.ir.kinds import ActiveNorm as ActiveNorm
from resnet_dsl.ir.kinds import Attention as Attention
from resnet_dsl.ir.kinds import Elementwise as Elementwise
from resnet_dsl.ir.kinds import LayerPath as LayerPath
from resnet_dsl.ir.kinds import Norm as Norm
from resnet_dsl.ir.kinds import Padding as Padding
from resnet_dsl.ir.kinds import Parameterless as Parameterless
from resnet_dsl.ir.kinds import Shape as Shape
from resnet_dsl.ir.kinds import Size as Size
from resnet_dsl.ir.kinds import Vector as Vector
from resnet_dsl.ir.kinds import Window as Window

ActKind: TypeAlias = Literal[
    "relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh"
]
PoolKind: TypeAlias = Literal["max", "average"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Window):
    """A square 2-D convolution; `groups` is the cardinality of Xie et al. 2017.

    `standardized` weights have mean 0 and variance 1 for each output channel: Qiao et al. 2019.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    standardized: bool = False

    def __post_init__(self) -> None:
        assert self.in_channels % self.groups == 0 == self.out_channels % self.groups, self
        assert min(self.kernel, self.stride, self.dilation, self.out_channels) > 0, self


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(Norm):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over a batch: Ioffe and Szegedy 2015.

    `momentum` is the weight of the new batch in the running statistics, as PyTorch counts it.
    """

    channels: int
    eps: float
    momentum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm(Norm):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over groups of channels: Wu and He 2018."""

    channels: int
    groups: int
    eps: float

    def __post_init__(self) -> None:
        assert self.channels % self.groups == 0, self


@dataclass(frozen=True, slots=True, kw_only=True)
class EvoNorm(ActiveNorm):
    """EvoNorm-S0, `x * sigmoid(v * x) / std(x) * weight + bias`: Liu et al. 2020, table 2.

    The deviation is that of a group of channels. It normalizes and activates.
    """

    channels: int
    groups: int
    eps: float

    def __post_init__(self) -> None:
        assert self.channels % self.groups == 0, self


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterResponseNorm(ActiveNorm):
    """`max(x / sqrt(mean(x^2) + eps) * weight + bias, tau)`: Singh and Krishnan 2020, §3.

    The mean is that of a channel's map. It normalizes and activates.
    """

    channels: int
    eps: float


@dataclass(frozen=True, slots=True)
class Act(Elementwise):
    """An elementwise activation without parameters."""

    kind: ActKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Window, Parameterless):
    """A square window with its maximum or average; `ceil` keeps a last, partial window.

    Max pools pad with minus infinity; averages count the zeros that they pad with.
    """

    kind: PoolKind
    kernel: int
    stride: int
    padding: int = 0
    ceil: bool = False

    @property
    def dilation(self) -> int:  # type: ignore[override]  # a number like the others, but fixed
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePool(Parameterless):
    """The averages of each channel over `side` x `side` even parts of the map.

    One part is the whole map, a global average pool: Lin et al. 2013.
    """

    side: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroPad(Padding):
    """Zeros around a map: `before` its first row and column, `after` its last."""

    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlurPool(Parameterless):
    """A binomial 3x3 filter over each channel, then every `stride`-th pixel: Zhang 2019.

    The map is reflected by one pixel at its sides.
    """

    stride: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExcite(Attention):
    """`x * sigmoid(W2 relu(W1 mean(x)))`, with `hidden` channels between: Hu et al. 2018, §3."""

    channels: int
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientChannelAttention(Attention):
    """`x * sigmoid(conv(mean(x)))`, over `kernel` neighbouring channels: Wang et al. 2020."""

    kernel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PadChannels(Padding):
    """Channels of zeros, `before` and `after` those of the input: option A of He et al. 2015."""

    before: int = 0
    after: int


@dataclass(frozen=True, slots=True)
class Flatten(Parameterless):
    """A map read as one vector, channel by channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """`W x + b`: a fully connected layer."""

    in_features: int
    out_features: int


@dataclass(frozen=True, slots=True)
class Dropout(Elementwise):
    """In training each element is zeroed with probability `p`, the others scaled by `1/(1-p)`."""

    p: float


@dataclass(frozen=True, slots=True)
class DropPath(Elementwise):
    """In training each image's map is zeroed with probability `p`, the others scaled by
    `1/(1-p)`: the stochastic depth of Huang et al. 2016."""

    p: float


@dataclass(frozen=True, slots=True)
class Softmax(Parameterless):
    """`exp(x) / sum(exp(x))` over the features of a vector."""


@dataclass(frozen=True, slots=True)
class Identity(Elementwise):
    """`x`: the shortcut where the shapes agree."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """`g(f(x))`: layers one after the other. Made by `sequence`, which keeps it flat."""

    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """`after(body(x) + shortcut(x))`: He et al. 2015, equations 1 and 2.

    The shortcut is `Identity` where the shapes agree, otherwise a projection or zero channels.
    """

    body: Layer
    shortcut: Layer = Identity()
    after: Layer = Identity()


@dataclass(frozen=True, slots=True)
class Parallel:
    """`concat(f(x), g(x), ...)` along the channels: Szegedy et al. 2015, figure 2."""

    branches: tuple[Layer, ...]


AnyNorm: TypeAlias = BatchNorm | GroupNorm | EvoNorm | FilterResponseNorm
Leaf: TypeAlias = (
    Conv
    | BatchNorm
    | GroupNorm
    | EvoNorm
    | FilterResponseNorm
    | Act
    | Pool
    | AdaptivePool
    | ZeroPad
    | BlurPool
    | SqueezeExcite
    | EfficientChannelAttention
    | PadChannels
    | Flatten
    | Linear
    | Dropout
    | DropPath
    | Softmax
    | Identity
)
Layer: TypeAlias = Leaf | Sequence | Residual | Parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class Auxiliary:
    """A classifier that reads the map after the first `position` layers of a network, in training.

    Szegedy et al. 2015, §5, add its loss to that of the network.
    """

    position: int
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A whole network: layers in order, for images of the size `input`.

    `layers` is flat (no `Sequence`, no `Identity` among them), so equal networks compare equal,
    whatever stages their authors saw in them. Auxiliaries stand in the order of what they read.
    Any such network can be analyzed, named and built, whether or not a spec can express it.
    """

    input: Shape
    layers: tuple[Layer, ...]
    auxiliaries: tuple[Auxiliary, ...] = ()


def pool(*, kind: PoolKind, kernel: int, stride: int, padding: int = 0, ceil: bool = False) -> Pool:
    """The normal form of a pool: the average of one pixel is its maximum, and windows of one pixel
    or at every pixel are never partial.

    >>> pool(kind="average", kernel=1, stride=2, ceil=True)
    Pool(kind='max', kernel=1, stride=2, padding=0, ceil=False)
    """
    partial = ceil and kernel > 1 and stride > 1
    kind = "max" if kernel == 1 else kind
    return Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=partial)


def sequence(*layers: Layer) -> Layer:
    """The normal form of layers in a row: nested sequences flattened, identities dropped."""
    flat = tuple(_flat(layers))
    match flat:
        case ():
            return Identity()
        case (only,):
            return only
        case _:
            return Sequence(flat)


def network(input: Shape, *layers: Layer, auxiliaries: tuple[Auxiliary, ...] = ()) -> Network:
    """The normal form of a network."""
    in_order = sorted(auxiliaries, key=lambda auxiliary: auxiliary.position)
    return Network(input, tuple(_flat(layers)), tuple(in_order))


def steps(layer: Layer) -> tuple[Layer, ...]:
    """What `sequence` joined: the layers of a sequence, no layer for an identity."""
    match layer:
        case Sequence(layers):
            return layers
        case Identity():
            return ()
        case _:
            return (layer,)


def _flat(layers: tuple[Layer, ...]) -> list[Layer]:
    return [inner for layer in layers for inner in steps(layer)]
