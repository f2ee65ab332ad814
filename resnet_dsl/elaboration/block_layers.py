"""One block at a time: convolutions with what they bring, and the shortcut around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, assert_never

from resnet_dsl import ir, notation
from resnet_dsl.elaboration.draft import Origin, Work
from resnet_dsl.elaboration.term_layers import (
    activation_of,
    convolution,
    convolves,
    norm_of,
    total_stride,
    unit,
    width_of,
)
from resnet_dsl.folds.anatomy import is_bottleneck
from resnet_dsl.ir import Layer
from resnet_dsl.language.spec import Settings, StrideOn
from resnet_dsl.notation import Branch, Row


class Pace(NamedTuple):
    """How a block moves over the map: what the stage says, not its rows.

    `stride` and `first` are the stride and dilation of the convolution that carries the stage's
    stride, `dilation` is that of all others wider than 1x1. Only one block `enters` a stage.
    """

    stride: int = 1
    dilation: int = 1
    first: int = 1
    enters: bool = False

    @property
    def following(self) -> Pace:
        """The pace of the blocks behind the first."""
        return Pace(dilation=self.dilation, first=self.dilation)


def blocks(work: Work, row: Row, settings: Settings, pace: Pace, origin: Origin) -> Iterator[Layer]:
    """The blocks of a row; only the first one may stride. Equal blocks are one object."""
    known: dict[tuple[int, Pace, float], Layer] = {}
    residual, following = is_residual(row, settings), pace.following
    for _ in range(row.repeats):
        drop = next(work.drop_paths, 0.0) if residual else 0.0
        key = work.channels, pace, drop
        if key not in known:
            known[key] = _block(work, row, settings, pace, drop, origin)
        yield known[key]
        pace = following


def odd_map_help(work: Work, settings: Settings) -> str | None:
    """An average pool drops the last pixel of an odd map, and the shortcut keeps it."""
    if settings.antialias == "average" and any(side % 2 for side in work.size[1:]):
        return "an average pool behind a stride takes even maps: another input, or antialias: blur"
    return None


def is_residual(row: Row, settings: Settings) -> bool:
    """Whether the blocks of a row have shortcuts."""
    return settings.shortcut != "none" and convolves(row)


def _block(
    work: Work, row: Row, settings: Settings, pace: Pace, drop: float, origin: Origin
) -> Layer:
    """One block on the map so far."""
    residual = is_residual(row, settings)
    row = paced(row, settings, pace)
    bodies = [_path(work, branch, settings, residual, origin) for branch in row.branches]
    body = bodies[0] if len(bodies) == 1 else ir.Parallel(tuple(bodies))
    if not residual:
        return body
    body = ir.sequence(body, ir.DropPath(drop) if drop else ir.Identity())
    channels = sum(width_of(branch, work.channels) for branch in row.branches)
    total = total_stride(row.branches[0])  # or the branches do not meet
    changes = total != 1 or channels != work.channels
    needed = changes or (pace.enters and _is_pre_activated_bottleneck(row, settings))
    pace = pace._replace(stride=total)
    shortcut = _shortcut(work, settings, channels, pace, needed, origin)
    match settings.order:
        case "post":
            return ir.Residual(body=body, shortcut=shortcut, after=ir.Act(settings.activation))
        case "pre":
            before = opening(work, settings, origin)
            if not settings.projects or shortcut == ir.Identity():
                return ir.Residual(body=ir.sequence(before, body), shortcut=shortcut)
            return ir.sequence(before, ir.Residual(body=body, shortcut=shortcut))
        case _:
            assert_never(settings.order)


def opening(work: Work, settings: Settings, origin: Origin) -> Layer:
    """The norm and activation in front of a pre-activated block, and behind the last of them:
    He et al. 2016, figure 4e."""
    norm = norm_of(work, settings, work.channels, origin)
    return ir.sequence(norm, activation_of(settings))


def _is_pre_activated_bottleneck(row: Row, settings: Settings) -> bool:
    """Those always project where they enter a stage, as in Google's BiT and in timm."""
    kernels = [layer.kernel for layer in row.layers if isinstance(layer, notation.Conv)]
    return settings.order == "pre" and is_bottleneck(kernels)


def paced(row: Row, settings: Settings, pace: Pace) -> Row:
    """The row with its stage's stride and dilation at the convolutions that take them."""
    if not convolves(row):
        return row
    branches = [_dilated(branch, pace.dilation) for branch in row.branches]
    if len(branches) == 1:
        i = carrier(row.branches[0], settings.stride_on)
        (found,) = _dilated((row.branches[0][i],), pace.first)
        assert isinstance(found, notation.Conv)
        entered: list[notation.RowLayer] = [
            found if pace.stride == 1 else replace(found, stride=pace.stride)
        ]
        if settings.antialias == "blur" and pace.first != pace.dilation:
            entered.append(notation.BlurPool(stride=1, at=found.at))  # as timm: it stays a filter
        branches = [(*branches[0][:i], *entered, *branches[0][i + 1 :])]
    return replace(row, branches=tuple(branches))


def _dilated(path: Branch, dilation: int) -> Branch:
    """A dilation at every convolution that is wider than 1x1 and says none itself."""
    if dilation == 1:
        return path
    return tuple(
        replace(layer, dilation=dilation)
        if isinstance(layer, notation.Conv) and layer.kernel > 1 and layer.dilation is None
        else layer
        for layer in path
    )


def carrier(path: Branch, stride_on: StrideOn) -> int:
    """Where a stage's stride stands: at the first convolution wider than 1x1 (v1.5), or at the
    first of all (v1, and where all are 1x1)."""
    convs = [(i, layer) for i, layer in enumerate(path) if isinstance(layer, notation.Conv)]
    wide = [i for i, conv in convs if conv.kernel > 1]
    return wide[0] if wide and stride_on == "spatial" else convs[0][0]


def _path(
    work: Work, layers: Sequence[notation.RowLayer], settings: Settings, open: bool, origin: Origin
) -> Layer:
    """Layers one after the other; an `open` end is that of a residual body: its last convolution
    leaves the activation to the addition or, pre-activated, norm and activation to what follows."""
    found: list[Layer] = []
    channels = work.channels
    convs = [i for i, layer in enumerate(layers) if isinstance(layer, notation.Conv)]
    last = convs[-1] if open and convs else None
    for i, term in enumerate(layers):
        origin = origin._replace(at=term.at)
        ends = i == last
        normed = not ends or settings.order == "post"
        for part in _split(term, settings):
            made = unit(
                work, part, settings, origin, channels=channels, act=not ends, normed=normed
            )
            found.append(made)
        channels = width_of((term,), channels)
    return ir.sequence(*found)


def _split(term: notation.RowLayer, settings: Settings) -> tuple[notation.RowLayer, ...]:
    """A strided convolution as it is anti-aliased: Zhang 2019, §3.2."""
    if not isinstance(term, notation.Conv) or term.stride in (None, 1):
        return (term,)
    stride = term.stride
    match settings.antialias:
        case "none":
            return (term,)
        case "blur":
            return replace(term, stride=1), notation.BlurPool(stride=stride, at=term.at)
        case "average":
            pool = notation.Pool(kind="average", kernel=stride, at=term.at)
            return replace(term, stride=1), pool
        case _:
            assert_never(settings.antialias)


def _shortcut(
    work: Work, settings: Settings, channels: int, pace: Pace, needed: bool, origin: Origin
) -> Layer:
    """Options A, B and C of He et al. 2015, §3.3 and §4.1."""
    match settings.shortcut:
        case "padding" | "padding on both sides":
            return _padding_shortcut(work, settings, channels, pace.stride, origin)
        case "projection" | "always":
            if not needed and settings.shortcut == "projection":
                return ir.Identity()
            return _projection(work, settings, channels, pace, origin)
        case "none":
            raise AssertionError("a plain block has no shortcut")
        case _:
            assert_never(settings.shortcut)


def _projection(work: Work, settings: Settings, channels: int, pace: Pace, origin: Origin) -> Layer:
    """A projection that strides or is dilated is what the settings say; any other is a 1x1 alone.

    A pre-activated one has no norm: what it adds to is not normalized.
    """
    stride, moves = pace.stride, pace.stride > 1 or pace.dilation > 1
    term = notation.Conv(kernel=1, channels=channels, stride=stride)
    pool: Layer = ir.Identity()
    match settings.projection:
        case "3x3" if moves:
            term = replace(term, kernel=3, dilation=pace.first)
        case "average pool, 1x1" if moves:  # ResNet-D: He et al. 2019, figure 2c
            pool = _projection_pool(stride)
            term = replace(term, stride=1)
        case "1x1" | "3x3" | "average pool, 1x1":
            pass
        case _:
            assert_never(settings.projection)
    conv = convolution(work, term, settings, origin, work.channels)
    if settings.order == "pre":
        return ir.sequence(pool, conv)
    return ir.sequence(pool, conv, norm_of(work, settings, channels, origin))


def _projection_pool(stride: int) -> Layer:
    """Windows side by side; where dilation stands for the stride, 2x2 windows that overlap, with
    zeros behind the map to keep its size."""
    if stride > 1:
        return ir.pool(kind="average", kernel=stride, stride=stride, ceil=True)
    pool = ir.pool(kind="average", kernel=2, stride=1)
    return ir.sequence(ir.ZeroPad(before=0, after=1), pool)


def _padding_shortcut(
    work: Work, settings: Settings, channels: int, stride: int, origin: Origin
) -> Layer:
    """Every `stride`-th pixel, and zeros for the channels that are new."""
    extra = channels - work.channels
    if extra < 0:
        work.fault(
            "shortcut",
            f"a padding shortcut cannot lead from {work.channels} to {channels} channels",
            origin,
            help="it only adds channels: use shortcut: projection",
        )
    halved = settings.shortcut == "padding on both sides"
    if halved and extra % 2 and extra > 0:
        work.fault(
            "shortcut",
            f"{extra} new channels cannot stand on both sides of {work.channels} alike",
            origin,
            help="an even number of them can: another width, or shortcut: padding",
        )
    pixels = ir.Pool(kind="max", kernel=1, stride=stride) if stride > 1 else ir.Identity()
    before = extra // 2 if halved else 0
    zeros = ir.PadChannels(before=before, after=extra - before) if extra > 0 else ir.Identity()
    return ir.sequence(pixels, zeros)
