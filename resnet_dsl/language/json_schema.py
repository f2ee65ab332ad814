"""The JSON Schema of a page, drawn by pydantic from the words of `resnet_dsl.language.spec`.

A file may hold a whole page or a variant: with `extends`, every key may be left out, and null
removes what is inherited.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from resnet_dsl.language.spec import Spec


def json_schema() -> dict[str, Any]:
    """The schema that editors and `jsonschema` read.

    >>> sorted(json_schema()["properties"])[:4]
    ['aux', 'block', 'drop_path', 'expect']
    """
    schema = TypeAdapter(Spec).json_schema()
    required = schema.pop("required")
    extends = {
        "type": "string",
        "description": "the page that this one differs from: a zoo name, or a .yaml file",
    }
    properties = {"extends": extends, **schema["properties"]}
    stages = properties["stages"]
    named = stages["patternProperties"]
    stages["patternProperties"] = {pattern: _or_null(named[pattern]) for pattern in named}
    stages["additionalProperties"] = False
    schema["$defs"]["Stage"] = _stage(schema["$defs"]["Stage"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "resnet-dsl page",
        "description": "a residual network, written as in Table 1 of Deep Residual Learning",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [{"required": ["extends"]}, {"required": required}],
        "$defs": schema["$defs"],
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _stage(mapping: dict[str, Any]) -> dict[str, Any]:
    """A row, a list of rows, or a mapping; a variant's mapping may leave its rows to the base."""
    rows = mapping["properties"]["rows"]
    properties = {**mapping["properties"], "rows": {"anyOf": [rows["items"], rows]}}
    return {"anyOf": [rows["items"], rows, {**mapping, "properties": properties, "required": []}]}
