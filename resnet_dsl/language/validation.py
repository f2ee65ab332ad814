"""Words of an author as plain classes: what they may be is said once, and read in two ways.

`Words` are dataclasses whose annotations carry marks (`Between`, `Listed`, …). pydantic validates
through them: it finds all that is wrong, and draws the JSON Schema. Loading pydantic takes longer
than reading a page, though, so `take` reads plain data by the same marks where nothing is wrong,
and leaves every doubt to pydantic. Which words there are is `resnet_dsl.language.spec`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler as Handler
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import CoreSchema

Reader = Callable[[Any], Any]


class DoubtError(Exception):
    """Plain data that pydantic might object to."""


class Mark(Protocol):
    """What an annotation says of a value; pydantic asks the same mark by its own hooks."""

    def take(self, data: Any, inner: Reader) -> Any:
        """The value of plain data, read by what is `inner`; `DoubtError` where it may be none."""


class Words:
    """Words that are a mapping; `long_form` turns a short way to write them into that."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"strict": True, "extra": "forbid"}

    @classmethod
    def long_form(cls, data: object) -> object:
        """Plain data as a mapping, where it is a short form of one."""
        return data

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Handler) -> CoreSchema:
        from pydantic_core.core_schema import no_info_before_validator_function

        schema = handler(source)
        whole: Any = handler.resolve_ref_schema(schema)
        whole["strict"] = False  # a mapping makes one; what is in it stays strict
        return no_info_before_validator_function(cls.long_form, schema)


class Says(NamedTuple):
    """What the JSON Schema tells editors."""

    text: str

    def take(self, data: Any, inner: Reader) -> Any:
        return inner(data)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core), "description": self.text}


class Between(NamedTuple):
    """Bounds of a number."""

    ge: float
    le: float | None = None
    lt: float | None = None

    def take(self, data: Any, inner: Reader) -> Any:
        value = inner(data)
        ends = (self.le is None or value <= self.le) and (self.lt is None or value < self.lt)
        if value >= self.ge and ends:
            return value
        raise DoubtError

    def __get_pydantic_core_schema__(self, source: Any, handler: Handler) -> Any:
        schema: Any = handler(source)
        bounds = {"ge": self.ge, "le": self.le, "lt": self.lt}
        schema.update({key: bound for key, bound in bounds.items() if bound is not None})
        return schema


class Matching(NamedTuple):
    """A pattern that a whole text matches."""

    pattern: str

    def take(self, data: Any, inner: Reader) -> Any:
        value = inner(data)
        if re.fullmatch(self.pattern, value):
            return value
        raise DoubtError

    def __get_pydantic_core_schema__(self, source: Any, handler: Handler) -> Any:
        schema: Any = handler(source)
        schema["pattern"] = f"^{self.pattern}$"
        return schema


class Listed(NamedTuple):
    """A list or a mapping with at least so many items."""

    least: int = 0

    def take(self, data: Any, inner: Reader) -> Any:
        value = inner(data)
        if len(value) < self.least:
            raise DoubtError
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Handler) -> Any:
        schema: Any = handler(source)
        schema.update({"strict": False, **({"min_length": self.least} if self.least else {})})
        return schema


T = TypeVar("T")


def take(kind: type[T], data: object) -> T:
    """What pydantic would make of plain data; `DoubtError` where it might refuse, or read it in
    another way.

    >>> from resnet_dsl.language.spec import Init
    >>> take(Init, {"scheme": "vgg"})
    Init(scheme='vgg', zero_init_residual=False)
    """
    value: T = _take(kind, data)
    return value


def _take(kind: Any, data: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _marked(*parts)(data)
    if origin in {Union, UnionType} and parts[1:] == (NoneType,):
        return None if data is None else _take(parts[0], data)
    if origin is Literal and any(data == part and type(data) is type(part) for part in parts):
        return data
    if origin is tuple and isinstance(data, list | tuple):
        return tuple(_take(parts[0], item) for item in data)
    if origin is dict and isinstance(data, dict):
        return {_take(parts[0], key): _take(parts[1], value) for key, value in data.items()}
    if kind is float and type(data) is int:
        return float(data)
    if kind is type(data):
        return data
    if isinstance(kind, type) and issubclass(kind, Words):
        return _words(kind, kind.long_form(data))
    raise DoubtError


def _marked(kind: Any, *marks: Mark) -> Reader:
    """A reader through marks, the last one first."""

    def inner(data: Any) -> Any:
        return marks[-1].take(data, _marked(kind, *marks[:-1])) if marks else _take(kind, data)

    return inner


def _words(kind: Any, data: object) -> Any:
    kinds = {field.name: field.type for field in fields(kind)}
    if not isinstance(data, Mapping) or not data.keys() <= kinds.keys():
        raise DoubtError
    values = {key: _take(kinds[key], value) for key, value in data.items()}
    try:
        return kind(**values)
    except TypeError:  # a key is missing
        raise DoubtError from None
