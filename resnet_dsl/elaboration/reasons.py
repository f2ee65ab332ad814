"""Why is a layer there that no term of the spec stands for?

Each rule of the compiler that adds or changes a layer emits its reason where it acts. What a spec
says itself has no reason. How reasons read is `resnet_dsl.answers.reason_text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.ir import LayerPath


class InsertedStride(NamedTuple):
    """The stride of a stage's first block; `on_first`: at its first convolution (v1)."""

    stride: int
    stage: str
    on_first: bool


class InsertedDilation(NamedTuple):
    """A dilation of a stage, given by the stage or, in place of a stride, by `output_stride`."""

    rate: int
    stage: str
    output_stride: int | None


class AntiAliasing(NamedTuple):
    """A pool that strides instead of the convolution before it; with a stride of 1, the filter that
    is left where a dilation has replaced the stride."""

    stride: int


class AddedNorm(NamedTuple):
    """The norm of a convolution."""

    kind: str


class AddedActivation(NamedTuple):
    """The activation of a convolution, or of a block, after its addition."""

    kind: str
    after_addition: bool = False


class PreActivation(NamedTuple):
    """Norm or activation before a pre-activated block, or `after` the last one."""

    after: bool = False


class StochasticDepth(NamedTuple):
    """A residual branch that is dropped with probability `p`; the last block with `rate`."""

    p: float
    rate: float


class Projection(NamedTuple):
    """The convolution of a shortcut whose shape changes."""


class ProjectionPool(NamedTuple):
    """The pool before the convolution of a projection."""

    kind: str
    kernel: int
    stride: int


class ProjectionPadding(NamedTuple):
    """Zeros that keep the size of a map before the pool of a dilated projection."""


class ShortcutStride(NamedTuple):
    """The subsampling of an option A shortcut."""

    stride: int


class ShortcutPool(NamedTuple):
    """The average pool of a shortcut that pads its channels."""

    stride: int


class ShortcutPadding(NamedTuple):
    """The channels of zeros of an option A shortcut."""

    channels: int
    both_sides: bool


class Addition(NamedTuple):
    """The addition of a residual block, by the kind of its shortcut."""

    shortcut: Literal["identity", "projection", "padding"]


class Concatenation(NamedTuple):
    """The concatenation of the branches of a row."""

    branches: int


class FlattenedInput(NamedTuple):
    """A map as a vector, before a fully connected layer."""


Reason: TypeAlias = (
    InsertedStride
    | InsertedDilation
    | AntiAliasing
    | AddedNorm
    | AddedActivation
    | PreActivation
    | StochasticDepth
    | Projection
    | ProjectionPool
    | ProjectionPadding
    | ShortcutStride
    | ShortcutPool
    | ShortcutPadding
    | Addition
    | Concatenation
    | FlattenedInput
)
Reasons: TypeAlias = Mapping[LayerPath, tuple[Reason, ...]]
"""The reasons for a layer and the layers inside it, by their path from there."""
