"""One block at a time: convolutions with what they bring, and the shortcut around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import assert_never

from resnet_dsl import ir, notation
from resnet_dsl.elaborate.work import Origin, Work
from resnet_dsl.ir import Layer
from resnet_dsl.notation import Branch, Row
from resnet_dsl.spec import (
    BatchNorm,
    GroupNorm,
    Settings,
    default_bias,
    default_padding,
    default_pool_stride,
)


def blocks(
    work: Work, row: Row, settings: Settings, stride: int, origin: Origin
) -> Iterator[Layer]:
    """The blocks of a row; the stride is the first one's. Equal blocks are one object."""
    known: dict[tuple[int, int], Layer] = {}
    for _ in range(row.repeats):
        key = work.channels, stride
        if key not in known:
            known[key] = _block(work, row, settings, stride, origin)
        yield known[key]
        stride = 1


def _block(work: Work, row: Row, settings: Settings, stride: int, origin: Origin) -> Layer:
    """One block on the map so far."""
    residual = settings.shortcut != "none" and convolves(row)
    row = _strided(row, settings, stride)
    bodies = [_path(work, branch, settings, residual, origin) for branch in row.branches]
    body = bodies[0] if len(bodies) == 1 else ir.Parallel(tuple(bodies))
    if not residual:
        return body
    channels = sum(_width(branch, work.channels) for branch in row.branches)
    total = prod(_stride(layer) for layer in row.branches[0])  # or the branches do not meet
    shortcut = _shortcut(work, settings, channels, total, origin)
    return ir.Residual(body=body, shortcut=shortcut, after=ir.Act(settings.activation))


def _strided(row: Row, settings: Settings, stride: int) -> Row:
    """The row with the stage's stride at the convolution that carries it."""
    if stride == 1 or not convolves(row):
        return row
    (path,) = row.branches
    return replace(row, branches=(with_stride(path, stride, settings.stride_on),))


def with_stride(path: Branch, stride: int, stride_on: str) -> Branch:
    """A stage's stride at its place: the first convolution wider than 1x1 (v1.5), or the first of
    all (v1, and where all are 1x1)."""
    convs = [(i, layer) for i, layer in enumerate(path) if isinstance(layer, notation.Conv)]
    wide = [(i, conv) for i, conv in convs if conv.kernel > 1]
    i, carrier = (wide if wide and stride_on == "spatial" else convs)[0]
    return (*path[:i], replace(carrier, stride=stride), *path[i + 1 :])


def _path(
    work: Work, layers: Sequence[notation.RowLayer], settings: Settings, open: bool, origin: Origin
) -> Layer:
    """Layers one after the other; an `open` end leaves its activation to the addition."""
    found: list[Layer] = []
    channels = work.channels
    convs = [i for i, layer in enumerate(layers) if isinstance(layer, notation.Conv)]
    last = convs[-1] if open and convs else None
    for i, term in enumerate(layers):
        origin = replace(origin, at=term.at)
        act = i != last
        for part in _split(term, settings):
            found.append(unit(work, part, settings, origin, channels=channels, act=act))
        channels = _width((term,), channels)
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


def _width(layers: Iterable[notation.RowLayer], channels: int) -> int:
    """Channels behind layers."""
    for layer in layers:
        if isinstance(layer, notation.Conv):
            channels = layer.channels
    return channels


def _stride(layer: notation.RowLayer) -> int:
    match layer:
        case notation.Conv(stride=stride):
            return stride or 1
        case notation.Pool() as pool:
            return pool.stride or default_pool_stride(pool)
        case notation.BlurPool(stride=blurred):
            return blurred
        case notation.Dropout() | notation.SqueezeExcite() | notation.EfficientChannelAttention():
            return 1
        case _:
            assert_never(layer)


def unit(
    work: Work,
    term: notation.RowLayer,
    settings: Settings,
    origin: Origin,
    *,
    channels: int | None = None,
    act: bool = True,
) -> Layer:
    """One written layer, with the norm and the activation that it brings."""
    match term:
        case notation.Conv():
            conv = _conv(work, term, settings, origin, channels or work.channels)
            if term.bare:
                return conv
            activation = ir.Act(settings.activation) if act else ir.Identity()
            norm = _norm(work, settings, term.channels, replace(origin, at=term.at))
            return ir.sequence(conv, norm, activation)
        case notation.Pool():
            padding = default_padding(term) if term.padding is None else term.padding
            return ir.Pool(
                kind=term.kind,
                kernel=term.kernel,
                stride=_stride(term),
                padding=padding,
                ceil=term.ceil,
            )
        case notation.BlurPool(stride=stride):
            return ir.BlurPool(stride=stride)
        case notation.SqueezeExcite(hidden=hidden):
            return _squeeze_excite(work, term, hidden, channels or work.channels, origin)
        case notation.EfficientChannelAttention(kernel=kernel):
            return ir.EfficientChannelAttention(kernel=kernel)
        case notation.Dropout(p=p):
            return ir.Dropout(p)
        case _:
            assert_never(term)


def _conv(
    work: Work, term: notation.Conv, settings: Settings, origin: Origin, channels: int
) -> ir.Conv:
    groups = term.cardinality
    for number, what in ((channels, "incoming channels"), (term.channels, "channels")):
        if number % groups:
            work.fault(
                "cardinality",
                f"{number} {what} do not divide into {groups} groups",
                replace(origin, at=term.at),
                help=f"C must divide {number}: {_near_divisors(number, groups)}",
            )
            groups = 1
    normed = settings.norm != "none" and not term.bare
    biases = (term.bias, None if term.bare else settings.bias, default_bias(normed=normed))
    return ir.Conv(
        in_channels=channels,
        out_channels=term.channels,
        kernel=term.kernel,
        stride=_stride(term),
        padding=default_padding(term) if term.padding is None else term.padding,
        dilation=term.dilation or 1,
        groups=groups,
        bias=next(bias for bias in biases if bias is not None),
    )


def _squeeze_excite(
    work: Work, term: notation.SqueezeExcite, hidden: int, channels: int, origin: Origin
) -> Layer:
    if hidden > channels:
        work.fault(
            "attention",
            f"a squeeze to {hidden} channels, and only {channels} come in",
            replace(origin, at=term.at),
            help=f"the hidden width is smaller: se {max(1, channels // 16)}",
        )
    return ir.SqueezeExcite(channels=channels, hidden=hidden)


def _near_divisors(number: int, groups: int) -> str:
    divisors = [d for d in range(1, min(number, 4096) + 1) if number % d == 0]
    *near, last = map(str, sorted(sorted(divisors, key=lambda d: abs(d - groups))[:3]))
    return f"{', '.join(near)} or {last}" if near else last


def _norm(work: Work, settings: Settings, channels: int, origin: Origin) -> Layer:
    match settings.norm:
        case "none":
            return ir.Identity()
        case BatchNorm(eps=eps, momentum=momentum):
            return ir.BatchNorm(channels=channels, eps=eps, momentum=momentum)
        case GroupNorm(groups=groups, eps=eps):
            if channels % groups:
                work.fault(
                    "cardinality",
                    f"{channels} channels do not divide into the norm's {groups} groups",
                    origin,
                    help=f"groups must divide {channels}: {_near_divisors(channels, groups)}",
                )
                groups = 1
            return ir.GroupNorm(channels=channels, groups=groups, eps=eps)
        case _:
            assert_never(settings.norm)


def _shortcut(work: Work, settings: Settings, channels: int, stride: int, origin: Origin) -> Layer:
    """Options A, B and C of He et al. 2015, §3.3 and §4.1."""
    changes = stride != 1 or channels != work.channels
    match settings.shortcut:
        case "padding":
            return _padding_shortcut(work, channels, stride, origin)
        case "projection" | "always":
            if not changes and settings.shortcut == "projection":
                return ir.Identity()
            return _projection(work, settings, channels, stride, origin)
        case "none":
            raise AssertionError("a plain block has no shortcut")
        case _:
            assert_never(settings.shortcut)


def _projection(
    work: Work, settings: Settings, channels: int, stride: int, origin: Origin
) -> Layer:
    """A strided projection is what the settings say; one that does not stride is a 1x1 alone."""
    kernel, pool = 1, None
    match settings.projection:
        case "1x1":
            pass
        case "3x3":
            kernel = 3 if stride > 1 else 1
        case "average pool, 1x1":  # ResNet-D: He et al. 2019, figure 2c
            if stride > 1:
                pool = ir.Pool(kind="average", kernel=stride, stride=stride, ceil=True)
                stride = 1
        case _:
            assert_never(settings.projection)
    term = notation.Conv(kernel=kernel, channels=channels, stride=stride)
    conv = _conv(work, term, settings, origin, work.channels)
    norm = _norm(work, settings, channels, origin)
    return ir.sequence(pool or ir.Identity(), conv, norm)


def _padding_shortcut(work: Work, channels: int, stride: int, origin: Origin) -> Layer:
    """Every `stride`-th pixel, and zeros for the channels that are new."""
    extra = channels - work.channels
    if extra < 0:
        work.fault(
            "shortcut",
            f"a padding shortcut cannot lead from {work.channels} to {channels} channels",
            origin,
            help="it only adds channels: use shortcut: projection",
        )
    pixels = ir.Pool(kind="max", kernel=1, stride=stride) if stride > 1 else ir.Identity()
    return ir.sequence(pixels, ir.PadChannels(extra=extra) if extra > 0 else ir.Identity())


def convolves(row: Row) -> bool:
    """Whether a row is one of blocks; pools and dropouts alone stand bare."""
    return any(isinstance(layer, notation.Conv) for layer in row.layers)
