"""Rows and layers as an author writes them; `resnet_dsl.notation.printed` prints them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from resnet_dsl.ir import ActKind, PoolKind, WindowSize

At: TypeAlias = tuple[int, int]
"""The place of a piece in its text: its first character, and the first one after it."""


ActivationKind: TypeAlias = ActKind | Literal["prelu"]
NormKind: TypeAlias = Literal["batch", "group", "instance", "layer", "evonorm", "filter response"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """`relu`, `leaky_relu 0.1`, `prelu`, `shared prelu`.

    `number` is the slope of leaky_relu or the alpha of elu and celu, None for PyTorch's.
    """

    kind: ActivationKind
    number: float | None = None
    shared: bool = False
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """`norm`, the one that the keys give, or one of its own: `batch norm, eps 0.001`."""

    kind: NormKind | None = None
    groups: int | None = None
    eps: float | None = None
    momentum: float | Literal["cumulative"] | None = None
    affine: bool | None = None
    at: At = field(default=(0, 0), compare=False, repr=False)


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
    norm: bool | None = None
    activation: Activation | Literal["linear"] | None = None
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
    """`dropout 0.5`, of single numbers, or `channel dropout 0.5`."""

    p: float
    of_channels: bool = False
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
    """`se 16`, with its hidden width, or `se /16`, with the ratio to the channels that come in.

    Options are `fc` (linear layers), `no bias`, an activation, a `gate` and `max pool`, and `norm`:
    a batch norm inside, with its `eps` and `momentum`.
    """

    hidden: int | None = None
    ratio: int | None = None
    fc: bool = False
    bias: bool = True
    norm: Norm | None = None
    activation: ActKind = "relu"
    gate: ActKind = "sigmoid"
    max_pool: bool = False
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientChannelAttention:
    """`eca 5`, with its kernel."""

    kernel: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialAttention:
    """`spatial attention 7`, with its kernel; options are `bias`, `norm` and `max first`."""

    kernel: int
    bias: bool = False
    norm: Norm | None = None
    max_first: bool = False
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroChannels:
    """`zero channels 16`, after those that come in; `zero channels 8 8`: before and after."""

    before: int = 0
    after: int
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """`scale 0.1`."""

    factor: float
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedScale:
    """`learned scale`: one number."""

    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize:
    """`normalize, mean 0.485 0.456 0.406, std 0.229 0.224 0.225`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class L2Normalize:
    """`l2 normalize`."""

    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`identity`: a branch or a shortcut without layers."""

    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """`add`: what follows it in a row comes after the addition."""

    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePool:
    """`average pool`, over the whole map, or `average pool to 7x7`; `global max pool`.

    A `window` sums as a pool of the size of the map does, in another order: `as window`, or `as
    window of the height`.
    """

    side: int = 1
    kind: PoolKind = "average"
    window: WindowSize | None = None
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BothPools:
    """`average and max pool`: both over the whole map, side by side, the `first` one first."""

    first: PoolKind = "average"
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fc:
    """`1000-d fc`: a fully connected layer."""

    features: int
    bias: bool = True
    activation: Activation | Literal["linear"] | None = None
    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten:
    """`flatten`."""

    at: At = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """`softmax`, or `log softmax`."""

    log: bool = False
    at: At = field(default=(0, 0), compare=False, repr=False)


RowLayer: TypeAlias = (
    Conv
    | Pool
    | BlurPool
    | ZeroPad
    | SqueezeExcite
    | EfficientChannelAttention
    | SpatialAttention
    | Dropout
    | DropPath
    | Norm
    | Activation
    | Scale
    | LearnedScale
    | ZeroChannels
    | Normalize
    | L2Normalize
    | Identity
    | Add
)
HeadLayer: TypeAlias = RowLayer | AdaptivePool | BothPools | Fc | Flatten | Softmax
Branch: TypeAlias = tuple[RowLayer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`[[3x3, 64], [3x3, 64]] x 2`: a block, as branches side by side, and how often it repeats.

    `shortcut` is one that is written, after a `+`; None where the keys give it.
    """

    branches: tuple[Branch, ...]
    repeats: int = 1
    shortcut: Branch | None = None

    @property
    def layers(self) -> tuple[RowLayer, ...]:
        """The layers of all branches, without a shortcut."""
        return tuple(layer for branch in self.branches for layer in branch)

    @property
    def is_block(self) -> bool:
        """Whether the row is one of blocks; pools and dropouts without a convolution are not."""
        return any(isinstance(layer, Conv) for layer in self.layers)
