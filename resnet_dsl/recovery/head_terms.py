"""Stems and heads back to terms, under the norm and the activation of the whole network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from resnet_dsl import ir
from resnet_dsl.ir import Layer, LayerPath
from resnet_dsl.language.activations import ActivationValue, activation_value
from resnet_dsl.language.spec import Norm
from resnet_dsl.notation import terms
from resnet_dsl.notation.terms import HeadLayer
from resnet_dsl.recovery.inferred import layer_noun, unsupported
from resnet_dsl.recovery.layer_terms import conv_term, term_of
from resnet_dsl.recovery.path_terms import Item, NormedConv, normed_conv, path_terms


def head_items(layers: Sequence[Layer], start: int) -> list[Item | ir.Linear]:
    """The items of a head, whose first layer is the network's `start`-th."""
    items: list[Item | ir.Linear] = []
    i = 0
    while i < len(layers):
        item, length = _head_item(layers, i, LayerPath((start + i,)))
        if item is not None:
            items.append(item)
        i += length
    return items


def _head_item(
    layers: Sequence[Layer], i: int, path: LayerPath
) -> tuple[Item | ir.Linear | None, int]:
    """The item that begins at a layer, and how many layers it is; None where it is implied."""
    following = layers[i + 1 : i + 3]
    match layers[i]:
        case ir.Flatten():
            implied = bool(following) and isinstance(following[0], ir.Linear)
            return None if implied else terms.Flatten(), 1
        case ir.AdaptivePool(side=side, kind=kind, window=window):
            return terms.AdaptivePool(side=side, kind=kind, window=window), 1
        case ir.Parallel(branches):
            return _both_pools(branches, path), 1
        case ir.Softmax(log):
            return terms.Softmax(log=log), 1
        case ir.Linear() as linear:
            return linear, 1
        case ir.Conv(standardization=None) as conv if not (
            following and isinstance(following[0], ir.Norm | ir.Activation)
        ):
            return conv_term(conv, bare=True), 1
        case ir.Conv() as conv:
            return normed_conv(conv, following)
        case other if term := term_of(other):
            return term, 1
        case other:
            raise unsupported(path, f"{layer_noun(other)} here")


def _both_pools(branches: Sequence[Layer], path: LayerPath) -> terms.BothPools:
    average, maximum = ir.AdaptivePool(), ir.AdaptivePool(kind="max")
    match branches:
        case (first, second) if {first, second} == {average, maximum}:
            return terms.BothPools(first="average" if first == average else "max")
        case _:
            raise unsupported(path, "branches here")


def linear_activations(items: Sequence[Item | ir.Linear]) -> list[ActivationValue]:
    """The activations after all fully connected layers but the last."""
    last = _last_linear(items)
    return [
        activation_value(following)
        for i, (item, following) in enumerate(pairwise(items))
        if isinstance(item, ir.Linear) and i != last and isinstance(following, terms.Activation)
    ]


def _last_linear(items: Sequence[Item | ir.Linear]) -> int:
    return max((i for i, item in enumerate(items) if isinstance(item, ir.Linear)), default=-1)


def head_terms(
    items: Sequence[Item | ir.Linear], norm: Norm, activation: ActivationValue
) -> tuple[HeadLayer, ...]:
    """The terms of a head under a norm and an activation."""
    last = _last_linear(items)
    written: list[HeadLayer] = []
    skips = False
    for i, item in enumerate(items):
        if skips:
            skips = False
        elif isinstance(item, ir.Linear):
            following = items[i + 1] if i + 1 < len(items) and i != last else None
            skips = isinstance(following, terms.Activation)
            act: terms.Activation | Literal["linear"] | None = None
            if isinstance(following, terms.Activation):
                act = None if activation_value(following) == activation else following
            elif i != last:
                act = "linear"
            written.append(terms.Fc(features=item.out_features, bias=item.bias, activation=act))
        elif isinstance(item, NormedConv):
            written += path_terms([item], norm, activation)
        else:
            written.append(item)
    return tuple(written)
