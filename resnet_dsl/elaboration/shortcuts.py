"""Which layers is the shortcut of a block, where its row writes none?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple, assert_never

from resnet_dsl import ir
from resnet_dsl.elaboration.draft import NOTHING, Draft, Origin, Piece, in_sequence, piece
from resnet_dsl.elaboration.norm_layers import norm_of
from resnet_dsl.elaboration.reasons import (
    Projection,
    ProjectionPadding,
    ProjectionPool,
    Reason,
    ShortcutPadding,
    ShortcutPool,
    ShortcutStride,
)
from resnet_dsl.elaboration.stage_plans import StridePlan
from resnet_dsl.elaboration.term_layers import convolution
from resnet_dsl.language.spec import Projection as Projected
from resnet_dsl.language.spec import Settings
from resnet_dsl.notation import terms


def shortcut_layers(
    draft: Draft,
    settings: Settings,
    channels: int,
    plan: StridePlan,
    needed: bool,
    origin: Origin,
) -> Piece:
    """Options A, B and C of He et al. 2015, §3.3 and §4.1."""
    match settings.shortcut:
        case "padding" | "padding on both sides" | "average pool, padding":
            return _padding_shortcut(draft, settings, channels, plan.stride, origin)
        case "projection" | "always":
            if not needed and settings.shortcut == "projection":
                return NOTHING
            return _projection(draft, settings, channels, plan, origin)
        case "none":
            raise AssertionError("a plain block has no shortcut")
        case _:
            assert_never(settings.shortcut)


def _projection(
    draft: Draft, settings: Settings, channels: int, plan: StridePlan, origin: Origin
) -> Piece:
    """A projection that strides or is dilated is what the settings have; any other is a 1x1 alone.

    A pre-activated one has no norm: what it adds to is not normalized.
    """
    stride, moves = plan.stride, plan.stride > 1 or plan.dilation > 1
    parts = PROJECTIONS[settings.projection]
    term = terms.Conv(kernel=1, channels=channels, stride=stride)
    pool = NOTHING
    if moves and parts.kernel > 1:
        term = replace(term, kernel=parts.kernel, dilation=plan.first_dilation)
    if moves and parts.pool is not None:  # ResNet-D: He et al. 2019, figure 2c
        pool = _projection_pool(parts, stride)
        term = replace(term, stride=1)
    if not parts.normed and settings.order == "post":
        term = replace(term, norm=False)
    conv = piece(convolution(draft, term, settings, origin, draft.channels), Projection())
    if settings.order == "pre" or not parts.normed:
        return in_sequence(pool, conv)
    return in_sequence(pool, conv, norm_of(draft, settings, channels, origin))


class ProjectionParts(NamedTuple):
    """What a projection is made of: the pool before it and whether that keeps a last, partial
    window, its kernel, and whether a norm follows."""

    kernel: int = 1
    pool: ir.PoolKind | None = None
    ceil: bool = False
    normed: bool = True


PROJECTIONS: Final[dict[Projected, ProjectionParts]] = {
    "1x1": ProjectionParts(),
    "3x3": ProjectionParts(kernel=3),
    "average pool, 1x1": ProjectionParts(pool="average", ceil=True),
    "average pool floor, 1x1": ProjectionParts(pool="average"),
    "max pool, 1x1": ProjectionParts(pool="max"),
    "1x1, no norm": ProjectionParts(normed=False),
    "3x3, no norm": ProjectionParts(kernel=3, normed=False),
    "average pool, 1x1, no norm": ProjectionParts(pool="average", ceil=True, normed=False),
    "average pool floor, 1x1, no norm": ProjectionParts(pool="average", normed=False),
    "max pool, 1x1, no norm": ProjectionParts(pool="max", normed=False),
}
"""What each value of `projection` means."""


def _projection_pool(parts: ProjectionParts, stride: int) -> Piece:
    """Windows side by side; where dilation stands for the stride, 2x2 windows that overlap, with
    zeros after the map to keep its size."""
    assert parts.pool is not None
    if stride > 1:
        pool = ir.pool(kind=parts.pool, kernel=stride, stride=stride, ceil=parts.ceil)
        return piece(pool, ProjectionPool(parts.pool, stride, stride))
    pool = ir.pool(kind=parts.pool, kernel=2, stride=1)
    zeros = piece(ir.ZeroPad(before=0, after=1), ProjectionPadding())
    return in_sequence(zeros, piece(pool, ProjectionPool(parts.pool, kernel=2, stride=1)))


def _padding_shortcut(
    draft: Draft, settings: Settings, channels: int, stride: int, origin: Origin
) -> Piece:
    """Every `stride`-th pixel, and zeros for the channels that are new."""
    extra = channels - draft.channels
    if extra < 0:
        draft.fault(
            "shortcut",
            f"a padding shortcut cannot lead from {draft.channels} to {channels} channels",
            origin,
            help="it only adds channels: use shortcut: projection",
        )
    both_sides = settings.shortcut == "padding on both sides"
    if both_sides and extra % 2 and extra > 0:
        draft.fault(
            "shortcut",
            f"{extra} new channels do not divide into two sides of {draft.channels}",
            origin,
            help="use a width that adds an even number, or shortcut: padding",
        )
    pixels = ir.pool(kind="max", kernel=1, stride=stride)
    reason: Reason = ShortcutStride(stride)
    if settings.shortcut == "average pool, padding":  # PyramidNet: Han et al. 2017, figure 5
        pixels = ir.pool(kind="average", kernel=stride, stride=stride, ceil=True)
        reason = ShortcutPool(stride)
    before = extra // 2 if both_sides else 0
    zeros = ir.PadChannels(before=before, after=extra - before)
    return in_sequence(
        piece(pixels, reason) if stride > 1 else NOTHING,
        piece(zeros, ShortcutPadding(extra, before > 0)) if extra > 0 else NOTHING,
    )
