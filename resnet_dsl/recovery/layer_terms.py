"""Layers back to terms, and terms without what follows from the settings around them.

Terms come back with every number written out; `without_defaults` drops what the defaults give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

from resnet_dsl import ir
from resnet_dsl.ir import Layer, LayerPath
from resnet_dsl.language.spec import (
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    Norm,
    Weights,
    default_bias,
    default_padding,
    default_pool_stride,
)
from resnet_dsl.notation import terms
from resnet_dsl.notation.terms import (
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    HeadLayer,
    Pool,
    RowLayer,
    SqueezeExcite,
    ZeroPad,
)
from resnet_dsl.recovery.inferred import Inferred, combined, layer_noun, unsupported


def term_of(layer: Layer) -> RowLayer | None:
    """The term of a layer that brings no norm or activation; None for other layers."""
    match layer:
        case ir.Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            return Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil)
        case ir.BlurPool(stride=stride):
            return BlurPool(stride=stride)
        case ir.SqueezeExcite(hidden=hidden):
            return SqueezeExcite(hidden=hidden)
        case ir.EfficientChannelAttention(kernel=kernel):
            return EfficientChannelAttention(kernel=kernel)
        case ir.ZeroPad(before=before, after=after):
            return ZeroPad(before=before, after=after)
        case ir.Dropout(p):
            return Dropout(p=p)
        case ir.DropPath(p):
            return DropPath(p=p)
        case _:
            return None


def normed_conv(
    conv: ir.Conv, following: Sequence[Layer], path: LayerPath, *, act: bool
) -> tuple[Conv, Inferred, int]:
    """A convolution's term, what its norm and activation show, and how many layers that were."""
    norms = [layer for layer in following[:1] if isinstance(layer, ir.AnyNorm)]
    active = bool(norms) and isinstance(norms[0], ir.ActiveNorm)
    after_norm = following[len(norms) :]
    acts = [layer for layer in after_norm[:1] if isinstance(layer, ir.Act) and not active]
    if act and not acts and not active:
        raise unsupported(path, "a convolution without an activation")
    if acts and not act:
        raise unsupported(path, "a block that activates before its addition")
    inferred = Inferred(
        norm=norm_key(norms[0]) if norms else "none",
        activation=acts[0].kind if acts else None,
        weights=weights_of(conv),
    )
    return conv_term(conv), inferred, 1 + len(norms) + len(acts)


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


def norm_key(norm: ir.AnyNorm) -> Norm:
    """The norm of the settings that gives a norm."""
    match norm:
        case ir.BatchNorm(eps=eps, momentum=momentum):
            return BatchNorm(eps=eps, momentum=momentum)
        case ir.GroupNorm(groups=groups, eps=eps):
            return GroupNorm(groups=groups, eps=eps)
        case ir.EvoNorm(groups=groups, eps=eps):
            return EvoNorm(groups=groups, eps=eps)
        case ir.FilterResponseNorm(eps=eps):
            return FilterResponseNorm(eps=eps)
        case _:
            assert_never(norm)


def head_terms(layers: Sequence[Layer], start: int) -> tuple[tuple[HeadLayer, ...], Inferred]:
    """The terms of a head; what its norms and activations show."""
    written: list[HeadLayer] = []
    inferred = Inferred()
    i = 0
    while i < len(layers):
        path, following = LayerPath((start + i,)), layers[i + 1 : i + 3]
        i += 1
        match layers[i - 1]:
            case ir.Flatten():
                if not (following and isinstance(following[0], ir.Linear)):
                    written.append(terms.Flatten())
            case ir.AdaptivePool(side=side):
                written.append(terms.AdaptivePool(side=side))
            case ir.Softmax():
                written.append(terms.Softmax())
            case ir.Linear(out_features=features):
                written.append(terms.Fc(features=features))
                if following and isinstance(following[0], ir.Act):
                    inferred = combined(inferred, Inferred(activation=following[0].kind), path)
                    i += 1
            case ir.Conv() as conv if not (
                following and isinstance(following[0], ir.Norm | ir.Act)
            ):
                written.append(conv_term(conv, bare=True))
            case ir.Conv() as conv:
                normed, shown, length = normed_conv(conv, following, path, act=True)
                written.append(normed)
                inferred = combined(inferred, shown, path)
                i += length - 1
            case other if term := term_of(other):
                written.append(term)
            case other:
                raise unsupported(path, f"{layer_noun(other)} here")
    return tuple(written), inferred


_Term = TypeVar("_Term", bound=HeadLayer)


def without_defaults(term: _Term, *, bias: bool | None, norm: Norm, dilation: int = 1) -> _Term:
    """A term without what the defaults, and the settings around it, give."""
    match term:
        case Conv():
            normed = norm != "none" and not term.bare
            keyed = None if term.bare else bias
            usual = default_bias(normed=normed) if keyed is None else keyed
            implied = dilation if term.kernel > 1 else 1
            return replace(
                term,
                stride=None if term.stride == 1 else term.stride,
                dilation=None if term.dilation == implied else term.dilation,
                padding=None if term.padding == default_padding(term) else term.padding,
                bias=None if term.bias == usual else term.bias,
            )
        case Pool():
            return replace(
                term,
                stride=None if term.stride == default_pool_stride(term) else term.stride,
                padding=None if term.padding == default_padding(term) else term.padding,
            )
        case _:
            return term


def weights_of(conv: ir.Conv) -> Weights:
    return "standardized" if conv.standardized else "plain"
