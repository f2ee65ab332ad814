"""Annotated dataclasses as schemas of pydantic's core: one validation for texts and for objects.

The classes of `resnet_dsl.language.spec` are plain dataclasses; their annotations carry the
constraints defined here. `core_schema` turns such a class into a schema of pydantic_core, which
validates by itself and costs a third of pydantic's own classes at start-up; pydantic is loaded
only to draw the JSON Schema from the same core schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.diagnostics import MOST_FAULTS, SpecError

Definitions = dict[str, CoreSchema]


class Description(NamedTuple):
    """What the JSON Schema tells editors."""

    text: str

    def constrain(self, schema: Any) -> Any:
        return documented(schema, description=self.text)


class Between(NamedTuple):
    """Bounds of a number."""

    ge: float
    le: float | None = None
    lt: float | None = None

    def constrain(self, schema: Any) -> Any:
        bounds = {"ge": self.ge, "le": self.le, "lt": self.lt}
        return schema | {key: bound for key, bound in bounds.items() if bound is not None}


class Matching(NamedTuple):
    """A pattern that a whole text matches."""

    pattern: str

    def constrain(self, schema: Any) -> Any:
        return schema | {"pattern": f"^{self.pattern}$"}


class AtLeast(NamedTuple):
    """A list or a mapping with at least so many items."""

    items: int

    def constrain(self, schema: Any) -> Any:
        return schema | {"min_length": self.items}


class ShortForm(NamedTuple):
    """A mapping that has a shorter form; `expand` turns that into the mapping."""

    expand: Callable[[object], object]

    def constrain(self, schema: Any) -> Any:
        return core.no_info_before_validator_function(self.expand, schema)


def documented(schema: Any, **updates: object) -> Any:
    """A schema with more in its JSON Schema."""
    metadata = schema.get("metadata", {})
    known = metadata.get("pydantic_js_updates", {})
    return schema | {"metadata": {**metadata, "pydantic_js_updates": {**known, **updates}}}


_SCALARS: Final[dict[object, Callable[[], CoreSchema]]] = {
    int: lambda: core.int_schema(strict=True),
    float: lambda: core.float_schema(strict=True, allow_inf_nan=False),
    bool: lambda: core.bool_schema(strict=True),
    str: lambda: core.str_schema(strict=True),
}


def core_schema(kind: Any, definitions: Definitions) -> CoreSchema:
    """The core schema of an annotation; those of dataclasses are added to `definitions`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]()
    if origin is Annotated:
        inner, *annotations = arguments
        own = hasattr(annotations[0], "schema")
        schema: Any = annotations.pop(0).schema(definitions) if own else None
        if not own:
            schema = core_schema(inner, definitions)
        for constraint in annotations:
            schema = constraint.constrain(schema)
        return cast("CoreSchema", schema)
    if origin in {Union, UnionType} and arguments[1:] == (NoneType,):
        return core.nullable_schema(core_schema(arguments[0], definitions))
    if origin is Literal:
        return core.literal_schema(list(arguments))
    if origin is tuple:
        item = core_schema(arguments[0], definitions)
        return core.tuple_schema([item], variadic_item_index=0)
    if origin is dict:
        keys, values = (core_schema(argument, definitions) for argument in arguments)
        return core.dict_schema(keys, values)
    assert is_dataclass(kind), kind
    return dataclass_schema(kind, definitions)


def dataclass_schema(kind: Any, definitions: Definitions) -> CoreSchema:
    """The schema of a dataclass: a mapping of its fields, or an instance, validated again."""
    name = kind.__name__
    if name not in definitions:
        own = [_field_schema(field, definitions) for field in fields(kind)]
        arguments = core.dataclass_args_schema(name, own, extra_behavior="forbid")
        schema = core.dataclass_schema(
            kind,
            arguments,
            [field.name for field in fields(kind)],
            ref=name,
            frozen=True,
            slots=True,
        )
        definitions[name] = documented(schema, description=kind.__doc__, additionalProperties=False)
    reference = core.definition_reference_schema(name)

    def as_mapping(data: object) -> object:
        if not isinstance(data, kind):
            return data
        return {field.name: getattr(data, field.name) for field in fields(kind)}

    return core.no_info_before_validator_function(as_mapping, reference)


def _field_schema(field: Field[Any], definitions: Definitions) -> core.DataclassField:
    schema = core_schema(field.type, definitions)
    if field.default is not MISSING:
        schema = core.with_default_schema(schema, default=field.default)
    elif field.default_factory is not MISSING:
        schema = core.with_default_schema(schema, default_factory=field.default_factory)
    return core.dataclass_field(field.name, schema, kw_only=True)


@cache
def schema_of_spec() -> CoreSchema:
    """The core schema of a whole spec."""
    from resnet_dsl.language.spec import Spec

    definitions: Definitions = {}
    schema = core_schema(Spec, definitions)
    return core.definitions_schema(schema, list(definitions.values()))


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(schema_of_spec())


def validated(data: object) -> Any:
    """The spec of plain data or of a `Spec` built in Python; `SpecError` lists every fault.

    >>> from resnet_dsl import load
    >>> from dataclasses import replace
    >>> str(validated(replace(load("resnet18"), input=(3, 64, 64))).input)
    '3x64x64'
    """
    try:
        return _validator().validate_python(data)
    except ValidationError as error:
        from resnet_dsl.language.faults import faults  # specs are right more often

        details = error.errors(include_url=False)
        raise SpecError(islice(faults(details), MOST_FAULTS)) from None
