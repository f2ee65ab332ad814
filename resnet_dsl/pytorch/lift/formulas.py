"""Operations that are a layer together, by their formulas: norms that activate, layer norms of
maps, blurs, strides alone, pools in two steps, stochastic depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch

from resnet_dsl import ir
from resnet_dsl.pytorch.lift.leaf_operations import Found, Names, layer_norm, means, square_side
from resnet_dsl.pytorch.lift.values import CASTS, Formula, Operation, Weight

_SPREADS: Final = CASTS | {
    "flatten",
    "view",
    "reshape",
    "expand",
    "expand_as",
    "squeeze",
    "unsqueeze",
    "transpose",
    "permute",
}


def pattern(here: Operation, names: Names) -> Found | None:
    """The layer that ends in an operation, if it is one of those with a formula of their own."""
    match here.name:
        case "add":
            return _evo_norm(here, names)
        case "max" | "maximum":
            return _filter_response_norm(here, names)
        case "mul" if dropped := _drop_path(here):
            return dropped
        case "conv2d":
            return _blur(here)
        case "slice":
            return _pixels(here)
        case "mean":
            return _mean(here)
        case "div" | "mul":
            return _sum_over_area(here)
        case "getitem":
            return _maximum(here)
        case "permute":
            return _same_order(here) or _layer_norm(here, names)
        case _:
            return None


# ---------------------------------------------------------------- norms that activate


def _evo_norm(here: Operation, names: Names) -> Found | None:
    """`x * sigmoid(v * x) / sqrt(var(x) + eps) * weight + bias`."""
    affine = affine_by_channel(here)
    if affine is None or affine[0].name != "div" or len(affine[0].inputs) != 2:
        return None
    ratio, weight, bias = affine
    gated, deviation = ratio["self"], past_views(ratio["other"])
    if gated.name != "mul" or len(gated.inputs) != 2 or deviation.name != "sqrt":
        return None
    x, gate = ordered(*gated.inputs)
    v = _gate_weight(gate, x)
    sum, eps = plus(deviation)
    variance = past_views(sum)
    if variance.name != "var" or variance["unbiased"] or v is None or eps is None:
        return None
    (grouped,) = variance.inputs
    if (
        len(grouped.shape) != 5
        or variance["dim"] != [2, 3, 4]
        or past_views(grouped) is not past_views(x)
    ):
        return None
    norm = ir.EvoNorm(channels=here.shape[1], groups=grouped.shape[1], eps=eps)
    return names.weighing(norm, weight=weight, bias=bias, v=v), x


def _gate_weight(gate: Operation, x: Operation) -> Weight | None:
    """The `v` of `sigmoid(v * x)`."""
    product = gate.inputs[0] if gate.name == "sigmoid" else gate
    if product.name != "mul" or past_views(product.inputs[0]) is not past_views(x):
        return None
    return next((a for a in product.arguments.values() if isinstance(a, Weight)), None)


def _filter_response_norm(here: Operation, names: Names) -> Found | None:
    """`max(x / sqrt(mean(x^2) + eps) * weight + bias, tau)`."""
    tau = here["other"]
    affine = affine_by_channel(here.inputs[0]) if isinstance(tau, Weight) else None
    if affine is None or affine[0].name != "mul" or len(affine[0].inputs) != 2:
        return None
    product, weight, bias = affine
    x, factor = ordered(*product.inputs)
    root = past_views(factor)
    if root.name != "rsqrt":
        return None
    sum, eps = plus(root)
    mean = past_views(sum)
    if means(mean) != [2, 3] or len(mean.inputs[0].shape) != 4 or eps is None:
        return None
    power = past_views(mean.inputs[0])
    squared = power.name == "square" or (power.name == "pow" and power["exponent"] == 2)
    if not squared or past_views(power.inputs[0]) is not past_views(x):
        return None
    norm = ir.FilterResponseNorm(channels=here.shape[1], eps=eps)
    return names.weighing(norm, weight=weight, bias=bias, tau=tau), x


def plus(here: Operation) -> tuple[Operation, float | None]:
    """What an operation reads, before a constant was added."""
    (sum_,) = here.inputs
    if sum_.name != "add" or not isinstance(sum_["other"], float) or sum_["alpha"] != 1:
        return sum_, None
    return sum_.inputs[0], sum_["other"]


def affine_by_channel(here: Operation) -> tuple[Operation, Weight, Weight] | None:
    """`x * weight + bias`, by channels, in any order."""
    bias = _beside(here)
    if here.name != "add" or len(here.inputs) != 1 or not _by_channel(bias, here):
        return None
    (product,) = here.inputs
    weight = _beside(product)
    if product.name != "mul" or len(product.inputs) != 1 or not _by_channel(weight, here):
        return None
    return product.inputs[0], weight, bias


def _beside(here: Operation) -> Any:
    """What is added or multiplied to the one operation that is read."""
    return here["self"] if here["other"] is here.inputs[0] else here["other"]


def _by_channel(value: object, here: Operation) -> bool:
    """Whether a weight has one number for each channel of an operation's map."""
    if not isinstance(value, Weight) or len(here.shape) != 4:
        return False
    return value.shape in {(here.shape[1], 1, 1), (1, here.shape[1], 1, 1)}


def _same_order(here: Operation) -> Found | None:
    """A map whose dimensions are permuted, and back again: only its memory differs."""
    (before,) = here.inputs
    while before.name in CASTS and len(before.inputs) == 1:
        (before,) = before.inputs
    if before.name != "permute" or len(before.inputs) != 1:
        return None
    order = [before["dims"][dim] for dim in here["dims"]]
    return (ir.Identity(), before.inputs[0]) if order == list(range(len(order))) else None


def _layer_norm(here: Operation, names: Names) -> Found | None:
    """A layer norm over the channels of each pixel, which come last for a while."""
    (norm,) = here.inputs
    if norm.name != "layer_norm" or len(norm.inputs) != 1 or here["dims"] != [0, 3, 1, 2]:
        return None
    (before,) = norm.inputs
    if before.name != "permute" or before["dims"] != [0, 2, 3, 1]:
        return None
    return layer_norm(norm, names, of_vectors=False), before.inputs[0]


# ---------------------------------------------------------------- the others


def _blur(here: Operation) -> Found | None:
    """The binomial filter over each channel of a reflected map."""
    weight, (before, *others) = here["weight"], here.inputs
    if before.name not in {"pad", "reflection_pad2d"} or not isinstance(weight, Weight) or others:
        return None
    reflected = before["mode"] in {None, "reflect"} and list(before["pad"] or before["padding"])
    if reflected != [1, 1, 1, 1] or here["groups"] != here.shape[1] or here["bias"] is not None:
        return None
    if (square_side(here, "padding"), square_side(here, "dilation")) != (0, 1):
        return None
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    value = weight.value.cpu().float()
    binomial = value.shape[1:] == (1, 3, 3) and bool((value == line[:, None] * line).all())
    return (ir.BlurPool(stride=square_side(here, "stride")), before.inputs[0]) if binomial else None


def _pixels(here: Operation) -> Found | None:
    """Every n-th pixel: a strided slice of the height, and the same of the width."""
    (before,) = here.inputs
    if (
        before.name != "slice"
        or len(before.inputs) != 1
        or (before["dim"], here["dim"]) not in {(2, 3), (3, 2)}
    ):
        return None
    (x,) = before.inputs
    step = here["step"]
    for slice_ in (before, here):
        size = x.shape[slice_["dim"]]
        whole = not slice_["start"] and (slice_["end"] is None or slice_["end"] >= size)
        if not whole or slice_["step"] != step or step == 1:
            return None
    return ir.Pool(kind="max", kernel=1, stride=step), x


def _sum_over_area(here: Operation) -> Found | None:
    """The sum of a channel's map, divided by its area."""
    if len(here.inputs) != 1 or here.inputs[0].name != "sum" or len(here.inputs[0].inputs) != 1:
        return None
    (total,) = here.inputs
    (x,) = total.inputs
    dims, number = total["dim"], here["other"]
    if len(x.shape) != 4 or not isinstance(dims, list) or not isinstance(number, int | float):
        return None
    area = number if here.name == "div" else 1 / number if number else 0
    if sorted(dim % 4 for dim in dims) != [2, 3] or abs(area - x.shape[2] * x.shape[3]) > 1e-6:
        return None
    return ir.sequence(ir.AdaptivePool(), *([] if total["keepdim"] else [ir.Flatten()])), x


def _maximum(here: Operation) -> Found | None:
    """The maxima of channels, of a map seen as a line."""
    (line,) = here.inputs
    if here["1"] != 0 or line.name != "max" or len(line.inputs) != 1:
        return None
    (before,) = line.inputs
    x = past_views(before)
    if line["dim"] not in (2, -1) or len(before.shape) != 3 or len(x.shape) != 4:
        return None
    if before.shape[:2] != x.shape[:2]:
        return None
    pool = ir.AdaptivePool(kind="max")
    return ir.sequence(pool, *([] if line["keepdim"] else [ir.Flatten()])), x


def _mean(here: Operation) -> Found | None:
    """The means of channels in two steps: of columns and of rows, or of a map seen as a line."""
    (before,) = here.inputs
    if len(before.inputs) != 1 or len(before.inputs[0].shape) != 4:
        return None
    (x,) = before.inputs
    line = before.name in {"flatten", "view", "reshape"} and before.shape[:2] == x.shape[:2]
    if before["keepdim"] and here["keepdim"]:
        whole = sorted(means(before) + means(here)) == [2, 3]
        return (ir.AdaptivePool(), x) if whole else None
    lines = line or means(before) in ([2], [3])
    if not lines or before["keepdim"] or len(before.shape) != 3 or means(here) != [2]:
        return None
    return ir.sequence(ir.AdaptivePool(), *([] if here["keepdim"] else [ir.Flatten()])), x


def _drop_path(here: Operation) -> Found | None:
    """A product with noise that is the same for a whole image."""
    noise = [a for a in here.arguments.values() if isinstance(a, Operation | Formula)]
    for x in here.inputs:
        for factor in noise:
            kept = _survival(factor) if factor is not x else None
            if kept is not None and factor.shape == (x.shape[0], 1, 1, 1):
                return ir.DropPath(probability(kept)), x
            kept = _coin(factor) if x.name == "div" else None
            if kept is not None and x["other"] == kept and factor.shape == (x.shape[0], 1, 1, 1):
                return ir.DropPath(probability(kept)), x.inputs[0]
    return None


def _survival(noise: Operation | Formula) -> float | None:
    """The probability `p` of noise that is drawn with it and divided by it."""
    drawn, divisor = noise["self"], noise["other"]
    if noise.name != "div" or not isinstance(drawn, Operation | Formula):
        return None
    return divisor if _coin(drawn) == divisor else None


def _coin(noise: Operation | Formula) -> float | None:
    """The probability of noise that is one or zero: `bernoulli(p)`, or `floor(p + rand)`."""
    if noise.name == "bernoulli":
        return noise["p"] if isinstance(noise["p"], float) else None
    sum = noise["self"]
    if noise.name != "floor" or not isinstance(sum, Formula) or sum.name != "add":
        return None
    uniform, kept = sum["self"], sum["other"]
    drawn = isinstance(uniform, Formula) and uniform.name == "rand" and sum["alpha"] == 1
    return kept if drawn and isinstance(kept, float) else None


def probability(kept: float) -> float:
    """The shortest decimal fraction that leaves so much.

    >>> probability(0.9), 1 - 0.9
    (0.1, 0.09999999999999998)
    """
    rounded = (round(1 - kept, digits) for digits in range(1, 17))
    return next((p for p in rounded if 1 - p == kept), 1 - kept)


# ---------------------------------------------------------------- ways through a graph


def past_views(here: Operation) -> Operation:
    """What is cast, reshaped and spread out."""
    while here.name in _SPREADS:
        here = here["self"] if isinstance(here["self"], Operation) else here.inputs[0]
    return here


def ordered(left: Operation, right: Operation) -> tuple[Operation, Operation]:
    """Two operations, the one that the other is computed from first."""
    return (
        (left, right)
        if any(operation is left for operation in dominators(right))
        else (right, left)
    )


def comes_from(operation: Operation, earlier: Operation) -> bool:
    """Whether all ways from the image to an operation go through an earlier one."""
    here: Operation | None = operation
    while here is not None and here.depth > earlier.depth:
        here = here.dominator
    return here is earlier


def dominators(operation: Operation) -> Iterator[Operation]:
    """An operation, and those that all ways to it go through, backwards."""
    here: Operation | None = operation
    while here is not None:
        yield here
        here = here.dominator
