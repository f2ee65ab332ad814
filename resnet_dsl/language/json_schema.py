"""The JSON Schema of specs, drawn by pydantic from the core schema that validates them.

A file may hold a whole spec or a variant: with `extends`, every key may be left out, and null
removes what is inherited.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from resnet_dsl.language.validation import schema_of_spec


def schema() -> dict[str, Any]:
    """The schema that editors and `jsonschema` read.

    >>> sorted(schema()["properties"])[:4]
    ['aux', 'block', 'drop_path', 'expect']
    """
    spec = GenerateJsonSchema().generate(schema_of_spec())
    definitions = spec["$defs"]
    extends = {
        "type": "string",
        "description": "the spec that this one differs from: a zoo name, or a .yaml file",
    }
    properties = {"extends": extends, **spec["properties"]}
    stages = properties["stages"]
    named = stages["patternProperties"]
    stages["patternProperties"] = {pattern: _or_null(named[pattern]) for pattern in named}
    stages["additionalProperties"] = False
    definitions["Stage"] = _stage(definitions["Stage"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "resnet-dsl spec",
        "description": "a residual network, written as in Table 1 of Deep Residual Learning",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [{"required": ["extends"]}, {"required": spec["required"]}],
        "$defs": definitions,
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _stage(mapping: dict[str, Any]) -> dict[str, Any]:
    """A row, a list of rows, or a mapping; a variant's mapping may leave its rows to the base."""
    rows = mapping["properties"]["rows"]
    properties = {**mapping["properties"], "rows": {"anyOf": [rows["items"], rows]}}
    return {"anyOf": [rows["items"], rows, {**mapping, "properties": properties, "required": []}]}
