"""Texts of the notation as values of keys: rows, layers, sizes and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic_core import PydanticCustomError
from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Shape
from resnet_dsl.language.validation import Definitions
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import NotationError
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import Conv, HeadLayer, Row, RowLayer

LARGEST_SIDE: Final = 65_536


class Sides(NamedTuple):
    """The height and width of a map."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


class Text:
    """A text in the notation: `parse` reads it; an instance of `form` is taken as it is."""

    def __init__(
        self, form: Any, parse: Callable[[Any], object], json_schema: dict[str, object]
    ) -> None:
        self.form, self.parse, self.json_schema = form, parse, json_schema

    def schema(self, _: Definitions) -> CoreSchema:
        """A schema that parses texts."""
        return core.no_info_plain_validator_function(
            self._parsed,
            metadata={"pydantic_js_functions": [lambda _schema, _handler: self.json_schema]},
        )

    def _parsed(self, data: object) -> object:
        """The value of a text; for pydantic, a fault that `resnet_dsl.reader` can place."""
        try:
            if isinstance(data, self.form):
                return data
            return self.parse(data)
        except NotationError as error:
            facts = {key: getattr(error, key) for key in ("message", "help", "at", "code")}
            raise PydanticCustomError("refused", "{message}", facts) from None


def _text(
    form: Any, parse: Callable[[str], object], description: str, **json_schema: object
) -> Text:
    """A field whose value is a text, described and constrained in the JSON Schema."""

    def parsed(data: object) -> object:
        if not isinstance(data, str):
            raise NotationError(f"{_shown(data)} is not a text", help=description, code="value")
        return parse(data)

    return Text(form, parsed, {"type": "string", "description": description, **json_schema})


def _shown(data: object) -> str:
    return "nothing" if data is None else repr(data)[:40]


def _parse_stem_layer(text: str) -> RowLayer:
    layer = parse_layer(text)
    if not isinstance(layer, RowLayer) or (isinstance(layer, Conv) and layer.bare):
        raise NotationError(f"{format_layer(layer)!r} belongs to the head", layer.at)
    return layer


_SIZE = re.compile(r"\s*(\d{1,9})\s*[x×X*]\s*(\d{1,9})\s*(?:[x×X*]\s*(\d{1,9})\s*)?")


def _parse_numbers(text: str, count: int, example: str) -> list[int]:
    match = _SIZE.fullmatch(text)
    numbers = [int(number) for number in match.groups() if number] if match else []
    if len(numbers) != count or not all(0 < number <= LARGEST_SIDE for number in numbers):
        at = (0, len(text))
        raise NotationError(f"{text[:40]!r} is not a size", at, f"like {example}", "value")
    return numbers


def parse_input(text: str) -> Shape:
    """The size of one image: channels, height, width.

    >>> parse_input("3x224x224")
    Shape(channels=3, height=224, width=224)
    """
    return Shape(*_parse_numbers(text, 3, "3x224x224"))


Input: TypeAlias = str | Sequence[int]
"""The size of one image wherever one is asked for: `"3x224x224"`, `(3, 224, 224)` or a `Shape`."""


def _parse_input_field(data: object) -> Shape:
    """A size as a text, or as three whole numbers."""
    if isinstance(data, str):
        return parse_input(data)
    match data:
        case (int() as channels, int() as height, int() as width) if not any(
            isinstance(side, bool) for side in (channels, height, width)
        ):
            return parse_input(f"{channels}x{height}x{width}")
        case _:
            message = f"{_shown(data)} is not a size"
            raise NotationError(message, help="like 3x224x224", code="value")


def input_shape(input: Input | None) -> Shape | None:
    """The size of one image, in any of the forms that are taken; `SpecError` for anything else.

    >>> input_shape((3, 32, 32))
    Shape(channels=3, height=32, width=32)
    """
    if input is None:
        return None
    try:
        return _parse_input_field(input)
    except NotationError as error:
        raise fail("value", f"the input {error.message}", help=error.help) from None


def _parse_sides(text: str) -> Sides:
    return Sides(*_parse_numbers(text, 2, "56x56"))


RowText = Annotated[
    Row,
    _text(
        Row,
        parse_row,
        'a row of Table 1: "[[1x1, 64], [3x3, 64], [1x1, 256]] x 3"',
        pattern=r"^\s*\[",
        examples=["[[3x3, 64], [3x3, 64]] x 2"],
    ),
]
StemLayerText = Annotated[
    RowLayer,
    _text(
        RowLayer,
        _parse_stem_layer,
        "a layer of the stem: 7x7, 64, /2",
        examples=["7x7, 64, /2", "3x3 max pool, /2"],
    ),
]
HeadLayerText = Annotated[
    HeadLayer,
    _text(
        HeadLayer,
        parse_layer,
        "a layer of the head: average pool, 1000-d fc",
        examples=["average pool", "1000-d fc", "dropout 0.5", "softmax"],
    ),
]
InputText = Annotated[
    Shape,
    Text(
        (),
        _parse_input_field,
        {
            "type": "string",
            "description": "channels x height x width of an image",
            "pattern": r"^\s*\d+(\s*[x×X*]\s*\d+){2}\s*$",
            "examples": ["3x224x224"],
        },
    ),
]
SidesText = Annotated[
    Sides,
    _text(
        Sides,
        _parse_sides,
        "height x width of the stage's maps",
        pattern=r"^\s*\d+\s*[x×X*]\s*\d+\s*$",
        examples=["56x56"],
    ),
]


def _parse_name(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 100:
        raise NotationError(
            f"{_shown(text)} is not a name", help="a short line of text", code="value"
        )
    return text


NameText = Annotated[str, _text((), _parse_name, "a short line of text")]
