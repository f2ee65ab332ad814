"""Texts of the notation as fields of pydantic models: parsed on the way in, printed out again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import PlainValidator, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.ir import Shape
from resnet_dsl.notation import (
    Conv,
    HeadLayer,
    NotationError,
    Row,
    RowLayer,
    format_layer,
    format_row,
    parse_layer,
    parse_row,
)

LARGEST_SIDE: Final = 65_536


class _Text:
    """The annotation of a text in the notation: parsed on the way in, printed on the way out."""

    def __init__(
        self,
        form: Any,
        parse: Callable[[str], object],
        write: Callable[[Any], str],
        description: str,
        **schema: object,
    ) -> None:
        self.form, self.parse, self.write = form, parse, write
        self.schema = {"type": "string", "description": description, **schema}

    def read(self, data: object) -> object:
        if isinstance(data, self.form):
            return data
        if not isinstance(data, str):
            raise _refused(f"{_shown(data)} is no text", help=str(self.schema["description"]))
        try:
            return self.parse(data)
        except NotationError as error:
            raise _refused(error.message, help=error.help, at=error.at, code=error.code) from None

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> JsonSchemaValue:
        return self.schema


def _refused(
    message: str, *, help: str | None = None, at: tuple[int, int] | None = None, code: str = "value"
) -> PydanticCustomError:
    """A fault that `resnet_dsl.reader` can turn into a diagnostic without reading its text."""
    context = {"message": message, "help": help, "at": at, "code": code}
    return PydanticCustomError("refused", "{message}", context)


def _shown(data: object) -> str:
    return "nothing" if data is None else repr(data)[:40]


def _parse_stem_layer(text: str) -> RowLayer:
    layer = parse_layer(text)
    if not isinstance(layer, RowLayer) or (isinstance(layer, Conv) and layer.bare):
        raise NotationError(f"{format_layer(layer)!r} belongs to the head", layer.at)
    return layer


_SIZE = re.compile(r"\s*(\d{1,9})\s*[x×X*]\s*(\d{1,9})\s*(?:[x×X*]\s*(\d{1,9})\s*)?")


def _parse_numbers(text: str, count: int, example: str) -> list[int]:
    found = _SIZE.fullmatch(text)
    numbers = [int(number) for number in found.groups() if number] if found else []
    if len(numbers) != count or not all(0 < number <= LARGEST_SIDE for number in numbers):
        raise NotationError(f"{text[:40]!r} is no size", (0, len(text)), f"like {example}", "value")
    return numbers


def parse_input(text: str) -> Shape:
    """The size of one image: channels, height, width.

    >>> parse_input("3x224x224")
    Shape(channels=3, height=224, width=224)
    """
    return Shape(*_parse_numbers(text, 3, "3x224x224"))


def _parse_sides(text: str) -> tuple[int, int]:
    height, width = _parse_numbers(text, 2, "56x56")
    return height, width


def _format_sides(sides: tuple[int, int]) -> str:
    return f"{sides[0]}x{sides[1]}"


RowText = Annotated[
    Row,
    _Text(
        Row,
        parse_row,
        format_row,
        'a row of Table 1: "[[1x1, 64], [3x3, 64], [1x1, 256]] x 3"',
        pattern=r"^\s*\[",
        examples=["[[3x3, 64], [3x3, 64]] x 2"],
    ),
]
StemLayerText = Annotated[
    RowLayer,
    _Text(
        RowLayer,
        _parse_stem_layer,
        format_layer,
        "a layer of the stem: 7x7, 64, /2",
        examples=["7x7, 64, /2", "3x3 max pool, /2"],
    ),
]
HeadLayerText = Annotated[
    HeadLayer,
    _Text(
        HeadLayer,
        parse_layer,
        format_layer,
        "a layer of the head: average pool, 1000-d fc",
        examples=["average pool", "1000-d fc", "dropout 0.5", "softmax"],
    ),
]
InputText = Annotated[
    Shape,
    _Text(
        Shape,
        parse_input,
        str,
        "channels x height x width of an image",
        pattern=r"^\s*\d+(\s*[x×X*]\s*\d+){2}\s*$",
        examples=["3x224x224"],
    ),
]
SidesText = Annotated[
    tuple[int, int],
    _Text(
        tuple,
        _parse_sides,
        _format_sides,
        "height x width of the stage's maps",
        pattern=r"^\s*\d+\s*[x×X*]\s*\d+\s*$",
        examples=["56x56"],
    ),
]


def _name(data: object) -> str:
    if not isinstance(data, str) or not data.strip() or not data.isprintable() or len(data) > 100:
        raise _refused(f"{_shown(data)} is no name", help="a short line of text")
    return data


Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string"})]
