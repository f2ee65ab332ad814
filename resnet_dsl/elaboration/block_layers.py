"""Which layers is one block? Convolutions with what they bring, and the shortcut around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias, assert_never

from resnet_dsl import ir
from resnet_dsl.elaboration.draft import NOTHING, Draft, Origin, Piece, in_sequence, piece
from resnet_dsl.elaboration.norm_layers import norm_of
from resnet_dsl.elaboration.reasons import (
    AddedActivation,
    Addition,
    AntiAliasing,
    Concatenation,
    InsertedDilation,
    InsertedStride,
    PreActivation,
    Reason,
    StochasticDepth,
)
from resnet_dsl.elaboration.shortcuts import shortcut_layers
from resnet_dsl.elaboration.stage_plans import StridePlan
from resnet_dsl.elaboration.term_layers import (
    activation_layer,
    activation_of,
    activation_text,
    stride_of,
    term_layers,
    total_stride,
    width_of,
)
from resnet_dsl.folds.anatomy import is_bottleneck
from resnet_dsl.language.spec import Settings, StrideOn, default_padding
from resnet_dsl.notation import terms
from resnet_dsl.notation.terms import Branch, Conv, Row


class PlannedTerm(NamedTuple):
    """A term of a row as its stage's plan leaves it, and what the plan has changed or added."""

    term: terms.RowLayer
    reasons: tuple[Reason, ...] = ()


PlannedBranch: TypeAlias = tuple[PlannedTerm, ...]


def block_layers(
    draft: Draft, row: Row, settings: Settings, plan: StridePlan, origin: Origin
) -> Iterator[Piece]:
    """The blocks of a row; only the first one may stride. Equal blocks are one object."""
    known: dict[tuple[int, StridePlan, float], Piece] = {}
    residual, following = is_residual(row, settings), plan.following
    for _ in range(row.repeats):
        drop = next(draft.drop_paths, 0.0) if residual else 0.0
        key = draft.channels, plan, drop
        if key not in known:
            known[key] = _block(draft, row, settings, plan, drop, origin)
        yield known[key]
        plan = following


def fitting_help(draft: Draft, row: Row, settings: Settings) -> str | None:
    """Why the body of a block may give another size than its shortcut: an average pool drops the
    last pixel of an odd map, and an even kernel or another padding moves its sides."""
    for layer in row.layers if is_residual(row, settings) else ():
        if not isinstance(layer, Conv):
            continue
        kernel, padding = layer.kernel, layer.padding
        if kernel % 2 == 0:
            side = kernel + 1
            return f"an even kernel does not keep the size of a map: write {side}x{side}"
        if padding is not None and padding != default_padding(layer):
            return f"pad {padding} does not keep the size of a map: leave it out"
    if settings.antialias == "average" and any(side % 2 for side in draft.size[1:]):
        return "an average pool that strides takes even maps: another input, or antialias: blur"
    return None


def is_residual(row: Row, settings: Settings) -> bool:
    """Whether the blocks of a row have shortcuts."""
    return settings.shortcut != "none" and row.is_block


def _block(
    draft: Draft, row: Row, settings: Settings, plan: StridePlan, drop: float, origin: Origin
) -> Piece:
    """One block on the map so far."""
    residual = is_residual(row, settings)
    branches = planned_branches(row, settings, plan)
    branches[0], added = _at_addition(branches[0])
    bodies = [_body(draft, branch, settings, residual, origin) for branch in branches]
    body = bodies[0] if len(bodies) == 1 else _parallel(bodies)
    if not residual:
        return _unshortened(draft, row, body, origin)
    if drop:
        body = in_sequence(body, piece(ir.DropPath(drop), StochasticDepth(drop, draft.drop_rate)))
    first = [planned.term for planned in branches[0]]
    channels = sum(width_of(branch, draft.channels) for branch in row.branches)
    stride = total_stride(first)  # or the branches do not meet
    if row.shortcut is None:
        changes = stride != 1 or channels != draft.channels
        needed = changes or (plan.enters and _is_pre_activated_bottleneck(row, settings))
        shortcut = shortcut_layers(
            draft, settings, channels, plan._replace(stride=stride), needed, origin
        )
    else:
        shortcut = _body(draft, list(map(PlannedTerm, row.shortcut)), settings, True, origin)
    kind, after = _shortcut_kind(shortcut), _after(settings, channels)
    further = _further_layers(draft, added, settings, channels, origin)
    match settings.order:
        case "post":
            return in_sequence(_residual(body, shortcut, kind, after), further)
        case "pre":
            before = opening(draft, settings, origin)
            raw = settings.projection_input == "raw" or row.shortcut is not None
            if not settings.projects or shortcut == NOTHING or raw:
                own = in_sequence(before, body)
                return in_sequence(_residual(own, shortcut, kind, after), further)
            return in_sequence(before, _residual(body, shortcut, kind, after), further)
        case _:
            assert_never(settings.order)


def _at_addition(branch: PlannedBranch) -> tuple[PlannedBranch, PlannedBranch]:
    """The terms before the addition, and those that are written after it."""
    ends = (i for i, planned in enumerate(branch) if isinstance(planned.term, terms.Add))
    end = next(ends, len(branch))
    return branch[:end], branch[end + 1 :]


def _unshortened(draft: Draft, row: Row, body: Piece, origin: Origin) -> Piece:
    """A body without a shortcut; a fault where its row writes one, or an addition."""
    written = row.shortcut or [t for t in row.layers if isinstance(t, terms.Add)]
    if written:
        what = "a row without a convolution" if not row.is_block else "a stage without shortcuts"
        draft.fault(
            "shortcut",
            f"an addition in {what}",
            origin._replace(at=written[0].at),
            help="leave it out, or give the blocks their shortcut",
        )
    return body


def _after(settings: Settings, channels: int) -> Piece:
    """What follows the addition of a block."""
    value = settings.after_addition
    if value == "none":
        return NOTHING
    reason = AddedActivation(activation_text(value), after_addition=True)
    return piece(activation_layer(value, channels), reason)


def _further_layers(
    draft: Draft, branch: PlannedBranch, settings: Settings, channels: int, origin: Origin
) -> Piece:
    """The layers that a row writes after its addition."""
    pieces = [
        term_layers(
            draft, planned.term, settings, origin._replace(at=planned.term.at), channels=channels
        )
        for planned in branch
    ]
    return in_sequence(*pieces)


ShortcutKind = Literal["identity", "projection", "padding"]


def _shortcut_kind(shortcut: Piece) -> ShortcutKind:
    inside = ir.steps(shortcut.layer)
    if any(isinstance(layer, ir.Conv) for layer in inside):
        return "projection"
    return "padding" if inside else "identity"


def _residual(body: Piece, shortcut: Piece, kind: ShortcutKind, after: Piece = NOTHING) -> Piece:
    layer = ir.Residual(body=body.layer, shortcut=shortcut.layer, after=after.layer)
    inside = {**body.under("body"), **shortcut.under("shortcut"), **after.under("after")}
    return Piece(layer, {**inside, ir.ROOT: (Addition(kind),)})


def _parallel(branches: Sequence[Piece]) -> Piece:
    inside = {path: why for i, b in enumerate(branches) for path, why in b.under(i).items()}
    layer = ir.Parallel(tuple(branch.layer for branch in branches))
    return Piece(layer, {**inside, ir.ROOT: (Concatenation(len(branches)),)})


def opening(draft: Draft, settings: Settings, origin: Origin, *, after: bool = False) -> Piece:
    """The norm and activation before a pre-activated block, and after the last of them: He et al.
    2016, figure 4e."""
    reason = PreActivation(after)
    norm = norm_of(draft, settings, draft.channels, origin, reason)
    return in_sequence(norm, activation_of(settings, draft.channels, reason))


def _is_pre_activated_bottleneck(row: Row, settings: Settings) -> bool:
    """Those always project where they enter a stage, as in Google's BiT and in timm."""
    kernels = [layer.kernel for layer in row.layers if isinstance(layer, terms.Conv)]
    return settings.order == "pre" and is_bottleneck(kernels)


# ---------------------------------------------------------------- the plan of the stage


def planned_branches(
    row: Row, settings: Settings, plan: StridePlan
) -> list[tuple[PlannedTerm, ...]]:
    """The branches of a row, with its stage's stride and dilation at the convolutions that take
    them."""
    if not row.is_block:
        return [tuple(map(PlannedTerm, branch)) for branch in row.branches]
    branches = [tuple(_dilated(t, plan.dilation, plan) for t in branch) for branch in row.branches]
    if len(branches) > 1:
        return branches
    (written,), (branch,) = row.branches, branches
    i = strided_conv(written, settings.stride_on)
    entering = _strided(_dilated(written[i], plan.first_dilation, plan), settings, plan)
    left: tuple[PlannedTerm, ...] = ()
    if settings.antialias == "blur" and plan.first_dilation != plan.dilation:
        blur = terms.BlurPool(stride=1, at=written[i].at)  # as in timm, it stays as a filter
        left = (PlannedTerm(blur, (AntiAliasing(stride=1),)),)
    return [(*branch[:i], entering, *left, *branch[i + 1 :])]


def _dilated(term: terms.RowLayer, dilation: int, plan: StridePlan) -> PlannedTerm:
    """A dilation at a convolution that is wider than 1x1 and has none itself."""
    takes = isinstance(term, terms.Conv) and term.kernel > 1 and term.dilation is None
    if dilation == 1 or not takes:
        return PlannedTerm(term)
    assert isinstance(term, terms.Conv)
    reason = InsertedDilation(dilation, plan.stage, plan.output_stride)
    return PlannedTerm(replace(term, dilation=dilation), (reason,))


def _strided(planned: PlannedTerm, settings: Settings, plan: StridePlan) -> PlannedTerm:
    term, reasons = planned
    if plan.stride == 1:
        return planned
    assert isinstance(term, terms.Conv), term
    reason = InsertedStride(plan.stride, plan.stage, on_first=settings.stride_on == "first")
    return PlannedTerm(replace(term, stride=plan.stride), (reason, *reasons))


def strided_conv(branch: Branch, stride_on: StrideOn) -> int:
    """Where a stage's stride stands: at the first convolution wider than 1x1 (v1.5), or at the
    first of all (v1, and where all are 1x1)."""
    convs = [(i, layer) for i, layer in enumerate(branch) if isinstance(layer, terms.Conv)]
    wide = [i for i, conv in convs if conv.kernel > 1]
    return wide[0] if wide and stride_on == "spatial" else convs[0][0]


# ---------------------------------------------------------------- body and shortcut


def _body(
    draft: Draft, branch: Sequence[PlannedTerm], settings: Settings, residual: bool, origin: Origin
) -> Piece:
    """Layers one after the other. In a residual body the last convolution leaves the activation to
    the addition or, pre-activated, norm and activation to what follows."""
    pieces: list[Piece] = []
    channels = draft.channels
    convs = [i for i, planned in enumerate(branch) if isinstance(planned.term, terms.Conv)]
    last = convs[-1] if residual and convs else None
    for i, planned in enumerate(branch):
        origin = origin._replace(at=planned.term.at)
        normed = i != last or settings.order == "post"
        for term, reasons in _split(planned, settings):
            pieces.append(
                term_layers(
                    draft,
                    term,
                    settings,
                    origin,
                    channels=channels,
                    act=i != last,
                    normed=normed,
                    reasons=reasons,
                )
            )
        channels = width_of((planned.term,), channels)
    return in_sequence(*pieces)


def _split(planned: PlannedTerm, settings: Settings) -> tuple[PlannedTerm, ...]:
    """A strided convolution as it is anti-aliased: Zhang 2019, §3.2."""
    term = planned.term
    if settings.antialias == "none" or not isinstance(term, terms.Conv) or stride_of(term) == 1:
        return (planned,)
    stride = stride_of(term)
    kept = tuple(why for why in planned.reasons if not isinstance(why, InsertedStride))
    conv = PlannedTerm(replace(term, stride=1), kept)
    pool: terms.RowLayer
    match settings.antialias:
        case "blur":
            pool = terms.BlurPool(stride=stride, at=term.at)
        case "average":
            pool = terms.Pool(kind="average", kernel=stride, at=term.at)
        case _:
            assert_never(settings.antialias)
    return conv, PlannedTerm(pool, (AntiAliasing(stride),))
