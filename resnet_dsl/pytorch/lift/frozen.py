"""Batch norms that are frozen: written out as a scale and a shift of four weights.

There are many ways to write it down (torchvision's, detectron2's), so a formula is not matched: it
is evaluated at numbers of its own, and held against that of a batch norm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Final

from resnet_dsl import ir
from resnet_dsl.pytorch.lift.leaf_operations import Found, Names
from resnet_dsl.pytorch.lift.values import CASTS, Formula, Operation, Weight

_MOMENTUM: Final = 0.1
"""PyTorch's: a frozen norm has none of its own."""

_ROLES: Final = ("weight", "bias", "running_mean", "running_var")
_STEPS: Final = {"add", "sub", "mul", "div"}
_VIEWS: Final = CASTS | {"view", "reshape", "unsqueeze", "slice"}
_SAMPLES: Final = ((0.7, -0.3, 1.9, 0.4), (1.3, 0.8, -0.6, 2.1))


def frozen_norm(here: Operation, names: Names) -> Found | None:
    """A frozen batch norm that ends in an operation, and what it reads."""
    chain, x = _chain(here)
    held = {w.name: w for step in chain for a in step.arguments.values() for w in _weights(a)}
    if len(held) != len(_ROLES) or not all(_fits(step, here.shape) for step in chain):
        return None
    if any(tuple(w.value.shape) != (here.shape[1],) for w in held.values()):
        return None
    epsilons = {0.0, *(c for step in chain for a in step.arguments.values() for c in _constants(a))}
    for names_of_roles in permutations(held):
        for eps in epsilons:
            if 0 <= eps < 1 and all(_is_norm(chain, names_of_roles, eps, at) for at in _SAMPLES):
                names.frozen = True
                norm = ir.BatchNorm(channels=here.shape[1], eps=eps, momentum=_MOMENTUM)
                return names.named(norm, dict(zip(_ROLES, names_of_roles, strict=True))), x
    return None


def _chain(here: Operation) -> tuple[list[Operation], Operation]:
    """The last operations that scale and shift a map, first to last, and the map."""
    chain: list[Operation] = []
    while here.name in _STEPS and len(here.inputs) == 1 and len(here.shape) == 4:
        chain.append(here)
        (here,) = here.inputs
    return chain[::-1], here


def _fits(step: Operation, shape: tuple[int, ...]) -> bool:
    """Whether all that a step reads beside the map has one number for each channel."""
    read = [a for a in step.arguments.values() if isinstance(a, Weight | Formula)]
    channels = shape[1]
    return all(a.shape in {(channels, 1, 1), (1, channels, 1, 1), (1,), ()} for a in read)


def _weights(value: object) -> Iterator[Weight]:
    if isinstance(value, Weight):
        yield value
    elif isinstance(value, Formula):
        for inner in value.arguments.values():
            yield from _weights(inner)


def _constants(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, Formula):
        for inner in value.arguments.values():
            yield from _constants(inner)


def _is_norm(
    chain: list[Operation], names: tuple[str, ...], eps: float, at: tuple[float, ...]
) -> bool:
    """Whether a chain gives what a batch norm gives, at some weights."""
    weight, bias, mean, var = at
    held = dict(zip(names, at, strict=True))
    for x in (0.0, 1.0):
        value = x
        for step in chain:
            value = _value(step.name, step.arguments, held, value)
        expected = (x - mean) / math.sqrt(var + eps) * weight + bias
        if not math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-12):
            return False
    return True


def _value(
    name: str, arguments: Mapping[str, object], held: Mapping[str, float], x: float
) -> float:
    """A formula at some weights; not a number where it is no formula of a norm."""

    def of(key: str, default: float = math.nan) -> float:
        match arguments.get(key, default):
            case Operation():
                return x
            case Weight(name=weight):
                return held[weight]
            case Formula(name=inner, arguments=given):
                return _value(inner, given, held, x)
            case int() | float() as number:
                return float(number)
            case _:
                return math.nan

    left = of("self")
    match name:
        case "add":
            return left + of("alpha", 1.0) * of("other")
        case "sub":
            return left - of("alpha", 1.0) * of("other")
        case "mul":
            return left * of("other")
        case "div" if arguments.get("rounding_mode") is None:
            return _power(of("other"), -1.0) * left
        case "neg":
            return -left
        case "sqrt":
            return _power(left, 0.5)
        case "rsqrt":
            return _power(left, -0.5)
        case "reciprocal":
            return _power(left, -1.0)
        case "pow":
            return _power(left, of("exponent"))
        case _:
            return left if name in _VIEWS else math.nan


def _power(base: float, exponent: float) -> float:
    """Not a number where the power is none: of zero, or of what is below it."""
    return float(base**exponent) if base > 0 or (base < 0 and exponent == -1.0) else math.nan
