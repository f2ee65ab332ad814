"""Layers in words, for networks without a spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from resnet_dsl import ir
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.ir import Layer, Leaf


def layers_text(layers: Sequence[Layer]) -> str:
    """Layers one after the other.

    >>> layers_text([ir.Conv(in_channels=3, out_channels=8, kernel=3, padding=1), ir.Act("relu")])
    'conv 3x3, 8; relu'
    """
    return "; ".join(map(layer_text, layers)) or "identity"


def layer_text(layer: Layer) -> str:
    """One layer; of a residual block its body, shortcut and what follows the addition."""
    match layer:
        case ir.Sequence(layers):
            return layers_text(layers)
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            total = f"[{layer_text(body)}] + [{layer_text(shortcut)}]"
            return total if after == ir.Identity() else f"{total}; {layer_text(after)}"
        case ir.Parallel(branches):
            return " | ".join(f"[{layer_text(branch)}]" for branch in branches)
        case _:
            return ", ".join([leaf_terms(layer).op, *_hyperparameters(layer)]).replace(",", "", 1)


def _hyperparameters(leaf: Leaf) -> list[str]:
    """The hyperparameters of a leaf."""
    match leaf:
        case ir.Conv(kernel=k, out_channels=channels):
            options = {
                f"C={leaf.groups}": leaf.groups > 1,
                f"/{leaf.stride}": leaf.stride > 1,
                f"dilation {leaf.dilation}": leaf.dilation > 1,
                f"pad {leaf.padding}": leaf.padding != leaf.dilation * (k - 1) // 2,
                "bias": leaf.bias,
                "standardized": leaf.standardization is not None,
            }
            return [f"{k}x{k}", str(channels), *_given(options)]
        case ir.Pool(kernel=k, stride=stride, padding=padding, ceil=ceil):
            return [
                f"{k}x{k}",
                f"/{stride}",
                *_given({f"pad {padding}": padding > 0, "ceil": ceil}),
            ]
        case ir.Norm():
            return _of_norm(leaf)
        case ir.Attention():
            return _of_attention(leaf)
        case ir.Linear(out_features=features, bias=bias):
            return [str(features), *_given({"no bias": not bias})]
        case ir.AdaptivePool(side=side):
            return [f"to {side}x{side}"]
        case ir.Padding(before=before, after=after):
            return [f"{before} before", f"{after} after"]
        case _:
            return _of_elementwise(leaf)


def _given(options: dict[str, bool]) -> list[str]:
    return [text for text, given in options.items() if given]


def _of_norm(norm: ir.AnyNorm) -> list[str]:
    match norm:
        case ir.BatchNorm(eps=eps, momentum=momentum, affine=affine):
            shown = "cumulative" if momentum is None else f"{momentum:g}"
            return [f"eps {eps:g}", f"momentum {shown}", *_given({"no affine": not affine})]
        case ir.InstanceNorm(eps=eps, affine=affine):
            return [f"eps {eps:g}", *_given({"affine": affine})]
        case ir.GroupNorm(groups=groups, eps=eps) | ir.EvoNorm(groups=groups, eps=eps):
            return [f"{groups} groups", f"eps {eps:g}"]
        case ir.LayerNorm(eps=eps) | ir.FilterResponseNorm(eps=eps):
            return [f"eps {eps:g}"]
        case _:
            assert_never(norm)


def _of_attention(
    leaf: ir.SqueezeExcite | ir.EfficientChannelAttention | ir.SpatialAttention,
) -> list[str]:
    match leaf:
        case ir.SqueezeExcite(hidden=hidden, act=act, gate=gate):
            options = {
                "fc": leaf.linear,
                "no bias": not leaf.bias,
                "norm": leaf.norm is not None,
                act: act != "relu",
                f"gate {gate}": gate != "sigmoid",
                "max pool": leaf.max_pool,
            }
            return [str(hidden), *_given(options)]
        case ir.EfficientChannelAttention(kernel=k) | ir.SpatialAttention(kernel=k):
            return [str(k)]
        case _:
            assert_never(leaf)


def _of_elementwise(
    leaf: ir.AnyActivation
    | ir.BlurPool
    | ir.Dropout
    | ir.DropPath
    | ir.Scale
    | ir.LearnedScale
    | ir.Normalize
    | ir.L2Normalize
    | ir.Flatten
    | ir.Softmax
    | ir.Identity,
) -> list[str]:
    match leaf:
        case ir.BlurPool(stride=stride):
            return [f"/{stride}"]
        case ir.PReLU(channels=channels):
            return _given({"shared": channels == 1})
        case ir.Act(number=number):
            return [] if number is None else [f"{number:g}"]
        case ir.Dropout(p=number) | ir.DropPath(p=number) | ir.Scale(factor=number):
            return [f"{number:g}"]
        case (
            ir.Flatten()
            | ir.Softmax()
            | ir.LearnedScale()
            | ir.Normalize()
            | ir.L2Normalize()
            | ir.Identity()
        ):
            return []
        case _:
            assert_never(leaf)
