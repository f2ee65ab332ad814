"""Activations by what they compute: operations of PyTorch, and formulas written out."""

from __future__ import annotations

from typing import Any, Final

from resnet_dsl import ir
from resnet_dsl.pytorch.lift.leaf_operations import Found, Names
from resnet_dsl.pytorch.lift.refusals import refused
from resnet_dsl.pytorch.lift.values import Operation, Weight

_PLAIN: Final[dict[str, ir.ActKind]] = {
    "relu": "relu",
    "relu6": "relu6",
    "silu": "silu",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "mish": "mish",
    "hardswish": "hardswish",
    "hardsigmoid": "hardsigmoid",
}
_BY_ONE: Final = (1, 1)


def activation(here: Operation, names: Names) -> Found | None:
    """The activation that ends in an operation, and what it reads; None for other operations."""
    match here.name:
        case "mul" if len(here.inputs) == 2:
            return _gated(here, names)
        case "mul" | "div":
            return _hard(here, names)
        case "prelu":
            return _prelu(here, names)
        case _:
            act = _operation(here) if len(here.inputs) == 1 else None
            return None if act is None else (act, here.inputs[0])


def _operation(here: Operation) -> ir.Act | None:
    """An activation that is one operation."""
    match here.name:
        case "gelu":
            return ir.Act("gelu" if here["approximate"] == "none" else "gelu_tanh")
        case "elu" if (here["scale"], here["input_scale"]) == _BY_ONE:
            return _numbered("elu", here["alpha"], 1)
        case "celu":
            return _numbered("celu", here["alpha"], 1)
        case "leaky_relu":
            return _numbered("leaky_relu", here["negative_slope"], 0.01)
        case "rrelu_with_noise" | "rrelu" if not here["training"]:
            slope = (here["lower"] + here["upper"]) / 2
            return _numbered("leaky_relu", slope, 0.01)
        case "softplus" if here["beta"] == 1 and here["threshold"] == 20:
            return ir.Act("softplus")
        case "hardtanh" if (here["min_val"], here["max_val"]) == (0, 6):
            return ir.Act("relu6")
        case "clamp" | "clamp_min" | "hardtanh" | "threshold":
            return _clamped(here)
        case name if name in _PLAIN:
            return ir.Act(_PLAIN[name])
        case _:
            return None


def _clamped(here: Operation) -> ir.Act | None:
    """`max(x, 0)`, and `min(max(x, 0), 6)`."""
    if here.name == "threshold":
        return ir.Act("relu") if here["threshold"] == here["value"] == 0 else None
    match here["min"], here["max"]:
        case 0, None:
            return ir.Act("relu")
        case 0, 6:
            return ir.Act("relu6")
        case _:
            return None


def _numbered(kind: ir.ActKind, number: Any, usual: float) -> ir.Act:
    return ir.Act(kind) if number == usual else ir.Act(kind, float(number))


def _prelu(here: Operation, names: Names) -> Found:
    weight = here["weight"]
    if not isinstance(weight, Weight) or weight.shape != tuple(weight.value.shape):
        raise refused(here, "a prelu whose slopes are computed")
    prelu = ir.PReLU(channels=weight.value.numel())
    return names.weighing(prelu, weight=weight), here.inputs[0]


def _gated(here: Operation, names: Names) -> Found | None:
    """`x * sigmoid(x)`, `x * tanh(softplus(x))`, `x * hardsigmoid(x)`."""
    for x in here.inputs:
        gate = next(other for other in here.inputs if other is not x)
        inner = activation(gate, names)
        if inner is None or not isinstance(inner[0], ir.Act):
            continue
        act, before = inner
        if before is x and act in _PRODUCTS:
            return ir.Act(_PRODUCTS[act]), x
        if act == ir.Act("tanh"):
            inside = activation(before, names)
            if inside is not None and inside == (ir.Act("softplus"), x):
                return ir.Act("mish"), x
    return None


_PRODUCTS: Final[dict[ir.Layer, ir.ActKind]] = {
    ir.Act("sigmoid"): "silu",
    ir.Act("hardsigmoid"): "hardswish",
}


def _hard(here: Operation, names: Names) -> Found | None:
    """`relu6(x + 3) / 6`, and `x * relu6(x + 3) / 6`."""
    if len(here.inputs) != 1 or not _is_sixth(here):
        return None
    (clamped,) = here.inputs
    if clamped.name == "mul" and len(clamped.inputs) == 2:
        for x in clamped.inputs:
            other = next(each for each in clamped.inputs if each is not x)
            if _shifted(other, names) is x:
                return ir.Act("hardswish"), x
        return None
    x_before = _shifted(clamped, names)
    return None if x_before is None else (ir.Act("hardsigmoid"), x_before)


def _is_sixth(here: Operation) -> bool:
    factor = here["other"]
    if not isinstance(factor, int | float):
        return False
    return factor == 6 if here.name == "div" else abs(factor - 1 / 6) < 1e-9


def _shifted(here: Operation, names: Names) -> Operation | None:
    """The `x` of `relu6(x + 3)`."""
    clamped = activation(here, names) if here.name != "mul" else None
    if clamped is None or clamped[0] != ir.Act("relu6"):
        return None
    shifted = clamped[1]
    adds = shifted.name == "add" and len(shifted.inputs) == 1
    return shifted.inputs[0] if adds and shifted["other"] == 3 and shifted["alpha"] == 1 else None
