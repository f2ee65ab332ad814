"""Layers one after the other back to the terms of a path.

A convolution is read together with the norm and the activation after it. What most of them have
is a setting of the block; a convolution that differs says so in its options.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from resnet_dsl import ir
from resnet_dsl.ir import Layer, LayerPath
from resnet_dsl.language.activations import ActivationValue
from resnet_dsl.language.spec import ActiveNorm, Norm
from resnet_dsl.notation import terms
from resnet_dsl.notation.terms import Branch, Conv, HeadLayer, RowLayer
from resnet_dsl.recovery.inferred import Inferred, choices_of, layer_noun, unsupported
from resnet_dsl.recovery.layer_terms import (
    activation_key,
    activation_term_of,
    conv_term,
    norm_key,
    norm_term,
    term_of,
    weights_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormedConv:
    """A convolution as a term, with the norm and the activation after it."""

    term: Conv
    layer: ir.Conv
    norm: ir.AnyNorm | None = None
    act: ir.AnyActivation | None = None
    antialias: str | None = None

    @property
    def norm_setting(self) -> Norm:
        """The norm of the settings that gives its norm."""
        return "none" if self.norm is None else norm_key(self.norm)


Item: TypeAlias = NormedConv | HeadLayer
Role: TypeAlias = Literal["inner", "last", "last of pre"]
"""Where a convolution stands: the last one of a residual body leaves its activation to the
addition, that of a pre-activated one its norm as well."""


def read_path(
    layers: Sequence[Layer],
    path: LayerPath,
    *,
    start: int = 0,
    split: bool = False,
    left: bool = False,
) -> list[Item]:
    """The convolutions of a path, with what follows each, and its other terms.

    `split` reads a convolution with a blur or average pool after it as one, anti-aliased; a blur
    may be `left` of a stride that is dilated instead.
    """
    items: list[Item] = []
    i = 0
    while i < len(layers):
        match layers[i]:
            case ir.Conv() as conv:
                item, length = normed_conv(conv, layers[i + 1 : i + 3])
                i += length
                if filtered := _filtered(item.term, layers[i : i + 1] if split else (), left=left):
                    item = replace(item, term=filtered[0], antialias=filtered[1])
                    i += filtered[1] != "none"
                items.append(item)
                continue
            case other if term := term_of(other):
                items.append(term)
            case other:
                here = LayerPath((*path, start + i))
                raise unsupported(here, f"{layer_noun(other)} here")
        i += 1
    return items


def normed_conv(conv: ir.Conv, following: Sequence[Layer]) -> tuple[NormedConv, int]:
    """A convolution with the norm and the activation after it, and how many layers they are."""
    norm = act = None
    rest = list(following)
    if rest and isinstance(rest[0], ir.AnyNorm):
        norm = rest.pop(0)
    if rest and isinstance(rest[0], ir.Activation) and not isinstance(norm, ir.ActiveNorm):
        act = rest[0]
    assert norm is None or isinstance(norm, ir.AnyNorm)
    assert act is None or isinstance(act, ir.AnyActivation)
    item = NormedConv(term=conv_term(conv), layer=conv, norm=norm, act=act)
    return item, 1 + (norm is not None) + (act is not None)


def _filtered(term: Conv, following: Sequence[Layer], *, left: bool) -> tuple[Conv, str] | None:
    """A convolution with its stride, and how that is anti-aliased; None where it has no stride."""
    match following:
        case [ir.BlurPool(stride=stride)] if term.stride == 1 and (stride > 1 or left):
            return replace(term, stride=stride), "blur"
        case [ir.Pool(kind="average", kernel=k, stride=stride, padding=0, ceil=False)] if (
            term.stride == 1 and k == stride > 1
        ):
            return replace(term, stride=stride), "average"
        case _:
            return None if term.stride == 1 else (term, "none")


# ---------------------------------------------------------------- settings


_T = TypeVar("_T")


def most_common(values: Iterable[_T]) -> _T | None:
    """The value that occurs most often, the first of several."""
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else None


def is_bare(convs: Sequence[NormedConv]) -> bool:
    """Whether no convolution has a norm or an activation, so that none shows the settings."""
    return all(conv.norm is None and conv.act is None for conv in convs)


def norm_of_items(items: Iterable[Item]) -> Norm | None:
    """The norm that most convolutions with one have; `none` where none has one."""
    convs = [item for item in items if isinstance(item, NormedConv)]
    normed = [item.norm_setting for item in convs if item.norm is not None]
    return most_common(normed) or ("none" if convs else None)


def activation_of_items(items: Iterable[Item]) -> ActivationValue | None:
    """The activation that most convolutions with one have."""
    convs = (item for item in items if isinstance(item, NormedConv))
    return most_common(activation_key(conv.act) for conv in convs if conv.act is not None)


def shown_by(items: Iterable[Item]) -> Inferred:
    """What convolutions show of the settings, beside their norms and activations."""
    inferred = Inferred()
    for item in items:
        if isinstance(item, NormedConv):
            inferred &= Inferred(weights=weights_of(item.layer))
            if item.antialias is not None:
                inferred &= Inferred(choices=choices_of(antialias=item.antialias))
    return inferred


# ---------------------------------------------------------------- items to terms


def path_terms(
    items: Sequence[Item],
    norm: Norm | None,
    activation: ActivationValue | None,
    last: Role = "inner",
) -> Branch:
    """The terms of a path under a norm and an activation; `last` is its last convolution.

    Where the norm is not known, convolutions say that they have none.
    """
    convs = [i for i, item in enumerate(items) if isinstance(item, NormedConv)]
    written: list[RowLayer] = []
    for i, item in enumerate(items):
        if isinstance(item, NormedConv):
            role: Role = last if i == convs[-1] else "inner"
            written += _conv_terms(item, norm, activation, role)
        else:
            assert isinstance(item, RowLayer)
            written.append(item)
    return tuple(written)


def _conv_terms(
    conv: NormedConv, norm: Norm | None, activation: ActivationValue | None, role: Role
) -> list[RowLayer]:
    """A convolution whose options say where it differs from the settings."""
    normed = norm != "none" and role != "last of pre"
    own = conv.norm_setting
    if conv.norm is not None and own != norm:  # another norm, as a layer of its own
        act = [] if conv.act is None else [activation_term_of(conv.act)]
        linear: Literal["linear"] | None = "linear" if role == "inner" else None
        bare = replace(conv.term, norm=False if normed else None, activation=linear)
        return [bare, norm_term(conv.norm), *act]
    has_norm = conv.norm is not None
    return [
        replace(
            conv.term,
            norm=None if has_norm == normed else has_norm,
            activation=_activation_option(
                conv.act,
                None
                if role != "inner" or (has_norm and isinstance(norm, ActiveNorm))
                else activation,
                silent=role != "inner" or (has_norm and isinstance(norm, ActiveNorm)),
            ),
        )
    ]


def _activation_option(
    act: ir.AnyActivation | None, expected: ActivationValue | None, *, silent: bool
) -> terms.Activation | Literal["linear"] | None:
    """None where the activation is the expected one; `silent` expects none."""
    if act is None:
        return None if silent else "linear"
    return None if activation_key(act) == expected else activation_term_of(act)
