"""Which numbers of a class are its parameters, and what are they called?

A number that is the same in all instances is written where it is used. Numbers that always agree
are one parameter, and a multiple of another one is written as that. Names are those of the blocks
of He et al. 2015: `in_channels`, `width` inside of a block, `out_channels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import EllipsisType
from typing import Final, NamedTuple, TypeAlias

from resnet_dsl.emission.definitions import Definition
from resnet_dsl.emission.expressions import Code, Expression, Literal, Symbol, Value, values

_CHANNELS: Final = frozenset(
    ("in_channels", "out_channels", "channels", "hidden", "in_features", "out_features")
)
_POSITIONAL: Final = _CHANNELS | {"kernel", "side"}
_DEFAULTS: Final[dict[str, Literal]] = {"stride": 1, "dilation": 1, "groups": 1}
_CLASSES: Final = Symbol("num_classes")
Column: TypeAlias = tuple[Literal | Symbol, ...]
"""The values of one number in all instances."""


class Parameter(NamedTuple):
    """A parameter, and the place of the first number that it stands for."""

    name: str
    place: int
    type: str
    default: Literal | EllipsisType = ...
    by_name: bool = False


class Parameters(NamedTuple):
    """The parameters of a class in order, and what stands for each of its numbers."""

    parameters: tuple[Parameter, ...]
    numbers: tuple[Expression, ...]


class _Number(NamedTuple):
    """A number of a class: what it is, in which child, its place among all, its values."""

    role: str
    child: str
    place: int
    column: Column


def parameters_of(definition: Definition) -> Parameters:
    """The parameters of a class or function."""
    numbers = _numbers(definition)
    varying = [number for number in numbers if _varies(number.column)]
    channels = [number for number in varying if number.role in _CHANNELS]
    others = [number for number in varying if number.role not in _CHANNELS | {"inplace"}]
    parameters, codes = _of_channels(channels, definition)
    for number in sorted(others, key=lambda number: number.role == "padding"):
        text = _known(number, parameters, numbers)
        if text is None:
            parameters.append(_parameter(number, {p.name for p in parameters}))
            text = parameters[-1].name
        codes[number.place] = text
    texts: list[Expression] = []
    for number in numbers:
        if number.place in codes:
            texts.append(Code(codes[number.place]))
        else:
            same = number.column[0]
            texts.append(
                Value(all(number.column) if number.role == "inplace" else same, number.role)
            )
    parameters.sort(key=lambda parameter: (parameter.default is not ..., parameter.by_name))
    return Parameters(tuple(parameters), tuple(texts))


def _numbers(definition: Definition) -> list[_Number]:
    roles = [
        (value.role, assignment.name)
        for assignment in definition.assignments
        for value in values(assignment.value)
    ]
    columns = zip(*([value.value for value in own] for own in definition.instances), strict=True)
    return [
        _Number(role, child, place, column)
        for place, ((role, child), column) in enumerate(zip(roles, columns, strict=True))
    ]


def _varies(column: Column) -> bool:
    symbolic = any(isinstance(value, Symbol) for value in column)
    return symbolic or len({(type(value), value) for value in column}) > 1


# ---------------------------------------------------------------- channels


def _of_channels(
    numbers: Sequence[_Number], definition: Definition
) -> tuple[list[Parameter], dict[int, str]]:
    """The parameters that count channels, and what stands for each number of channels."""
    sources: dict[int, tuple[_Number, str]] = {}
    bases: list[_Number] = []
    for number in numbers:
        known = bases if number.role != "hidden" else bases[::-1]
        source = next(filter(None, (_from(number, base, bases[0]) for base in known)), None)
        if source is None:
            bases.append(number)
            source = number, "{}"
        sources[number.place] = source
    names = _channel_names(bases, numbers, definition)
    parameters = [Parameter(names[base.place], base.place, "int") for base in bases]
    codes = {place: text.format(names[base.place]) for place, (base, text) in sources.items()}
    return parameters, codes


def _from(number: _Number, base: _Number, first: _Number) -> tuple[_Number, str] | None:
    """A number as a base, as a multiple of one, or of hidden channels as a part of one.

    What a block is given says nothing of its width, so no multiples of it are taken.
    """
    if number.column == base.column:
        return base, "{}"
    if number.role == "hidden":
        factor = _factor(base.column, number.column)
        return (base, f"{{}} // {factor}") if factor else None
    factor = _factor(number.column, base.column) if base is not first else None
    return (base, f"{factor} * {{}}") if factor else None


def _factor(column: Column, base: Column) -> int | None:
    """The whole number that each value is of the base's."""
    factors = set()
    for value, own in zip(column, base, strict=True):
        if not (isinstance(value, int) and isinstance(own, int)) or own == 0 or value % own:
            return None
        factors.add(value // own)
    return factors.pop() if len(factors) == 1 else None


def _channel_names(
    bases: Sequence[_Number], numbers: Sequence[_Number], definition: Definition
) -> dict[int, str]:
    names: dict[int, str] = {}
    inner = list(bases)
    if inner and inner[0].role != "hidden" and not inner[0].role.startswith("out_"):
        only = len(bases) == 1 and len({number.role for number in numbers}) > 1
        role = "in_channels" if inner[0].role == "channels" else inner[0].role
        names[inner.pop(0).place] = "channels" if only else role
    last = next((n.column for n in reversed(numbers) if n.role != "hidden"), ())
    if inner and inner[-1].column == last and definition.kind != "Inception":
        names[inner.pop().place] = "out_channels" if names else "channels"
    for base in inner:
        names[base.place] = _inner_name(base, inner)
    for base in bases:
        if _CLASSES in base.column:
            names[base.place] = _CLASSES.name
    return names


def _inner_name(base: _Number, inner: Sequence[_Number]) -> str:
    """`width`; of several, by the child: `branch2_reduced` and `branch2_channels`."""
    if len(inner) == 1:
        return "width"
    siblings = [other for other in inner if other.child == base.child]
    prefix = f"{base.child}_" if base.child else ""
    if base is siblings[-1]:
        return f"{prefix}channels"
    position = siblings.index(base)
    return f"{prefix}reduced" if len(siblings) == 2 else f"{prefix}channels_{position + 1}"


# ---------------------------------------------------------------- strides, dilations and others


def _known(
    number: _Number,
    parameters: Iterable[Parameter],
    numbers: Sequence[_Number],
) -> str | None:
    """What stands for a number that agrees with a parameter of its kind."""
    for parameter in parameters:
        base = numbers[parameter.place]
        if base.role == number.role and base.column == number.column:
            return parameter.name
        if number.role == "groups" and base.role in _CHANNELS and base.column == number.column:
            return parameter.name
        if number.role == "padding" and base.role == "dilation":
            factor = _factor(number.column, base.column)
            if factor:
                return parameter.name if factor == 1 else f"{factor} * {parameter.name}"
        if number.role == "padding" and base.role == "kernel":
            sides = [side for side in base.column if isinstance(side, int)]
            if number.column == tuple(side // 2 for side in sides):
                return f"{parameter.name} // 2"
    return None


def _parameter(number: _Number, taken: set[str]) -> Parameter:
    role = number.role
    name = role if role not in taken else f"{number.child}_{role}".lstrip("_")
    while name in taken:
        name += "_"
    default = _DEFAULTS.get(role, ...)
    if default not in number.column:
        default = ...
    kind = next((type(v).__name__ for v in number.column if isinstance(v, float | tuple)), None)
    kind = kind or type(number.column[0]).__name__
    if kind == "tuple":
        kind = "tuple[float, ...]"
    return Parameter(name, number.place, kind, default, by_name=role not in _POSITIONAL)
