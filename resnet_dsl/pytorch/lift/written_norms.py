"""Layer norms over the channels of each pixel, written out: ConvNeXt's, Liu et al. 2022."""

from __future__ import annotations

from resnet_dsl import ir
from resnet_dsl.pytorch.lift.formulas import affine_by_channel, past_views, plus
from resnet_dsl.pytorch.lift.leaf_operations import Found, Names, means
from resnet_dsl.pytorch.lift.values import Operation


def written_layer_norm(here: Operation, names: Names) -> Found | None:
    """`(x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias`."""
    affine = affine_by_channel(here) if here.name == "add" else None
    if affine is None or affine[0].name != "div" or len(affine[0].inputs) != 2:
        return None
    ratio, weight, bias = affine
    centered, root = ratio["self"], past_views(ratio["other"])
    x = _centered(centered)
    if x is None or root.name != "sqrt":
        return None
    variance, eps = plus(root)
    variance = past_views(variance)
    if means(variance) != [1] or eps is None:
        return None
    power = past_views(variance.inputs[0])
    squared = power.name == "square" or (power.name == "pow" and power["exponent"] == 2)
    if not squared or _centered(past_views(power.inputs[0])) is not x:
        return None
    norm = ir.LayerNorm(channels=here.shape[1], eps=eps)
    return names.weighing(norm, weight=weight, bias=bias), x


def _centered(here: Operation) -> Operation | None:
    """The `x` of `x - mean(x)`, over channels."""
    if here.name != "sub" or len(here.inputs) != 2 or here["alpha"] != 1:
        return None
    x, mean = here["self"], past_views(here["other"])
    return x if means(mean) == [1] and mean.inputs == (x,) and mean["keepdim"] else None
