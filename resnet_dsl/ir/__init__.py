"""The layer algebra: what a network computes, every number known, and nothing more.

A `Network` is an input size and a tuple of layers. Leaves compute, three combinators connect:
`Sequence` (one after the other), `Residual` (add) and `Parallel` (concatenate). Nodes are plain
data; every question about them is a function in `resnet_dsl.folds`. Names of modules, orders of
registration and positions in a text are not here: each is the result of a fold, by `LayerPath`.

Leaves of a kind share a base class (`Norm`, `Activation`, `Attention`, `Window`, …), so
that a fold names the kinds that matter to it. The union `Leaf` is closed: a leaf that a fold
forgets is an error of mypy.

>>> sequence(Pool(kind="max", kernel=3, stride=2), Identity())
Pool(kind='max', kernel=3, stride=2, padding=0, ceil=False)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from resnet_dsl.ir.kinds import ROOT as ROOT
from resnet_dsl.ir.kinds import Activation as Activation
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
from resnet_dsl.ir.leaves import Act as Act
from resnet_dsl.ir.leaves import ActKind as ActKind
from resnet_dsl.ir.leaves import AdaptivePool as AdaptivePool
from resnet_dsl.ir.leaves import AnyActivation as AnyActivation
from resnet_dsl.ir.leaves import BlurPool as BlurPool
from resnet_dsl.ir.leaves import Conv as Conv
from resnet_dsl.ir.leaves import Dropout as Dropout
from resnet_dsl.ir.leaves import DropPath as DropPath
from resnet_dsl.ir.leaves import EfficientChannelAttention as EfficientChannelAttention
from resnet_dsl.ir.leaves import Flatten as Flatten
from resnet_dsl.ir.leaves import Identity as Identity
from resnet_dsl.ir.leaves import L2Normalize as L2Normalize
from resnet_dsl.ir.leaves import Leaf as Leaf
from resnet_dsl.ir.leaves import LearnedScale as LearnedScale
from resnet_dsl.ir.leaves import Linear as Linear
from resnet_dsl.ir.leaves import Normalize as Normalize
from resnet_dsl.ir.leaves import PadChannels as PadChannels
from resnet_dsl.ir.leaves import Pool as Pool
from resnet_dsl.ir.leaves import PoolKind as PoolKind
from resnet_dsl.ir.leaves import PReLU as PReLU
from resnet_dsl.ir.leaves import Scale as Scale
from resnet_dsl.ir.leaves import Softmax as Softmax
from resnet_dsl.ir.leaves import SpatialAttention as SpatialAttention
from resnet_dsl.ir.leaves import SqueezeExcite as SqueezeExcite
from resnet_dsl.ir.leaves import Standardization as Standardization
from resnet_dsl.ir.leaves import StandardizationFormula as StandardizationFormula
from resnet_dsl.ir.leaves import WindowSize as WindowSize
from resnet_dsl.ir.leaves import ZeroPad as ZeroPad
from resnet_dsl.ir.norms import AnyNorm as AnyNorm
from resnet_dsl.ir.norms import BatchNorm as BatchNorm
from resnet_dsl.ir.norms import EvoNorm as EvoNorm
from resnet_dsl.ir.norms import FilterResponseNorm as FilterResponseNorm
from resnet_dsl.ir.norms import GroupNorm as GroupNorm
from resnet_dsl.ir.norms import InstanceNorm as InstanceNorm
from resnet_dsl.ir.norms import LayerNorm as LayerNorm
from resnet_dsl.notebooks import ShownInNotebooks

_IDENTITY: Final = Identity()


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
    shortcut: Layer = _IDENTITY
    after: Layer = _IDENTITY


@dataclass(frozen=True, slots=True)
class Parallel:
    """`concat(f(x), g(x), ...)` along the channels: Szegedy et al. 2015, figure 2."""

    branches: tuple[Layer, ...]


Layer: TypeAlias = Leaf | Sequence | Residual | Parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class Auxiliary:
    """A classifier that reads the map after the first `position` layers of a network, in training.

    Szegedy et al. 2015, §5, add its loss to that of the network.
    """

    position: int
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Network(ShownInNotebooks):
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
