"""Layers back to words, and words without what the settings around them say.

Words come back spelled out, every number said; `plain` drops what the defaults say anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

from resnet_dsl import ir, notation
from resnet_dsl.ir import Layer, Path
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
from resnet_dsl.notation import (
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
from resnet_dsl.recovery.inferred import Facts, meet, unsayable


def word_of(layer: Layer) -> RowLayer | None:
    """A layer that brings nothing with it, spelled out."""
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
    conv: ir.Conv, behind: Sequence[Layer], path: Path, *, act: bool
) -> tuple[Conv, Facts, int]:
    """A convolution's word, what its norm and activation show, and how many layers that were."""
    norms = [layer for layer in behind[:1] if isinstance(layer, ir.Norm)]
    active = bool(norms) and isinstance(norms[0], ir.ActiveNorm)
    rest = behind[len(norms) :]
    acts = [layer for layer in rest[:1] if isinstance(layer, ir.Act) and not active]
    if act and not acts and not active:
        raise unsayable(path, "a convolution without an activation behind it")
    if acts and not act:
        raise unsayable(path, "a block that activates before its addition")
    facts = Facts(
        norm=norm_word(norms[0]) if norms else "none",
        activation=acts[0].kind if acts else None,
        weights=weights_of(conv),
    )
    return conv_words(conv), facts, 1 + len(norms) + len(acts)


def conv_words(conv: ir.Conv, *, bare: bool = False) -> Conv:
    """A convolution, spelled out."""
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


def norm_word(norm: ir.Norm) -> Norm:
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


def head_words(layers: Sequence[Layer], start: int) -> tuple[tuple[HeadLayer, ...], Facts]:
    """The words of a head; what its norms and activations show."""
    words: list[HeadLayer] = []
    facts = Facts()
    i = 0
    while i < len(layers):
        path, behind = (start + i,), layers[i + 1 : i + 3]
        i += 1
        match layers[i - 1]:
            case ir.Flatten():
                if not (behind and isinstance(behind[0], ir.Linear)):
                    words.append(notation.Flatten())
            case ir.AdaptivePool(side=side):
                words.append(notation.AdaptivePool(side=side))
            case ir.Softmax():
                words.append(notation.Softmax())
            case ir.Linear(out_features=features):
                words.append(notation.Fc(features=features))
                if behind and isinstance(behind[0], ir.Act):
                    facts = meet(facts, Facts(activation=behind[0].kind), path)
                    i += 1
            case ir.Conv() as conv if not (behind and isinstance(behind[0], ir.Norm | ir.Act)):
                words.append(conv_words(conv, bare=True))
            case ir.Conv() as conv:
                normed, shown, length = normed_conv(conv, behind, path, act=True)
                words.append(normed)
                facts = meet(facts, shown, path)
                i += length - 1
            case other if word := word_of(other):
                words.append(word)
            case other:
                raise unsayable(path, f"a layer that stands alone here: {type(other).__name__}")
    return tuple(words), facts


_Word = TypeVar("_Word", bound=HeadLayer)


def plain(word: _Word, *, bias: bool | None, norm: Norm, dilation: int = 1) -> _Word:
    """A word without what the defaults, and the settings around it, say anyway."""
    match word:
        case Conv():
            normed = norm != "none" and not word.bare
            keyed = None if word.bare else bias
            said = default_bias(normed=normed) if keyed is None else keyed
            implied = dilation if word.kernel > 1 else 1
            return replace(
                word,
                stride=None if word.stride == 1 else word.stride,
                dilation=None if word.dilation == implied else word.dilation,
                padding=None if word.padding == default_padding(word) else word.padding,
                bias=None if word.bias == said else word.bias,
            )
        case Pool():
            return replace(
                word,
                stride=None if word.stride == default_pool_stride(word) else word.stride,
                padding=None if word.padding == default_padding(word) else word.padding,
            )
        case _:
            return word


def weights_of(conv: ir.Conv) -> Weights:
    return "standardized" if conv.standardized else "plain"
