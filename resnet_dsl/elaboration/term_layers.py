"""Which layers does one term stand for? Itself, and the norm and activation that it brings."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import assert_never

from resnet_dsl import ir
from resnet_dsl.elaboration.draft import NOTHING, Draft, Origin, Piece, in_sequence, piece
from resnet_dsl.elaboration.norm_layers import inner_norm, near_divisors, norm_of, own_norm
from resnet_dsl.elaboration.reasons import AddedActivation, Reason
from resnet_dsl.ir import Layer
from resnet_dsl.language.activations import (
    ActivationValue,
    activation_term,
    activation_value,
)
from resnet_dsl.language.spec import (
    ActiveNorm,
    Settings,
    default_bias,
    default_padding,
    default_pool_stride,
)
from resnet_dsl.notation import terms
from resnet_dsl.notation.printed import format_activation


def width_of(layers: Iterable[terms.RowLayer], channels: int) -> int:
    """Channels after layers."""
    for layer in layers:
        if isinstance(layer, terms.Conv):
            channels = layer.channels
        elif isinstance(layer, terms.ZeroChannels):
            channels += layer.before + layer.after
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
            | terms.SpatialAttention()
            | terms.Norm()
            | terms.Activation()
            | terms.Scale()
            | terms.LearnedScale()
            | terms.ZeroChannels()
            | terms.Normalize()
            | terms.L2Normalize()
            | terms.Identity()
            | terms.Add()
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

    A convolution that is not `normed` has no norm and no activation, one without `act` no
    activation, unless it says so itself. `reasons` are those for the term's own layer, where a rule
    has changed or added the term.
    """
    incoming = channels or draft.channels
    match term:
        case terms.Conv():
            conv = convolution(draft, term, settings, origin, incoming)
            followed = _followed(draft, term, settings, origin, act=act, normed=normed)
            return in_sequence(piece(conv, *reasons), followed)
        case terms.Norm():
            return piece(own_norm(draft, term, settings, incoming, origin))
        case terms.Activation():
            return piece(activation_layer(activation_value(term), incoming))
        case terms.Pool():
            pool = _pool(term)
            return NOTHING if _does_nothing(pool) else piece(pool, *reasons)
        case terms.BlurPool(stride=stride):
            return piece(ir.BlurPool(stride=stride), *reasons)
        case terms.SqueezeExcite():
            return piece(_squeeze_excite(draft, term, incoming, origin))
        case terms.SpatialAttention():
            return piece(_spatial_attention(term))
        case _:
            return piece(layer) if (layer := _fixed_layer(term)) else NOTHING


def _spatial_attention(term: terms.SpatialAttention) -> Layer:
    norm = inner_norm(term.norm, 1, of_vectors=False)
    return ir.SpatialAttention(
        kernel=term.kernel, bias=term.bias, max_first=term.max_first, norm=norm
    )


def _fixed_layer(
    term: terms.EfficientChannelAttention
    | terms.ZeroPad
    | terms.Dropout
    | terms.DropPath
    | terms.Scale
    | terms.LearnedScale
    | terms.ZeroChannels
    | terms.Normalize
    | terms.L2Normalize
    | terms.Identity
    | terms.Add,
) -> Layer | None:
    """The layer of a term that depends on nothing else; None where it is no layer."""
    match term:
        case terms.EfficientChannelAttention(kernel=kernel):
            return ir.EfficientChannelAttention(kernel=kernel)
        case terms.ZeroPad(before=before, after=after):
            return ir.ZeroPad(before=before, after=after)
        case terms.Dropout(p=p, of_channels=of_channels):
            return ir.Dropout(p, of_channels) if p else None
        case terms.DropPath(p=p):
            return ir.DropPath(p) if p else None
        case terms.Scale(factor=factor):
            return ir.Scale(factor)
        case terms.LearnedScale():
            return ir.LearnedScale()
        case terms.ZeroChannels(before=before, after=after):
            return ir.PadChannels(before=before, after=after)
        case terms.Normalize(mean=mean, std=std):
            return ir.Normalize(mean=mean, deviation=std)
        case terms.L2Normalize():
            return ir.L2Normalize()
        case terms.Identity() | terms.Add():
            return None
        case _:
            assert_never(term)


def _followed(
    draft: Draft,
    term: terms.Conv,
    settings: Settings,
    origin: Origin,
    *,
    act: bool,
    normed: bool,
) -> Piece:
    """The norm and the activation after a convolution, by its options or by the settings."""
    has_norm = not term.bare and (normed if term.norm is None else term.norm)
    own = origin._replace(at=term.at)
    norm = norm_of(draft, settings, term.channels, own) if has_norm else NOTHING
    match term.activation:
        case "linear":
            return norm
        case terms.Activation() as activation:
            layer = activation_layer(activation_value(activation), term.channels)
            return in_sequence(norm, piece(layer))
        case None if act and normed and not term.bare:
            return in_sequence(norm, activation_of(settings, term.channels, normed=has_norm))
        case _:
            return norm


def _pool(term: terms.Pool) -> ir.Pool:
    return ir.pool(
        kind=term.kind,
        kernel=term.kernel,
        stride=stride_of(term),
        padding=default_padding(term) if term.padding is None else term.padding,
        ceil=term.ceil,
    )


def _does_nothing(pool: ir.Pool) -> bool:
    """Whether a pool of single pixels keeps all of them."""
    return pool.kernel == pool.stride == 1 and pool.padding == 0


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
                help=f"C must divide {number}: {near_divisors(number, groups)}",
            )
            groups = 1
    standardization = None if term.bare else standardization_of(settings)
    if standardization and term.kernel == 1 and channels == groups:
        draft.fault(
            "cardinality",
            "a filter with only one weight cannot be standardized",
            origin._replace(at=term.at),
            help="a wider kernel, a smaller cardinality, or weights: plain",
        )
    normed = settings.norm != "none" and not term.bare and term.norm is not False
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
        standardization=standardization,
    )


def standardization_of(settings: Settings) -> ir.Standardization | None:
    """How filters are standardized, if they are."""
    weights = settings.weights
    if weights == "plain":
        return None
    return ir.Standardization(formula=weights.formula, eps=weights.eps)


def _squeeze_excite(
    draft: Draft, term: terms.SqueezeExcite, channels: int, origin: Origin
) -> Layer:
    hidden = term.hidden or max(1, channels // (term.ratio or 1))
    if hidden > channels:
        draft.fault(
            "attention",
            f"a squeeze to {hidden} channels, and only {channels} come in",
            origin._replace(at=term.at),
            help=f"the hidden width is smaller: se {max(1, channels // 16)}",
        )
    return ir.SqueezeExcite(
        channels=channels,
        hidden=hidden,
        linear=term.fc,
        bias=term.bias,
        act=term.activation,
        gate=term.gate,
        norm=inner_norm(term.norm, hidden, of_vectors=term.fc),
        max_pool=term.max_pool,
    )


def activation_of(
    settings: Settings, channels: int, *reasons: Reason, normed: bool = True
) -> Piece:
    """The activation of the settings: nothing where the norm before it activates itself."""
    if normed and isinstance(settings.norm, ActiveNorm):
        return NOTHING
    layer = activation_layer(settings.activation, channels)
    return piece(layer, *(reasons or (AddedActivation(activation_text(settings.activation)),)))


def activation_layer(value: ActivationValue, channels: int) -> ir.AnyActivation:
    """The activation of a value, for so many channels."""
    activation = activation_term(value)
    if activation.kind == "prelu":
        return ir.PReLU(channels=1 if activation.shared else channels)
    return ir.Act(activation.kind, activation.number)


def activation_text(value: ActivationValue) -> str:
    """An activation, for messages."""
    return format_activation(activation_term(value))
