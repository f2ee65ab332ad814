"""Filters that are standardized by a written formula, on the way to their convolution.

Google's BiT divides by `sqrt(var + eps)`, the authors of weight standardization by `std + eps`:
both are recognized by what they compute. The formula is evaluated for random filters of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor

from resnet_dsl.ir import Standardization, StandardizationFormula
from resnet_dsl.pytorch.lift.values import Formula, Weight

_FORMULAS: Final[tuple[StandardizationFormula, ...]] = ("variance", "deviation")
_LIMIT: Final = 1e-2
"""No eps is larger."""


def standardized(formula: Formula) -> Weight | None:
    """The weight that a formula standardizes; None for other formulas."""
    if formula.name != "div" or len(formula.shape) != 4:
        return None
    weights = {id(weight): weight for weight in _weights(formula)}
    if len(weights) != 1:
        return None
    (weight,) = weights.values()
    if weight.standardization is not None or tuple(weight.value.shape) != formula.shape:
        return None
    filters = torch.randn(3, *formula.shape[1:], generator=torch.Generator().manual_seed(0))
    result = _evaluated(formula, weight, filters.double() * 0.05)
    if result is None:
        return None
    for eps in {0.0, *(c for c in _constants(formula) if 0 <= c < _LIMIT)}:
        for kind in _FORMULAS:
            if torch.allclose(_expected(kind, eps, filters.double() * 0.05), result, rtol=1e-9):
                return replace(weight, standardization=Standardization(formula=kind, eps=eps))
    return None


def _expected(kind: StandardizationFormula, eps: float, filters: Tensor) -> Tensor:
    rows = filters.flatten(1)
    centered = rows - rows.mean(1, keepdim=True)
    if kind == "deviation":
        return (centered / (rows.std(1, keepdim=True) + eps)).reshape(filters.shape)
    var = rows.var(1, unbiased=False, keepdim=True)
    return (centered / (var + eps).sqrt()).reshape(filters.shape)


def _weights(value: object) -> Iterator[Weight]:
    match value:
        case Weight():
            yield value
        case Formula(arguments=arguments):
            for inner in arguments.values():
                yield from _weights(inner)


def _constants(value: object) -> Iterator[float]:
    match value:
        case float():
            yield value
        case Formula(arguments=arguments):
            for inner in arguments.values():
                yield from _constants(inner)


def _evaluated(value: object, weight: Weight, filters: Tensor) -> Any:
    """A formula for other filters; None where it is of no known operation."""
    match value:
        case Weight(shape=shape):
            return filters.reshape(len(filters), *shape[1:])
        case Formula(name=name, arguments=arguments):
            operation = _OPERATIONS.get(name)
            given = [_evaluated(inner, weight, filters) for inner in arguments.values()]
            if operation is None or (given and given[0] is None):
                return None
            try:
                return operation(dict(zip(arguments, given, strict=True)), filters)
            except (RuntimeError, TypeError, IndexError):
                return None
        case _:
            return value


def _viewed(given: dict[str, Any], filters: Tensor) -> Tensor:
    """A view of the numbers of each filter, whatever the number of filters."""
    x: Tensor = given["self"]
    shape = given.get("size") or given.get("shape") or [len(filters), -1]
    return x.reshape(len(filters), *[int(side) for side in shape[1:]])


def _reduced(function: Any) -> Any:
    def apply(given: dict[str, Any], _filters: Tensor) -> Any:
        options = {key: given[key] for key in ("unbiased", "correction", "keepdim") if key in given}
        return function(given["self"], dim=given.get("dim"), **options)

    return apply


_OPERATIONS: Final = {
    "add": lambda g, _: g["self"] + g["other"] * g.get("alpha", 1),
    "sub": lambda g, _: g["self"] - g["other"] * g.get("alpha", 1),
    "mul": lambda g, _: g["self"] * g["other"],
    "div": lambda g, _: g["self"] / g["other"],
    "sqrt": lambda g, _: g["self"].sqrt(),
    "rsqrt": lambda g, _: g["self"].rsqrt(),
    "mean": _reduced(torch.mean),
    "var": _reduced(torch.var),
    "std": _reduced(torch.std),
    "var_mean": _reduced(torch.var_mean),
    "getitem": lambda g, _: g["0"][g["1"]],
    "view": _viewed,
    "reshape": _viewed,
    "flatten": lambda g, _: g["self"].flatten(1),
    "expand_as": lambda g, _: g["self"],
    "expand": lambda g, _: g["self"],
}
