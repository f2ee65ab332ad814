"""The reasons of the compiler, in words."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.elaboration.reasons import (
    AddedActivation,
    AddedNorm,
    Addition,
    AntiAliasing,
    Concatenation,
    FlattenedInput,
    InsertedDilation,
    InsertedStride,
    PreActivation,
    Projection,
    ProjectionPadding,
    ProjectionPool,
    Reason,
    ShortcutPadding,
    ShortcutPool,
    ShortcutStride,
    StochasticDepth,
)
from resnet_dsl.ir import Size


def reason_text(reason: Reason, block_input: Size, output: Size) -> str:
    """Why a layer is there; a projection shows what enters its block and what it gives.

    >>> from resnet_dsl.ir import Shape
    >>> reason_text(Projection(), Shape(64, 56, 56), Shape(128, 28, 28))
    'projection: 64x56x56 → 128x28x28'
    """
    match reason:
        case InsertedStride(stride=stride, stage=stage, on_first=on_first):
            where = ", at its first convolution" if on_first else ""
            return f"stride {stride}: first block of {stage}{where}"
        case InsertedDilation(rate=rate, stage=stage, output_stride=output_stride):
            cause = f"in place of a stride (output stride {output_stride})"
            return f"dilation {rate}: {cause if output_stride else stage}"
        case AntiAliasing(stride=1):
            return "anti-aliasing: a filter with stride 1, since dilation replaces the stride"
        case AntiAliasing(stride=stride):
            return f"anti-aliasing: strides by {stride} after the convolution"
        case AddedNorm(kind=kind):
            return f"norm: {kind}"
        case AddedActivation(kind=kind, after_addition=after):
            return f"activation: {kind}{', after the addition' if after else ''}"
        case PreActivation(after=after):
            return f"pre-activation{': after the last block' if after else ''}"
        case StochasticDepth(p=p, rate=rate):
            return f"drop path: {p:.3g} of {rate:g}, linear over the blocks"
        case Addition(shortcut=shortcut):
            return f"{shortcut} shortcut"
        case Concatenation(branches=branches):
            return f"{branches} branches side by side"
        case FlattenedInput():
            return "fc takes a vector"
        case _:
            return _shortcut_text(reason, block_input, output)


def _shortcut_text(
    reason: Projection
    | ProjectionPool
    | ProjectionPadding
    | ShortcutStride
    | ShortcutPool
    | ShortcutPadding,
    block_input: Size,
    output: Size,
) -> str:
    match reason:
        case Projection():
            return f"projection: {block_input} → {output}"
        case ProjectionPool(kind=kind, kernel=kernel, stride=stride):
            return f"{kind} pool of the projection: {kernel}x{kernel}, /{stride}"
        case ShortcutPool(stride=stride):
            return f"average pool of the shortcut: {stride}x{stride}, /{stride}"
        case ProjectionPadding():
            return "zeros after the map keep its size before the pool of the projection"
        case ShortcutStride(stride=stride):
            nth = {2: "second", 3: "third"}.get(stride, f"{stride}th")
            return f"option A: every {nth} pixel"
        case ShortcutPadding(channels=channels, both_sides=both_sides):
            return f"option A: {channels} channels of zeros{' on both sides' if both_sides else ''}"
        case _:
            assert_never(reason)
