"""Texts of the notation as values of keys: rows, layers, sizes and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic_core import PydanticCustomError
from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.diagnostics import Fix, fail
from resnet_dsl.ir import Shape
from resnet_dsl.language.validation import Definitions
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import NotationError
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import AdaptivePool, At, Conv, HeadLayer, Row, RowLayer

LARGEST_SIDE: Final = 65_536
IMAGENET: Final = Shape(3, 224, 224)


class Sides(NamedTuple):
    """The height and width of a map."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


Explained: TypeAlias = Callable[[NotationError, str, Callable[[str], object]], NotationError]
"""An error of a text and of what parses it, with what was meant."""


class Text:
    """A text in the notation: `parse` reads it; an instance of `form` is taken as it is."""

    def __init__(
        self,
        form: Any,
        parse: Callable[[Any], object],
        json_schema: dict[str, object],
        explained: Explained | None = None,
    ) -> None:
        self.form, self.parse, self.json_schema = form, parse, json_schema
        self.explained = explained

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
            facts: dict[str, Any] = {"message": error.message, "error": error}
            if self.explained and isinstance(data, str):  # of few faults it is asked
                facts["explained"] = partial(self.explained, error, data, self.parse)
            raise PydanticCustomError("refused", "{message}", facts) from None


def _text(
    form: Any,
    parse: Callable[[str], object],
    description: str,
    explained: Explained | None = None,
    **json_schema: object,
) -> Text:
    """A field whose value is a text, described and constrained in the JSON Schema."""

    def parsed(data: object) -> object:
        if not isinstance(data, str):
            raise NotationError(f"{_shown(data)} is not a text", help=description, code="value")
        return parse(data)

    json_schema = {"type": "string", "description": description, **json_schema}
    return Text(form, parsed, json_schema, explained)


def _explained_layer(
    error: NotationError, text: str, parse: Callable[[str], object]
) -> NotationError:
    from resnet_dsl.notation.slips import explained_layer  # texts are right more often

    return explained_layer(error, text, parse)


def _explained_row(
    error: NotationError, text: str, parse: Callable[[str], object]
) -> NotationError:
    from resnet_dsl.notation.slips import explained_row

    return explained_row(error, text, parse)


def _shown(data: object) -> str:
    if isinstance(data, dict | list | tuple):
        return "a mapping" if isinstance(data, dict) else "a list"
    return "nothing" if data is None else repr(data)[:40]


def _parse_stem_layer(text: str) -> RowLayer:
    layer = parse_layer(text)
    if not isinstance(layer, RowLayer) or (isinstance(layer, Conv) and layer.bare):
        help = "move it under head:"
        if isinstance(layer, AdaptivePool):
            help = "write its window, like 2x2 average pool, /2, or move it under head:"
        raise NotationError(f"{format_layer(layer)!r} belongs to the head", layer.at, help)
    return layer


_SIZE = re.compile(r"\s*([0-9]{1,9})\s*[x×X*]\s*([0-9]{1,9})\s*(?:[x×X*]\s*([0-9]{1,9})\s*)?")


def _parse_numbers(text: str, count: int, example: str) -> list[int]:
    match = _SIZE.fullmatch(text)
    numbers = [int(number) for number in match.groups() if number] if match else []
    if len(numbers) != count or not all(0 < number <= LARGEST_SIDE for number in numbers):
        raise _not_a_size(text, (0, len(text)), count, example)
    return numbers


def _not_a_size(data: object, at: At | None, count: int, example: str) -> NotationError:
    from resnet_dsl.language.spellings import size_meant  # sizes are right more often

    text = " ".join(map(str, data.values())) if isinstance(data, dict) else str(data)
    meant = size_meant(text[:60], count)
    help = f"write {meant}" if meant else f"like {example}"
    if meant and count == 3 and len(re.findall("[0-9]+", text)) < 3:
        help += ": channels x height x width"
    given = isinstance(data, str) and (meant or "").split("x") == re.findall("[0-9]+", data)
    fix = Fix(meant) if meant and given else None
    return NotationError(f"{_shown(data)} is not a size", at, help, "value", fix)


def parse_input(text: str) -> Shape:
    """The size of one image: channels, height, width.

    >>> parse_input("3x224x224")
    Shape(channels=3, height=224, width=224)
    """
    return Shape(*_parse_numbers(text, 3, "3x224x224"))


Input: TypeAlias = str | int | Sequence[int]
"""The size of one image wherever one is asked for: `"3x224x224"`, `(3, 224, 224)` or a `Shape`;
`"512x512"` and `512` keep the channels."""


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
            raise _not_a_size(data, None, 3, "3x224x224")


def input_shape(input: Input, like: Shape = IMAGENET) -> Shape:
    """The size of one image, in any of the forms that are taken; `SpecError` for anything else.

    A size without channels has those of `like`.

    >>> input_shape((3, 32, 32)), input_shape("64"), input_shape("64x32", Shape(1, 28, 28))
    (Shape(channels=3, height=32, width=32), Shape(channels=3, height=64, width=64), \
Shape(channels=1, height=64, width=32))
    """
    size: object = str(input) if type(input) is int else input
    if isinstance(size, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", size):
        size = f"{size}x{size}"
    match size:
        case str() if re.fullmatch(r"[^xX×*]+[xX×*][^xX×*]+", size):
            size = f"{like.channels}x{size}"
        case (height, width):
            size = (like.channels, height, width)
    try:
        return _parse_input_field(size)
    except NotationError as error:
        message = f"the input {_shown(input)} is not a size"
        help = f"{error.help}; 512 and 512x384 keep the channels"
        raise fail("value", message, help=help) from None


def _parse_sides(text: str) -> Sides:
    return Sides(*_parse_numbers(text, 2, "56x56"))


RowText = Annotated[
    Row,
    _text(
        Row,
        parse_row,
        'a row of Table 1: "[[1x1, 64], [3x3, 64], [1x1, 256]] x 3"',
        _explained_row,
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
        _explained_layer,
        examples=["7x7, 64, /2", "3x3 max pool, /2"],
    ),
]
HeadLayerText = Annotated[
    HeadLayer,
    _text(
        HeadLayer,
        parse_layer,
        "a layer of the head: average pool, 1000-d fc",
        _explained_layer,
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
            "pattern": r"^\s*[0-9]+(\s*[x×X*]\s*[0-9]+){2}\s*$",
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
        pattern=r"^\s*[0-9]+\s*[x×X*]\s*[0-9]+\s*$",
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
