"""Python expressions as data: calls of constructors whose numbers may become parameters.

Two blocks are instances of one class where their expressions differ in `Value`s alone. Everything
that a block of another kind could have is in the expression (a stride of 1 too); an argument that
equals its default is left out when the expression is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import EllipsisType
from typing import Final, NamedTuple, TypeAlias

Literal: TypeAlias = int | float | bool | str | tuple[float, ...] | None


class Symbol(NamedTuple):
    """A name that stands for a number: `num_classes`."""

    name: str


class Value(NamedTuple):
    """A number, by the name of the argument that it is passed for: `out_channels`."""

    value: Literal | Symbol
    role: str


class Keyword(NamedTuple):
    """An argument by name; it is left out where it has its default."""

    name: str
    value: Expression
    default: Literal | EllipsisType = ...


class Call(NamedTuple):
    """`function(positional, keyword=value)`."""

    function: str
    positional: tuple[Expression, ...] = ()
    keywords: tuple[Keyword, ...] = ()


class Code(NamedTuple):
    """An expression that is printed as it is."""

    text: str


class Repeated(NamedTuple):
    """`*(item for _ in range(times))`, or `*item`: among the arguments of a call."""

    item: Expression
    times: int | None = None


Expression: TypeAlias = Value | Call | Code | Repeated
NONE: Final = Code("None")


def values(expression: Expression) -> Iterator[Value]:
    """The values of an expression, in order."""
    match expression:
        case Value():
            yield expression
        case Call(positional=positional, keywords=keywords):
            for argument in positional:
                yield from values(argument)
            for keyword in keywords:
                yield from values(keyword.value)
        case Repeated(item=item):
            yield from values(item)
        case Code():
            pass


def calls(expression: Expression) -> Iterator[Call]:
    """The calls in an expression."""
    match expression:
        case Call(positional=positional, keywords=keywords):
            yield expression
            for argument in (*positional, *(keyword.value for keyword in keywords)):
                yield from calls(argument)
        case Repeated(item=item):
            yield from calls(item)
        case Value() | Code():
            pass


def with_values(expression: Expression, change: Callable[[Value], Expression]) -> Expression:
    """The expression with other values, which are asked for in order."""
    match expression:
        case Value():
            return change(expression)
        case Call(function, positional, keywords):
            return Call(
                function,
                tuple(with_values(argument, change) for argument in positional),
                tuple(
                    keyword._replace(value=with_values(keyword.value, change))
                    for keyword in keywords
                ),
            )
        case Repeated(item=item):
            return expression._replace(item=with_values(item, change))
        case Code():
            return expression


def skeleton(expression: Expression) -> Expression:
    """The expression without its values: equal for instances of one class."""
    return with_values(expression, lambda value: Value(None, value.role))


# ---------------------------------------------------------------- printed


WIDTH: Final = 88
"""Columns of a line, as black and ruff count by default."""


def literal(value: Literal | Symbol) -> str:
    """A value as Python source.

    >>> literal(0.1), literal(Symbol("num_classes"))
    ('0.1', 'num_classes')
    """
    match value:
        case Symbol(name):
            return name
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _:
            return repr(value)


def flat(expression: Expression) -> str:
    """An expression in one line."""
    match expression:
        case Value(value):
            return literal(value)
        case Code(text):
            return text
        case Repeated(item, times):
            text = flat(item)
            return f"*{text}" if times is None else f"*({text} for _ in range({times}))"
        case Call(function):
            return f"{function}({', '.join(flat_arguments(expression))})"


def flat_arguments(call: Call) -> list[str]:
    """The printed arguments of a call; defaults are left out."""
    return [prefix + flat(argument) for prefix, argument in _arguments(call)]


def _arguments(call: Call) -> list[tuple[str, Expression]]:
    positional = [("", argument) for argument in call.positional]
    return positional + [
        (f"{keyword.name}=", keyword.value)
        for keyword in call.keywords
        if not (isinstance(keyword.value, Value) and _same(keyword.value.value, keyword.default))
    ]


def _same(value: object, default: object) -> bool:
    return type(value) is type(default) and value == default


def lines(expression: Expression, before: str = "", after: str = "", indent: int = 0) -> list[str]:
    """An expression between two texts, in lines that `ruff format` keeps.

    What does not fit in one line has an argument in each, with a comma after the last.
    """
    margin = " " * indent
    whole = f"{margin}{before}{flat(expression)}{after}"
    if len(whole) <= WIDTH:
        return [whole]
    match expression:
        case Call(function) if arguments := _arguments(expression):
            inner = [
                line
                for prefix, argument in arguments
                for line in lines(argument, prefix, ",", indent + 4)
            ]
            return [f"{margin}{before}{function}(", *inner, f"{margin}){after}"]
        case Repeated(item, times) if times is not None:
            inner = lines(item, "", "", indent + 4)
            return [
                f"{margin}{before}*(",
                *inner,
                f"{margin}    for _ in range({times})",
                f"{margin}){after}",
            ]
        case Repeated(item):
            return lines(item, before + "*", after, indent)
        case _:
            return [whole]
