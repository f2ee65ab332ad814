"""The JSON Schema of specs, drawn by pydantic from the core schema that validates them.

A file may hold a whole spec or a variant: with `extends`, every key may be left out, and null
removes what is inherited. The schema takes all that the reader takes; of what the reader refuses,
it refuses what a regular expression can see.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from resnet_dsl.language.shipped import zoo
from resnet_dsl.language.validation import schema_of_spec
from resnet_dsl.notation.patterns import LAYER_PATTERN, ROW_PATTERN

ID: Final = "urn:resnet-dsl:spec"

EXAMPLES: Final[dict[str, list[object]]] = {
    "name": ["resnet50-wide"],
    "extends": ["resnet50", "base.yaml"],
    "input": ["3x224x224"],
    "stem": [["7x7, 64, /2", "3x3 max pool, /2"]],
    "block": [{"norm": "group", "activation": "silu"}],
    "stages": [{"conv2_x": "[[3x3, 64], [3x3, 64]] x 2"}],
    "head": [["average pool", "1000-d fc"]],
    "aux": [{"conv4_x.2": ["average pool", "1000-d fc"]}],
    "drop_path": [0.1],
    "output_stride": [16],
    "init": [{"scheme": "resnet", "zero_init_residual": True}],
    "expect": [{"layers": 50, "params": 25557032, "macs": 4089184256}],
    "stride_on": ["first"],
    "shortcut": ["padding", "A"],
    "projection": ["average pool, 1x1"],
    "projection_input": ["raw"],
    "order": ["pre"],
    "final_norm": [False],
    "weights": ["standardized"],
    "first_dilation": ["new"],
    "antialias": ["blur"],
    "norm": ["group", {"kind": "group", "groups": 16}],
    "activation": ["silu", {"kind": "leaky_relu", "slope": 0.1}],
    "after": ["none"],
    "bias": [True],
    "rows": ["[[1x1, 64], [3x3, 64], [1x1, 256]] x 3"],
    "stride": [1],
    "dilation": [2],
    "output": ["56x56"],
    "scheme": ["vgg"],
    "zero_init_residual": [True],
    "layers": [50],
    "params": [25557032],
    "macs": [4089184256],
    "kind": ["group"],
    "groups": [16],
    "eps": [0.001],
    "momentum": [0.01, "cumulative"],
    "affine": [False],
    "formula": ["deviation"],
}
"""Values of every key."""

_DESCRIPTIONS: Final = {
    "stages": "names of stages, each with a row, a list of rows, or rows and keys",
    "rows": "a row of Table 1 with its count, or a list of rows",
    "init": "how weights are drawn",
    "expect": "facts that are checked whenever the spec is read",
    "kind": "which norm, or which filters",
    "groups": "groups of channels that are normalized together; they divide the channels",
    "eps": "what is added to the variance",
    "momentum": "how much a batch counts in the running statistics, or cumulative: all alike",
    "affine": "whether the norm has a scale and a shift",
    "formula": "how filters are standardized: as in timm, in BiT, or by the authors",
    "name": "a short line of text",
    "stem": "the layers before the first stage: 7x7, 64, /2",
    "head": "pool and classifier: average pool, 1000-d fc",
}


def schema() -> dict[str, Any]:
    """The schema that editors and `jsonschema` read.

    >>> sorted(schema()["properties"])[:4]
    ['aux', 'block', 'drop_path', 'expect']
    """
    spec = GenerateJsonSchema().generate(schema_of_spec())
    definitions = spec["$defs"]
    properties = {"extends": _extends(), **spec["properties"]}
    stages = properties["stages"]
    stages["additionalProperties"] = False
    del stages["minProperties"]  # a variant's own stages may be none
    for key in ("stem", "head"):
        properties[key]["items"]["pattern"] = LAYER_PATTERN
    for part in ("stages", "aux"):
        named = properties[part]["patternProperties"]
        properties[part]["patternProperties"] = {each: _or_null(named[each]) for each in named}
    for heads in properties["aux"]["patternProperties"].values():
        heads["anyOf"][0]["items"]["pattern"] = LAYER_PATTERN
    rows = definitions["Stage"]["properties"]["rows"]
    rows["items"]["pattern"] = ROW_PATTERN
    for definition in definitions.values():
        definition["properties"] = _documented(definition["properties"])
    definitions["Row"] = rows["items"]
    definitions["Stage"] = _stage(definitions["Stage"], rows)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "resnet-dsl spec",
        "description": "a residual network, written as in Table 1 of Deep Residual Learning",
        "type": "object",
        "properties": _documented(properties),
        "additionalProperties": False,
        "anyOf": [{"required": ["extends"]}, {"required": spec["required"]}],
        "$defs": definitions,
    }


def _extends() -> dict[str, Any]:
    return {
        "description": "the spec that this one differs from: a zoo name, or a .yaml file",
        "anyOf": [
            {"enum": zoo()},
            {"type": "string", "pattern": r"\.ya?ml$"},
            {"type": "string", "pattern": r"^(torchvision|timm)[:/]."},
        ],
    }


def _documented(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties with a description and examples each; null removes what a variant inherits."""
    documented = {}
    for key, value in properties.items():
        taken = value if _takes_null(value) or key == "extends" else _or_null(value)
        text = _DESCRIPTIONS.get(key) or value.get("description")
        documented[key] = {**taken, "description": text, "examples": EXAMPLES[key]}
    return documented


def _takes_null(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _stage(mapping: dict[str, Any], rows: dict[str, Any]) -> dict[str, Any]:
    """A row, a list of rows, or a mapping; a variant's mapping may leave its rows to the base."""
    row = {"$ref": "#/$defs/Row"}
    several = {**rows, "items": row}
    own = {**mapping["properties"]["rows"], "anyOf": [row, several, {"type": "null"}]}
    properties = {**mapping["properties"], "rows": own}
    return {"anyOf": [row, several, {**mapping, "properties": properties, "required": []}]}
