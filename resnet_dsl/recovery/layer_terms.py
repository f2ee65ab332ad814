"""Layers back to terms, and terms without what follows from the settings around them.

Terms come back with every number written out; `without_defaults` drops what the defaults give.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar, assert_never, cast

from resnet_dsl import ir
from resnet_dsl.ir import Layer
from resnet_dsl.language.activations import ActivationValue, activation_value
from resnet_dsl.language.spec import (
    NORMS,
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Norm,
    Standardized,
    Weights,
    default_bias,
    default_padding,
    default_pool_stride,
)
from resnet_dsl.notation import terms
from resnet_dsl.notation.terms import Conv, HeadLayer, Pool, RowLayer


def term_of(layer: Layer) -> RowLayer | None:
    """The term of a layer that brings no norm or activation; None for other layers."""
    match layer:
        case ir.Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            return Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil)
        case ir.BlurPool(stride=stride):
            return terms.BlurPool(stride=stride)
        case ir.SqueezeExcite():
            return _squeeze_excite(layer)
        case ir.EfficientChannelAttention(kernel=kernel):
            return terms.EfficientChannelAttention(kernel=kernel)
        case ir.SpatialAttention(kernel=kernel, bias=bias, norm=norm, max_first=max_first):
            return terms.SpatialAttention(
                kernel=kernel, bias=bias, norm=_inner_norm(norm), max_first=max_first
            )
        case ir.ZeroPad(before=before, after=after):
            return terms.ZeroPad(before=before, after=after)
        case ir.PadChannels(before=before, after=after):
            return terms.ZeroChannels(before=before, after=after)
        case ir.Dropout(p, of_channels):
            return terms.Dropout(p=p, of_channels=of_channels)
        case ir.DropPath(p):
            return terms.DropPath(p=p)
        case ir.Scale(factor):
            return terms.Scale(factor=factor)
        case ir.LearnedScale():
            return terms.LearnedScale()
        case ir.Normalize(mean=mean, deviation=deviation):
            return terms.Normalize(mean=mean, std=deviation)
        case ir.L2Normalize():
            return terms.L2Normalize()
        case ir.Norm():
            return norm_term(layer)
        case ir.Act() | ir.PReLU():
            return activation_term_of(layer)
        case _:
            return None


def _squeeze_excite(leaf: ir.SqueezeExcite) -> terms.SqueezeExcite:
    return terms.SqueezeExcite(
        hidden=leaf.hidden,
        fc=leaf.linear,
        bias=leaf.bias,
        norm=_inner_norm(leaf.norm),
        activation=leaf.act,
        gate=leaf.gate,
        max_pool=leaf.max_pool,
    )


def conv_term(conv: ir.Conv, *, bare: bool = False) -> Conv:
    """A convolution with every number written out."""
    return Conv(
        kernel=conv.kernel,
        channels=conv.out_channels,
        cardinality=conv.groups,
        stride=conv.stride,
        dilation=conv.dilation,
        padding=conv.padding,
        bias=conv.bias,
        bare=bare,
    )


def activation_term_of(activation: ir.AnyActivation) -> terms.Activation:
    """The term of an activation."""
    match activation:
        case ir.Act(kind=kind, number=number):
            return terms.Activation(kind=kind, number=number)
        case ir.PReLU(channels=channels):
            return terms.Activation(kind="prelu", shared=channels == 1)
        case _:
            assert_never(activation)


def activation_key(activation: ir.AnyActivation) -> ActivationValue:
    """The activation of the settings that gives an activation."""
    return activation_value(activation_term_of(activation))


def norm_key(norm: ir.AnyNorm) -> Norm:
    """The norm of the settings that gives a norm."""
    match norm:
        case ir.BatchNorm(eps=eps, momentum=momentum, affine=affine):
            weight = "cumulative" if momentum is None else momentum
            return BatchNorm(eps=eps, momentum=weight, affine=affine)  # type: ignore[arg-type]
        case ir.GroupNorm(groups=groups, eps=eps):
            return GroupNorm(groups=groups, eps=eps)
        case ir.InstanceNorm(eps=eps, affine=affine):
            return InstanceNorm(eps=eps, affine=affine)
        case ir.LayerNorm(eps=eps):
            return LayerNorm(eps=eps)
        case ir.EvoNorm(groups=groups, eps=eps):
            return EvoNorm(groups=groups, eps=eps)
        case ir.FilterResponseNorm(eps=eps):
            return FilterResponseNorm(eps=eps)
        case _:
            assert_never(norm)


def norm_term(norm: ir.AnyNorm) -> terms.Norm:
    """The term of a norm with every number written out."""
    return _written_norm(norm_key(norm))


def _inner_norm(norm: ir.BatchNorm | None) -> terms.Norm | None:
    """The norm inside an attention, without PyTorch's numbers."""
    if norm is None:
        return None
    return replace(_norm_without_defaults(norm_term(norm), "none"), affine=None)


def _written_norm(norm: Norm) -> terms.Norm:
    assert norm != "none"
    return terms.Norm(**{field.name: getattr(norm, field.name) for field in fields(norm)})


_Term = TypeVar("_Term", bound=HeadLayer)


def without_defaults(term: _Term, *, bias: bool | None, norm: Norm, dilation: int = 1) -> _Term:
    """A term without what the defaults, and the settings around it, give."""
    match term:
        case Conv():
            normed = norm != "none" and not term.bare and term.norm is not False
            keyed = None if term.bare else bias
            usual = default_bias(normed=normed) if keyed is None else keyed
            implied = dilation if term.kernel > 1 else 1
            return replace(
                term,
                stride=None if term.stride == 1 else term.stride,
                dilation=None if term.dilation == implied else term.dilation,
                padding=None if term.padding == default_padding(term) else term.padding,
                bias=None if term.bias == usual else term.bias,
                norm=None if norm == "none" and not term.norm else term.norm,
            )
        case Pool():
            return replace(
                term,
                stride=None if term.stride == default_pool_stride(term) else term.stride,
                padding=None if term.padding == default_padding(term) else term.padding,
            )
        case terms.Norm() if term.kind is not None:
            return cast("_Term", _norm_without_defaults(term, norm))
        case _:
            return term


def _norm_without_defaults(term: terms.Norm, norm: Norm) -> terms.Norm:
    """`norm` where it is that of the settings; else its kind and what is not its default."""
    if norm != "none" and term == _written_norm(norm):
        return terms.Norm(at=term.at)
    assert term.kind is not None
    usual = NORMS[term.kind]()
    changes: dict[str, Any] = {
        field.name: None
        for field in fields(usual)
        if field.name != "kind" and getattr(term, field.name) == getattr(usual, field.name)
    }
    return replace(term, **changes)


def weights_of(conv: ir.Conv) -> Weights:
    """The weights of the settings that give a convolution's."""
    if conv.standardization is None:
        return "plain"
    return Standardized(formula=conv.standardization.formula, eps=conv.standardization.eps)
