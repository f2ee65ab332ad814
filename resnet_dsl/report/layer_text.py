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
            return [f"{k}x{k}", str(channels), *(text for text, given in options.items() if given)]
        case ir.Pool(kernel=k, stride=stride, padding=padding, ceil=ceil):
            options = {f"pad {padding}": padding > 0, "ceil": ceil}
            return [f"{k}x{k}", f"/{stride}", *(text for text, given in options.items() if given)]
        case ir.BlurPool(stride=stride):
            return [f"/{stride}"]
        case ir.BatchNorm(eps=eps, momentum=momentum):
            shown = "cumulative" if momentum is None else f"{momentum:g}"
            return [f"eps {eps:g}", f"momentum {shown}", *([] if leaf.affine else ["no affine"])]
        case ir.InstanceNorm(eps=eps, affine=affine):
            return [f"eps {eps:g}", *(["affine"] if affine else [])]
        case ir.LayerNorm(eps=eps):
            return [f"eps {eps:g}"]
        case ir.GroupNorm(groups=groups, eps=eps) | ir.EvoNorm(groups=groups, eps=eps):
            return [f"{groups} groups", f"eps {eps:g}"]
        case ir.FilterResponseNorm(eps=eps):
            return [f"eps {eps:g}"]
        case ir.SqueezeExcite(hidden=hidden):
            options = {
                "fc": leaf.linear,
                "no bias": not leaf.bias,
                "norm": leaf.norm is not None,
                leaf.act: leaf.act != "relu",
                f"gate {leaf.gate}": leaf.gate != "sigmoid",
                "max pool": leaf.max_pool,
            }
            return [str(hidden), *(text for text, given in options.items() if given)]
        case ir.EfficientChannelAttention(kernel=k) | ir.SpatialAttention(kernel=k):
            return [str(k)]
        case ir.Linear(out_features=features, bias=bias):
            return [str(features), *([] if bias else ["no bias"])]
        case ir.PReLU(channels=channels):
            return ["shared"] if channels == 1 else []
        case ir.Scale(factor=factor):
            return [f"{factor:g}"]
        case ir.Act(number=number):
            return [] if number is None else [f"{number:g}"]
        case ir.AdaptivePool(side=side):
            return [f"to {side}x{side}"]
        case ir.Padding(before=before, after=after):
            return [f"{before} before", f"{after} after"]
        case ir.Dropout(p=p) | ir.DropPath(p=p):
            return [f"{p:g}"]
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
