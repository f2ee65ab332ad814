"""Maps and vectors that are scaled: by constants, by a learned number, by their own length."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy

from resnet_dsl import ir
from resnet_dsl.pytorch.lift.formulas import past_views
from resnet_dsl.pytorch.lift.leaf_operations import Found, Names
from resnet_dsl.pytorch.lift.values import Operation, Weight

_SUMS: Final = {"add", "sub"}
_STEPS: Final = _SUMS | {"mul", "div"}
_IMAGE: Final = 4
"""Channels of an image, at most: numbers for more channels are weights, learned or not."""

_SMALLEST: Final = 1e-12
"""PyTorch's: vectors that are shorter are divided by it."""


def scaled(here: Operation, names: Names) -> Found | None:
    """The scale or normalization that ends in an operation; None for other operations."""
    return _l2_normalized(here) or _learned(here, names) or _affine(here)


def _l2_normalized(here: Operation) -> Found | None:
    """`x / max(|x|, 1e-12)`, over features or channels."""
    if here.name != "div" or not isinstance(here["self"], Operation) or len(here.inputs) != 2:
        return None
    x, length = here["self"], past_views(here.inputs[1])
    if length.name in {"clamp_min", "clamp"}:
        if length["min"] != _SMALLEST or length["max"] is not None:
            return None
        (length,) = length.inputs
    order = length["ord"] if length.name == "linalg_vector_norm" else length["p"]
    if length.name not in {"linalg_vector_norm", "norm"} or order != 2 or length.inputs != (x,):
        return None
    dim, count = length["dim"], len(x.shape)
    if dim not in ([1], [1 - count]) or not length["keepdim"] or count not in (2, 4):
        return None
    return ir.L2Normalize(), x


def _learned(here: Operation, names: Names) -> Found | None:
    """A product with one learned number."""
    weights = [value for value in here.arguments.values() if isinstance(value, Weight)]
    if here.name != "mul" or len(here.inputs) != 1 or len(weights) != 1:
        return None
    (weight,) = weights
    if not weight.learned or weight.value.numel() != 1:
        return None
    return names.weighing(ir.LearnedScale(), weight=weight), here.inputs[0]


# ---------------------------------------------------------------- constants


class _Step(NamedTuple):
    """`x + other`, `x * other`, and so on, by channels; `swapped` is `other - x`."""

    name: str
    other: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]


def _affine(here: Operation) -> Found | None:
    """A product and a sum with constants, or one of them: `scale * x + shift` by channels."""
    last = _step(here)
    if last is None:
        return None
    (x,) = here.inputs
    first = _step(x)
    if first is not None and (first.name in _SUMS) != (last.name in _SUMS):
        layer = _exact([first, last]) or _general([first, last])
        return None if layer is None else (layer, x.inputs[0])
    layer = _exact([last]) or _general([last])
    return None if layer is None else (layer, x)


def _step(here: Operation) -> _Step | None:
    if here.name not in _STEPS or len(here.inputs) != 1 or len(here.shape) not in (2, 4):
        return None
    other = here["other"]
    if here["self"] is not here.inputs[0] or here["rounding_mode"] is not None:
        if here.name not in {"add", "mul"} or here["other"] is not here.inputs[0]:
            return None
        other = here["self"]
    if here["alpha"] not in (None, 1) or here.dtype != here.inputs[0].dtype:
        return None
    values = _constant(other, here.shape[1], of_vectors=len(here.shape) == 2)
    return None if values is None else _Step(here.name, values)


def _constant(
    value: object, channels: int, *, of_vectors: bool
) -> numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]] | None:
    """A number, or one for each channel."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return numpy.array([float(value)])
    if not isinstance(value, Weight) or value.learned or value.standardization is not None:
        return None
    numbers = [float(text) for text in map(_shortest, value.value.flatten().tolist())]
    forms = {(channels,), (1, channels)} if of_vectors else {(channels, 1, 1), (1, channels, 1, 1)}
    by_channel = channels <= _IMAGE and value.shape in forms
    if len(numbers) != 1 and not (by_channel and len(numbers) == channels):
        return None
    return numpy.array(numbers)


def _shortest(value: float) -> str:
    """The shortest decimal that gives the same number in float32."""
    return str(numpy.float32(value))


def _exact(steps: list[_Step]) -> ir.Leaf | None:
    """Steps that a layer computes in the same order, so that it rounds alike."""
    match steps:
        case [("mul", factor)] if len(factor) == 1:
            return _scale(float(factor[0]))
        case [("div", divisor)] if len(divisor) == 1 and _is_power_of_two(float(divisor[0])):
            return _scale(1 / float(divisor[0]))
        case [("sub", mean), ("div", deviation)]:
            return _normalize(mean, deviation)
        case [("div", deviation)]:
            return _normalize(numpy.zeros(1), deviation)
        case [("sub", mean)]:
            return _normalize(mean, numpy.ones(1))
        case _:
            return None


def _general(steps: list[_Step]) -> ir.Leaf | None:
    scale, shift = numpy.ones(1), numpy.zeros(1)
    for name, other in steps:
        match name:
            case "add":
                shift = shift + other
            case "sub":
                shift = shift - other
            case "mul":
                scale, shift = scale * other, shift * other
            case _:
                with numpy.errstate(all="ignore"):
                    scale, shift = scale / other, shift / other
    if not numpy.isfinite(scale).all() or not numpy.isfinite(shift).all() or not scale.all():
        return None
    if len(scale) == 1 and not shift.any():
        return _scale(float(scale[0]))
    return _normalize(-shift / scale, 1 / scale)


def _scale(factor: float) -> ir.Leaf | None:
    if factor == 1:
        return ir.Identity()
    return ir.Scale(factor) if factor and math.isfinite(factor) else None


def _normalize(
    mean: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]],
    deviation: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]],
) -> ir.Leaf | None:
    if not numpy.isfinite(mean).all() or not deviation.all():
        return None
    pairs = numpy.broadcast_arrays(mean, deviation)
    means, deviations = (tuple(map(float, values)) for values in pairs)
    return ir.Normalize(mean=means, deviation=deviations)


def _is_power_of_two(value: float) -> bool:
    return value != 0 and math.isfinite(value) and abs(math.frexp(value)[0]) == 0.5
