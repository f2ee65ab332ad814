"""What is wrong with a spec: pydantic's complaints in the terms of the language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

from pydantic_core import ErrorDetails

from resnet_dsl.diagnostics import Diagnostic, SpecPath, nearest
from resnet_dsl.language.spec import NORMS, BatchNorm, BlockKeys, Expect, Init, Spec, Stage


def faults(details: list[ErrorDetails]) -> Iterator[Diagnostic]:
    """A diagnostic for each complaint that does not follow from another one."""
    paths = [detail["loc"] for detail in details]
    misspelt = {
        (*detail["loc"][:-1], _similar_key(detail["loc"]))
        for detail in details
        if detail["type"] == _UNKNOWN_KEY
    }
    for detail in details:
        path = detail["loc"]
        if any(other != path and other[: len(path)] == path for other in paths):
            continue  # it follows from what is wrong inside it
        if detail["type"] == "missing" and path in misspelt:
            continue
        yield _diagnostic(detail, path, detail.get("ctx", {}))


_UNKNOWN_KEY: Final = "unexpected_keyword_argument"


def _diagnostic(detail: ErrorDetails, path: SpecPath, context: dict[str, Any]) -> Diagnostic:
    key = str(path[-1]) if path else ""
    match detail["type"]:
        case "refused" if "code" in context:
            return Diagnostic(
                code=context["code"],
                message=context["message"],
                path=path,
                within=context["at"],
                help=context["help"],
            )
        case "missing":
            message = f"{key!r} is missing"
            return Diagnostic(code="missing", message=message, path=path, help=_PURPOSES.get(key))
        case "unexpected_keyword_argument":
            message = f"{key!r} is not a key here"
            return Diagnostic(
                code="unknown-key",
                message=message,
                path=path,
                on_key=True,
                help=_key_help(path),
            )
        case "string_pattern_mismatch":
            return _bad_name(detail, path)
        case "too_short":
            what = "stages" if key == "stages" else "rows"
            message = f"there are no {what}"
            return Diagnostic(code="missing", message=message, path=path, help=_EXAMPLE)
        case "dataclass_type" if len(path) == 2 and path[0] == "stages":
            message = f"{key} has no rows"
            return Diagnostic(code="missing", message=message, path=path, help=_EXAMPLE)
        case kind:
            message, template = _EXPECTED.get(kind, ("is not a value for this key", ""))
            message = detail["msg"] if kind == "refused" else f"{_shown(detail['input'])} {message}"
            help = template.format(**context) or None
            return Diagnostic(code="value", message=message, path=path, help=help)


def _bad_name(detail: ErrorDetails, path: SpecPath) -> Diagnostic:
    if path[0] == "aux":
        what, help = "block", "a stage and a number from 1 on: conv4_x.2"
    else:
        what, help = "stage", "letters, digits, - and _, a letter first: conv2_x"
    message = f"{_shown(detail['input'])} is not a name of a {what}"
    return Diagnostic(code="value", message=message, path=path[:-1], on_key=True, help=help)


_EXAMPLE = 'a stage is written conv2_x: "[[3x3, 64], [3x3, 64]] x 2"'
_EXPECTED: Final = {
    "literal_error": ("is not a value for this key", "it takes {expected}"),
    "int_type": ("is not a whole number", ""),
    "float_type": ("is not a number", ""),
    "bool_type": ("is neither true nor false", ""),
    "string_type": ("is not a text", ""),
    "tuple_type": ("is not a list", "a list of layers, one a line"),
    "dict_type": ("is not a mapping", ""),
    "dataclass_type": ("is not a mapping", ""),
    "greater_than_equal": ("is too small", "at least {ge}"),
    "less_than_equal": ("is too large", "at most {le}"),
    "less_than": ("is too large", "less than {lt}"),
    "finite_number": ("is not a number", ""),
}


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return repr(value)[:60]


def _keys_at(path: SpecPath) -> list[str]:
    """The keys that a path takes."""
    return [field.name for field in fields(_class_at(path))]


def _class_at(path: SpecPath) -> type[Any]:
    match path:
        case (*_, "norm", str(kind)) if kind in NORMS:
            return NORMS[kind]
        case (*_, "norm"):
            return BatchNorm
        case ("stages", _):
            return Stage
        case ("block",):
            return BlockKeys
        case ("init",):
            return Init
        case ("expect",):
            return Expect
        case _:
            return Spec


def _key_help(path: SpecPath) -> str:
    if len(path) == 1 and path[0] in _keys_at(("block",)):
        return "it is a key of block:, and of a stage"
    if path[0] != "stages" and path[-1] in _keys_at(("stages", "")):
        return "it is a key of a stage"
    if guess := _similar_key(path):
        return f"did you mean {guess!r}?"
    return f"keys here: {', '.join(_keys_at(path[:-1]))}"


def _similar_key(path: SpecPath) -> str | None:
    """The key that an unknown one resembles."""
    return nearest(str(path[-1]), _keys_at(path[:-1]))


_PURPOSES: Final = {
    "input": "the size of an image: input: 3x224x224",
    "stem": "the layers before the first stage, or stem: []",
    "stages": _EXAMPLE,
    "head": "pool and classifier, or head: []",
    "rows": _EXAMPLE,
}
"""What missing keys are for."""
