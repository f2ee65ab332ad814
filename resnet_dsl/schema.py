"""The JSON Schema of a page, generated from the models of `resnet_dsl.spec`.

A file may hold a whole page or a variant: with `extends`, every key may be left out, and null
removes what is inherited.
"""

from __future__ import annotations

from typing import Any

from resnet_dsl.spec import Spec


def json_schema() -> dict[str, Any]:
    """The schema that editors and `jsonschema` read.

    >>> sorted(json_schema()["properties"])[:4]
    ['aux', 'block', 'drop_path', 'expect']
    """
    schema = Spec.model_json_schema()
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
    _relax_rows(schema["$defs"]["Stage"])
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


def _relax_rows(stage: dict[str, Any]) -> None:
    """A variant's stage may leave its rows to the base."""
    mapping = stage["anyOf"][-1]
    mapping["required"] = [key for key in mapping["required"] if key != "rows"]
