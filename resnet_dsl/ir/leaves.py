"""The leaves of the layer algebra: every kind of layer that computes, one dataclass each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from resnet_dsl.ir.kinds import (
    Activation,
    Attention,
    Elementwise,
    Padding,
    Parameterless,
    Window,
)
from resnet_dsl.ir.norms import (
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
)

ActKind: TypeAlias = Literal[
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "sigmoid",
    "tanh",
    "celu",
    "selu",
    "gelu_tanh",
    "hardswish",
    "hardsigmoid",
    "mish",
    "softplus",
]
StandardizationFormula: TypeAlias = Literal["batch_norm", "variance", "deviation"]
PoolKind: TypeAlias = Literal["max", "average"]
WindowSize: TypeAlias = Literal["whole", "height", "width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standardization:
    """Filters with mean 0 and variance 1 for each output channel: Qiao et al. 2019.

    `batch_norm` and `variance` are `(w - mean) / sqrt(var + eps)`, by PyTorch's batch norm of the
    filters or written out (Google's BiT), which round differently; `deviation` is
    `(w - mean) / (std + eps)`, with the unbiased deviation (the authors' code).
    """

    formula: StandardizationFormula = "batch_norm"
    eps: float = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Window):
    """A square 2-D convolution; `groups` is the cardinality of Xie et al. 2017."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    standardization: Standardization | None = None

    def __post_init__(self) -> None:
        assert self.in_channels % self.groups == 0 == self.out_channels % self.groups, self
        assert min(self.kernel, self.stride, self.dilation, self.out_channels) > 0, self


@dataclass(frozen=True, slots=True)
class Act(Activation, Elementwise):
    """An elementwise activation without parameters.

    `number` is the slope of leaky_relu below zero, or the alpha of elu and celu; None where it is
    PyTorch's, 0.01 or 1.
    """

    kind: ActKind
    number: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PReLU(Activation):
    """`max(x, 0) + slope * min(x, 0)` with learned slopes, one for each of the channels or, where
    `channels` is 1, one for all: He et al. 2015b, §2.1."""

    channels: int


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
    """The averages or maxima of each channel over `side` x `side` even parts of the map.

    One part is the whole map, a global average pool: Lin et al. 2013. A `window` computes it as a
    pool of the size of the map, which adds in another order, or of its height or width alone.
    """

    side: int = 1
    kind: PoolKind = "average"
    window: WindowSize | None = None


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
    """`x * gate(W2 act(W1 mean(x)))`, with `hidden` channels between: Hu et al. 2018, §3.

    W1 and W2 are 1x1 convolutions, or `linear` layers, with or without `bias`. `norm` stands
    after W1. With `max_pool`, `W2 act(W1 max(x))` is added before the gate: the channel attention
    of CBAM, Woo et al. 2018, equation 2.
    """

    channels: int
    hidden: int
    linear: bool = False
    bias: bool = True
    act: ActKind = "relu"
    gate: ActKind = "sigmoid"
    norm: BatchNorm | None = None
    max_pool: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialAttention(Attention):
    """`x * sigmoid(conv([mean(x), max(x)]))`, over the channels of each pixel: Woo et al. 2018,
    equation 3. `max_first` swaps the two maps; `norm` follows the convolution."""

    kernel: int
    bias: bool = False
    max_first: bool = False
    norm: BatchNorm | None = None


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
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Dropout(Elementwise):
    """In training each element is zeroed with probability `p`, the others scaled by `1/(1-p)`;
    with `of_channels`, whole channels of an image."""

    p: float
    of_channels: bool = False


@dataclass(frozen=True, slots=True)
class DropPath(Elementwise):
    """In training each image's map is zeroed with probability `p`, the others scaled by
    `1/(1-p)`: the stochastic depth of Huang et al. 2016."""

    p: float


@dataclass(frozen=True, slots=True)
class Softmax(Parameterless):
    """`exp(x) / sum(exp(x))` over the features of a vector, or its logarithm."""

    log: bool = False


@dataclass(frozen=True, slots=True)
class Scale(Elementwise):
    """`factor * x`: the scaled residuals of Szegedy et al. 2017, §3.3, or scaled outputs."""

    factor: float


@dataclass(frozen=True, slots=True)
class LearnedScale:
    """`weight * x`, with one learned number: SkipInit, De and Smith 2020; a temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize(Elementwise):
    """`(x - mean) / deviation`: one number for each channel, or one for all."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class L2Normalize(Elementwise):
    """`x / max(|x|, 1e-12)`, over the features of a vector or the channels of a pixel."""


@dataclass(frozen=True, slots=True)
class Identity(Elementwise):
    """`x`: the shortcut where the shapes agree."""


AnyActivation: TypeAlias = Act | PReLU
Leaf: TypeAlias = (
    Conv
    | BatchNorm
    | GroupNorm
    | InstanceNorm
    | LayerNorm
    | EvoNorm
    | FilterResponseNorm
    | Act
    | PReLU
    | Pool
    | AdaptivePool
    | ZeroPad
    | BlurPool
    | SqueezeExcite
    | EfficientChannelAttention
    | SpatialAttention
    | PadChannels
    | Flatten
    | Linear
    | Dropout
    | DropPath
    | Softmax
    | Scale
    | LearnedScale
    | Normalize
    | L2Normalize
    | Identity
)
