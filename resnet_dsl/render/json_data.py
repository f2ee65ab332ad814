"""Records as JSON: one way for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

from resnet_dsl.ir import Shape, Vector
from resnet_dsl.notation.printed import format_row
from resnet_dsl.notation.terms import Row


def json_data(value: object) -> Any:
    """A record as plain data: its fields by name, sizes as lists, rows in the notation.

    >>> json_data({"output": Shape(64, 56, 56)})
    {'output': [64, 56, 56]}
    """
    match value:
        case Shape() | Vector():
            return list(value)
        case Row():
            return format_row(value)
        case Fraction():
            return str(value)
        case Mapping():
            return {key: json_data(inner) for key, inner in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return {key: json_data(getattr(value, key)) for key in value._fields}
        case list() | tuple():
            return [json_data(inner) for inner in value]
        case _ if is_dataclass(value):
            return {field.name: json_data(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
