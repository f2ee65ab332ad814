"""Which layers does one term stand for? Itself, and the norm and activation that it brings."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import assert_never

from resnet_dsl import ir
from resnet_dsl.elaboration.draft import NOTHING, Draft, Origin, Piece, in_sequence, piece
from resnet_dsl.elaboration.reasons import AddedActivation, AddedNorm, Reason
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
from resnet_dsl.notation import terms


def width_of(layers: Iterable[terms.RowLayer], channels: int) -> int:
    """Channels after layers."""
    for layer in layers:
        if isinstance(layer, terms.Conv):
            channels = layer.channels
    return channels


def total_stride(layers: Iterable[terms.RowLayer]) -> int:
    """How far layers stride together."""
    return prod(map(stride_of, layers))


def stride_of(layer: terms.RowLayer) -> int:
    match layer:
        case terms.Conv(stride=stride):
            return stride or 1
        case terms.Pool() as pool:
            return pool.stride or default_pool_stride(pool)
        case terms.BlurPool(stride=blurred):
            return blurred
        case (
            terms.Dropout()
            | terms.DropPath()
            | terms.ZeroPad()
            | terms.SqueezeExcite()
            | terms.EfficientChannelAttention()
        ):
            return 1
        case _:
            assert_never(layer)


def term_layers(
    draft: Draft,
    term: terms.RowLayer,
    settings: Settings,
    origin: Origin,
    *,
    channels: int | None = None,
    act: bool = True,
    normed: bool = True,
    reasons: tuple[Reason, ...] = (),
) -> Piece:
    """The layers of one term, with the norm and the activation that it brings.

    `reasons` are those for the term's own layer, where a rule has changed or added the term.
    """
    match term:
        case terms.Conv():
            conv = convolution(draft, term, settings, origin, channels or draft.channels)
            if term.bare or not normed:
                return piece(conv, *reasons)
            activation = activation_of(settings) if act else NOTHING
            norm = norm_of(draft, settings, term.channels, origin._replace(at=term.at))
            return in_sequence(piece(conv, *reasons), norm, activation)
        case terms.Pool():
            return piece(_pool(term), *reasons)
        case terms.BlurPool(stride=stride):
            return piece(ir.BlurPool(stride=stride), *reasons)
        case terms.SqueezeExcite(hidden=hidden):
            return piece(_squeeze_excite(draft, term, hidden, channels or draft.channels, origin))
        case terms.EfficientChannelAttention(kernel=kernel):
            return piece(ir.EfficientChannelAttention(kernel=kernel))
        case terms.ZeroPad(before=before, after=after):
            return piece(ir.ZeroPad(before=before, after=after))
        case terms.Dropout(p=p):
            return piece(ir.Dropout(p)) if p else NOTHING
        case terms.DropPath(p=p):
            return piece(ir.DropPath(p)) if p else NOTHING
        case _:
            assert_never(term)


def _pool(term: terms.Pool) -> ir.Pool:
    return ir.pool(
        kind=term.kind,
        kernel=term.kernel,
        stride=stride_of(term),
        padding=default_padding(term) if term.padding is None else term.padding,
        ceil=term.ceil,
    )


def convolution(
    draft: Draft, term: terms.Conv, settings: Settings, origin: Origin, channels: int
) -> ir.Conv:
    groups = term.cardinality
    for number, what in ((channels, "incoming channels"), (term.channels, "channels")):
        if number % groups:
            draft.fault(
                "cardinality",
                f"{number} {what} do not divide into {groups} groups",
                origin._replace(at=term.at),
                help=f"C must divide {number}: {_near_divisors(number, groups)}",
            )
            groups = 1
    standardized = settings.weights == "standardized" and not term.bare
    if standardized and term.kernel == 1 and channels == groups:
        draft.fault(
            "cardinality",
            "a filter with only one weight cannot be standardized",
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
    draft: Draft, term: terms.SqueezeExcite, hidden: int, channels: int, origin: Origin
) -> Layer:
    if hidden > channels:
        draft.fault(
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


def norm_of(
    draft: Draft, settings: Settings, channels: int, origin: Origin, *reasons: Reason
) -> Piece:
    """The norm of the settings, if there is one."""
    norm = settings.norm
    if norm == "none":
        return NOTHING
    return piece(_norm(draft, norm, channels, origin), *(reasons or (AddedNorm(norm.kind),)))


def _norm(
    draft: Draft,
    norm: BatchNorm | GroupNorm | EvoNorm | FilterResponseNorm,
    channels: int,
    origin: Origin,
) -> ir.AnyNorm:
    match norm:
        case BatchNorm(eps=eps, momentum=momentum):
            return ir.BatchNorm(channels=channels, eps=eps, momentum=momentum)
        case GroupNorm(groups=groups, eps=eps):
            groups = _norm_groups(draft, channels, groups, origin)
            return ir.GroupNorm(channels=channels, groups=groups, eps=eps)
        case EvoNorm(groups=groups, eps=eps):
            groups = _norm_groups(draft, channels, groups, origin)
            return ir.EvoNorm(channels=channels, groups=groups, eps=eps)
        case FilterResponseNorm(eps=eps):
            return ir.FilterResponseNorm(channels=channels, eps=eps)
        case _:
            assert_never(norm)


def _norm_groups(draft: Draft, channels: int, groups: int, origin: Origin) -> int:
    """A norm's groups, where they divide the channels."""
    if channels % groups == 0:
        return groups
    draft.fault(
        "cardinality",
        f"{channels} channels do not divide into the norm's {groups} groups",
        origin,
        help=f"groups must divide {channels}: {_near_divisors(channels, groups)}",
    )
    return 1


def activation_of(settings: Settings, *reasons: Reason) -> Piece:
    """What follows a norm: nothing where the norm activates itself."""
    if isinstance(settings.norm, ActiveNorm):
        return NOTHING
    kind = settings.activation
    return piece(ir.Act(kind), *(reasons or (AddedActivation(kind),)))
