"""Texts of the notation as values of a page: parsed on the way in, printed on the way out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from resnet_dsl.ir import Shape
from resnet_dsl.language.validation import DoubtError
from resnet_dsl.notation import (
    Conv,
    HeadLayer,
    NotationError,
    Row,
    RowLayer,
    format_layer,
    parse_layer,
    parse_row,
)

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema

LARGEST_SIDE: Final = 65_536


class Sides(NamedTuple):
    """The height and width of a map."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


class Text:
    """The mark of a text in the notation: `parse` reads it; the `form` that it gives
    is taken as it is."""

    def __init__(
        self,
        form: Any,
        parse: Callable[[str], object],
        description: str,
        **schema: object,
    ) -> None:
        self.form, self.parse = form, parse
        self.schema = {"type": "string", "description": description, **schema}

    def read(self, data: object) -> object:
        """What a text says; `NotationError` where it says nothing."""
        if isinstance(data, str):
            return self.parse(data)
        if isinstance(data, self.form):
            return data
        help = str(self.schema["description"])
        raise NotationError(f"{_shown(data)} is no text", help=help, code="value")

    def take(self, data: object, _inner: object) -> object:
        try:
            return self.read(data)
        except NotationError:
            raise DoubtError from None

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> CoreSchema:
        from pydantic_core.core_schema import no_info_plain_validator_function

        return no_info_plain_validator_function(self._checked)

    def _checked(self, data: object) -> object:
        """`read` for pydantic: a fault that `resnet_dsl.reader` can place."""
        from pydantic_core import PydanticCustomError

        try:
            return self.read(data)
        except NotationError as error:
            facts = {key: getattr(error, key) for key in ("message", "help", "at", "code")}
            raise PydanticCustomError("refused", "{message}", facts) from None

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, object]:
        return self.schema


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


def _parse_sides(text: str) -> Sides:
    return Sides(*_parse_numbers(text, 2, "56x56"))


RowText = Annotated[
    Row,
    Text(
        Row,
        parse_row,
        'a row of Table 1: "[[1x1, 64], [3x3, 64], [1x1, 256]] x 3"',
        pattern=r"^\s*\[",
        examples=["[[3x3, 64], [3x3, 64]] x 2"],
    ),
]
StemLayerText = Annotated[
    RowLayer,
    Text(
        RowLayer,
        _parse_stem_layer,
        "a layer of the stem: 7x7, 64, /2",
        examples=["7x7, 64, /2", "3x3 max pool, /2"],
    ),
]
HeadLayerText = Annotated[
    HeadLayer,
    Text(
        HeadLayer,
        parse_layer,
        "a layer of the head: average pool, 1000-d fc",
        examples=["average pool", "1000-d fc", "dropout 0.5", "softmax"],
    ),
]
InputText = Annotated[
    Shape,
    Text(
        Shape,
        parse_input,
        "channels x height x width of an image",
        pattern=r"^\s*\d+(\s*[x×X*]\s*\d+){2}\s*$",
        examples=["3x224x224"],
    ),
]
SidesText = Annotated[
    Sides,
    Text(
        Sides,
        _parse_sides,
        "height x width of the stage's maps",
        pattern=r"^\s*\d+\s*[x×X*]\s*\d+\s*$",
        examples=["56x56"],
    ),
]


def _parse_name(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 100:
        raise NotationError(f"{_shown(text)} is no name", help="a short line of text", code="value")
    return text


NameText = Annotated[str, Text(str, _parse_name, "a short line of text")]
