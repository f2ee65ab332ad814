"""Spec to YAML, in one form: writing what was read from it gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final

from resnet_dsl.ir import Shape
from resnet_dsl.language.activations import activation_mapping
from resnet_dsl.language.fields import Sides
from resnet_dsl.language.spec import Spec, Stage
from resnet_dsl.notation.printed import format_layer, format_row
from resnet_dsl.notation.terms import Activation, HeadLayer, Row
from resnet_dsl.reader.scalars import quoted, scalar

SCHEMA_LINE: Final = "# yaml-language-server: $schema=resnet-dsl.schema.json"
"""The first line of a file whose editor completes and checks keys."""


def write(spec: Spec) -> str:
    """The YAML of a spec, in the order of papers; no comments, no defaults."""
    return "\n".join(_lines(spec)) + "\n"


def mapping(spec: Spec) -> dict[str, Any]:
    """What is written, as mappings, lists, texts and numbers: JSON that `loads` reads.

    >>> from resnet_dsl import load
    >>> mapping(load("resnet18"))["stages"]["conv2_x"]
    '[[3x3, 64], [3x3, 64]] x 2'
    """
    data = _given(spec)
    for name, stage in data["stages"].items():
        if list(stage) == ["rows"]:
            data["stages"][name] = stage["rows"][0] if len(stage["rows"]) == 1 else stage["rows"]
    return data


def _lines(spec: Spec) -> Iterator[str]:
    data = _given(spec)
    if spec.name is not None:
        yield f"name: {scalar(spec.name)}"
    yield f"input: {spec.input}"
    yield from _list("stem", data["stem"])
    if "block" in data:
        yield f"block: {_flow(data['block'])}"
    yield "stages:"
    for name, stage in spec.stages.items():
        yield from _stage(scalar(name), stage)
    yield from _list("head", data["head"])
    yield from _auxiliaries(data.get("aux", {}))
    for key in ("drop_path", "output_stride"):
        if key in data:
            yield f"{key}: {_value(data[key])}"
    for key in ("init", "expect"):
        if key in data:
            yield f"{key}: {_flow(data[key])}"


def _given(keys: Any) -> dict[str, Any]:
    """What differs from the defaults, as plain data; of a norm, its kind in any case."""
    given = {}
    for key in fields(keys):
        value = getattr(keys, key.name)
        default = key.default if key.default_factory is MISSING else key.default_factory()
        if value != default or key.name == "kind":
            own = isinstance(value, Activation)  # of a key, not in a list of layers
            given[key.name] = activation_mapping(value) if own else _plain(value)
    return given


def _plain(value: Any) -> Any:
    match value:
        case _ if is_dataclass(value) and not isinstance(value, HeadLayer | Row):
            return _given(value)
        case Row():
            return format_row(value)
        case _ if isinstance(value, HeadLayer):
            return format_layer(value)
        case Shape() | Sides():
            return str(value)
        case tuple():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def _list(key: str, texts: list[str]) -> Iterator[str]:
    if not texts:
        yield f"{key}: []"
        return
    yield f"{key}:"
    for text in texts:
        yield f"  - {scalar(text)}"


def _auxiliaries(aux: dict[str, list[str]]) -> Iterator[str]:
    if aux:
        yield "aux:"
    for block, head in aux.items():
        layers = ", ".join(_value(text, flow=True) for text in head)
        yield f"  {block}: [{layers}]"


def _stage(name: str, stage: Stage) -> Iterator[str]:
    data = _given(stage)
    rows = [quoted(row) for row in data.pop("rows")]
    if not data and len(rows) == 1:
        yield f"  {name}: {rows[0]}"
    elif not data:
        yield f"  {name}:"
        yield from (f"  - {row}" for row in rows)
    else:
        yield f"  {name}:"
        if len(rows) == 1:
            yield f"    rows: {rows[0]}"
        else:
            yield "    rows:"
            yield from (f"    - {row}" for row in rows)
        for key, value in data.items():
            yield f"    {key}: {_value(value)}"


def _flow(data: dict[str, Any]) -> str:
    pairs = (f"{key}: {_value(value, flow=True)}" for key, value in data.items())
    return "{" + ", ".join(pairs) + "}"


def _value(value: object, *, flow: bool = False) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return str(value["kind"]) if set(value) == {"kind"} else _flow(value)
        case float():
            return _float(value)
        case str():
            return scalar(value, flow=flow)
        case _:
            return str(value)


def _float(value: float) -> str:
    """A float that YAML 1.1 takes for one as well: with a point in it."""
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}{mark}{exponent}"
