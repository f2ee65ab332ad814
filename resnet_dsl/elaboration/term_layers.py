"""One written layer at a time, with the norm and the activation that it brings."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import assert_never

from resnet_dsl import ir, notation
from resnet_dsl.elaboration.draft import Origin, Work
from resnet_dsl.ir import Layer
from resnet_dsl.language.spec import (
    ActiveNorm,
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    Settings,
    default_bias,
    default_padding,
    default_pool_stride,
)
from resnet_dsl.notation import Row


def width_of(layers: Iterable[notation.RowLayer], channels: int) -> int:
    """Channels behind layers."""
    for layer in layers:
        if isinstance(layer, notation.Conv):
            channels = layer.channels
    return channels


def total_stride(layers: Iterable[notation.RowLayer]) -> int:
    """How far layers stride together."""
    return prod(map(stride_of, layers))


def stride_of(layer: notation.RowLayer) -> int:
    match layer:
        case notation.Conv(stride=stride):
            return stride or 1
        case notation.Pool() as pool:
            return pool.stride or default_pool_stride(pool)
        case notation.BlurPool(stride=blurred):
            return blurred
        case (
            notation.Dropout()
            | notation.DropPath()
            | notation.ZeroPad()
            | notation.SqueezeExcite()
            | notation.EfficientChannelAttention()
        ):
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
    normed: bool = True,
) -> Layer:
    """One written layer, with the norm and the activation that it brings."""
    match term:
        case notation.Conv():
            conv = convolution(work, term, settings, origin, channels or work.channels)
            if term.bare or not normed:
                return conv
            activation = activation_of(settings) if act else ir.Identity()
            norm = norm_of(work, settings, term.channels, origin._replace(at=term.at))
            return ir.sequence(conv, norm, activation)
        case notation.Pool():
            padding = default_padding(term) if term.padding is None else term.padding
            return ir.pool(
                kind=term.kind,
                kernel=term.kernel,
                stride=stride_of(term),
                padding=padding,
                ceil=term.ceil,
            )
        case notation.BlurPool(stride=stride):
            return ir.BlurPool(stride=stride)
        case notation.SqueezeExcite(hidden=hidden):
            return _squeeze_excite(work, term, hidden, channels or work.channels, origin)
        case notation.EfficientChannelAttention(kernel=kernel):
            return ir.EfficientChannelAttention(kernel=kernel)
        case notation.ZeroPad(before=before, after=after):
            return ir.ZeroPad(before=before, after=after)
        case notation.Dropout(p=p):
            return ir.Dropout(p) if p else ir.Identity()
        case notation.DropPath(p=p):
            return ir.DropPath(p) if p else ir.Identity()
        case _:
            assert_never(term)


def convolution(
    work: Work, term: notation.Conv, settings: Settings, origin: Origin, channels: int
) -> ir.Conv:
    groups = term.cardinality
    for number, what in ((channels, "incoming channels"), (term.channels, "channels")):
        if number % groups:
            work.fault(
                "cardinality",
                f"{number} {what} do not divide into {groups} groups",
                origin._replace(at=term.at),
                help=f"C must divide {number}: {_near_divisors(number, groups)}",
            )
            groups = 1
    standardized = settings.weights == "standardized" and not term.bare
    if standardized and term.kernel == 1 and channels == groups:
        work.fault(
            "cardinality",
            "filters of one value each cannot be standardized",
            origin._replace(at=term.at),
            help="a wider kernel, a smaller cardinality, or weights: plain",
        )
    normed = settings.norm != "none" and not term.bare
    biases = (term.bias, None if term.bare else settings.bias, default_bias(normed=normed))
    return ir.Conv(
        in_channels=channels,
        out_channels=term.channels,
        kernel=term.kernel,
        stride=stride_of(term),
        padding=default_padding(term) if term.padding is None else term.padding,
        dilation=term.dilation or 1,
        groups=groups,
        bias=next(bias for bias in biases if bias is not None),
        standardized=standardized,
    )


def _squeeze_excite(
    work: Work, term: notation.SqueezeExcite, hidden: int, channels: int, origin: Origin
) -> Layer:
    if hidden > channels:
        work.fault(
            "attention",
            f"a squeeze to {hidden} channels, and only {channels} come in",
            origin._replace(at=term.at),
            help=f"the hidden width is smaller: se {max(1, channels // 16)}",
        )
    return ir.SqueezeExcite(channels=channels, hidden=hidden)


def _near_divisors(number: int, groups: int) -> str:
    divisors = [d for d in range(1, min(number, 4096) + 1) if number % d == 0]
    *near, last = map(str, sorted(sorted(divisors, key=lambda d: abs(d - groups))[:3]))
    return f"{', '.join(near)} or {last}" if near else last


def norm_of(work: Work, settings: Settings, channels: int, origin: Origin) -> Layer:
    match settings.norm:
        case "none":
            return ir.Identity()
        case BatchNorm(eps=eps, momentum=momentum):
            return ir.BatchNorm(channels=channels, eps=eps, momentum=momentum)
        case GroupNorm(groups=groups, eps=eps):
            groups = _norm_groups(work, channels, groups, origin)
            return ir.GroupNorm(channels=channels, groups=groups, eps=eps)
        case EvoNorm(groups=groups, eps=eps):
            groups = _norm_groups(work, channels, groups, origin)
            return ir.EvoNorm(channels=channels, groups=groups, eps=eps)
        case FilterResponseNorm(eps=eps):
            return ir.FilterResponseNorm(channels=channels, eps=eps)
        case _:
            assert_never(settings.norm)


def _norm_groups(work: Work, channels: int, groups: int, origin: Origin) -> int:
    """A norm's groups, where they divide the channels."""
    if channels % groups == 0:
        return groups
    work.fault(
        "cardinality",
        f"{channels} channels do not divide into the norm's {groups} groups",
        origin,
        help=f"groups must divide {channels}: {_near_divisors(channels, groups)}",
    )
    return 1


def activation_of(settings: Settings) -> Layer:
    """What follows a norm: nothing where the norm activates itself."""
    if isinstance(settings.norm, ActiveNorm):
        return ir.Identity()
    return ir.Act(settings.activation)


def convolves(row: Row) -> bool:
    """Whether a row is one of blocks; pools and dropouts alone stand bare."""
    return any(isinstance(layer, notation.Conv) for layer in row.layers)
