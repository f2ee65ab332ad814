"""What is wrong with a spec: pydantic's complaints in the terms of the language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, cast

from pydantic_core import ErrorDetails

from resnet_dsl.diagnostics import Diagnostic, Fix, SpecPath
from resnet_dsl.language.spec import BlockKeys, Spec
from resnet_dsl.language.spellings import bool_meant, choice_meant, number_meant
from resnet_dsl.language.unknown_keys import keys_of, meant_key, unknown_key
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import parses


def faults(details: list[ErrorDetails]) -> Iterator[Diagnostic]:
    """A diagnostic for each complaint that does not follow from another one."""
    paths = [detail["loc"] for detail in details]
    unknown = [detail for detail in details if detail["type"] == _UNKNOWN_KEY]
    misspelt = {(*each["loc"][:-1], meant_key(each["loc"], each["input"])) for each in unknown}
    misspelt |= {(path[1],) for path in paths if _is_no_stage(path)}
    outer = {path[:length] for path in paths for length in range(len(path))}
    missing, told = [], set[SpecPath]()
    for detail in details:
        path = detail["loc"]
        if path in outer or path[:2] in told or path[:-1] in told:
            continue
        if _is_no_stage(path):
            told.add(path[:2])
            yield _indented_key(path[:2])
        elif detail["type"] == "missing" and (path in misspelt or ("extends",) in misspelt):
            continue
        elif detail["type"] == "missing" and len(path) == 1:
            missing.append(str(path[0]))
        elif detail["type"] == "missing" and len(path) == 3 and path[0] == "stages":
            told.add(path[:-1])
            yield _no_rows(path, [each["loc"] for each in unknown])
        elif str(path[-1]).isdigit() and detail["type"] == _UNKNOWN_KEY:
            told.add(path[:-1])
            yield _split_number(path)
        else:
            yield _diagnostic(detail, path, detail.get("ctx", {}))
    if missing:
        yield _missing_keys(missing)


def _is_no_stage(path: SpecPath) -> bool:
    """Whether a key of the spec, or of blocks, stands among the stages."""
    names = {*keys_of(Spec), *keys_of(BlockKeys)}
    return len(path) > 1 and path[0] == "stages" and path[1] in names


def _indented_key(path: SpecPath) -> Diagnostic:
    key = str(path[1])
    message = f"{key!r} is no stage: it is a key of the spec"
    help = f"write {key}: at the start of a line"
    if key in keys_of(BlockKeys):
        message = f"{key!r} is no stage: it is a key of block:, and of a stage"
        help = f"write block: {{{key}: ...}} at the start of a line"
    return Diagnostic(code="unknown-key", message=message, path=path, on_key=True, help=help)


def _no_rows(path: SpecPath, unknown: list[SpecPath]) -> Diagnostic:
    """A stage without rows, and the keys in it that mean nothing."""
    name = str(path[1])
    others = [str(each[-1]) for each in unknown if each[:-1] == path[:-1]]
    message = f"{name} has no rows"
    if others:
        are = "is no key" if len(others) == 1 else "are no keys"
        message += f", and {', '.join(others)} {are} of a stage"
    help = f'a stage is written {name}: "[[3x3, 64], [3x3, 64]] x 2"'
    return Diagnostic(code="missing", message=message, path=path, help=help)


def _missing_keys(keys: list[str]) -> Diagnostic:
    """One diagnostic for all keys that a whole spec needs."""
    message = f"{keys[0]!r} is missing"
    help = _PURPOSES[keys[0]]
    if len(keys) > 1:
        *first, last = map(repr, keys)
        message = f"{', '.join(first)} and {last} are missing"
        help = "a whole spec has input, stem, stages and head; a variant has extends: resnet50"
    return Diagnostic(code="missing", message=message, path=(keys[0],), help=help)


def _split_number(path: SpecPath) -> Diagnostic:
    return Diagnostic(
        code="value",
        message="a number is written without commas: in braces they part keys",
        path=path,
        on_key=True,
        help="like params: 25557032",
    )


_UNKNOWN_KEY: Final = "unexpected_keyword_argument"


def _diagnostic(detail: ErrorDetails, path: SpecPath, context: dict[str, Any]) -> Diagnostic:
    key = str(path[-1]) if path else ""
    match detail["type"]:
        case "refused" if "error" in context:
            error = context["explained"]() if "explained" in context else context["error"]
            return Diagnostic(
                code=error.code,
                message=error.message,
                path=path,
                within=error.at,
                help=error.help,
                fix=error.fix,
            )
        case "missing":
            message = f"{key!r} is missing"
            return Diagnostic(code="missing", message=message, path=path, help=_PURPOSES.get(key))
        case "unexpected_keyword_argument":
            return unknown_key(path, detail["input"])
        case "string_pattern_mismatch":
            return _bad_name(detail, path)
        case "too_short":
            what = "stages" if key == "stages" else "rows"
            message = f"there are no {what}"
            return Diagnostic(code="missing", message=message, path=path, help=_EXAMPLE)
        case "dataclass_type" if len(path) == 2 and path[0] == "stages":
            message = f"{key} has no rows"
            return Diagnostic(code="missing", message=message, path=path, help=_EXAMPLE)
        case "dataclass_type" | "dict_type" | "tuple_type" if detail["input"] is None:
            help = _PURPOSES.get(key) or "leave it out, or write what it holds"
            return Diagnostic(code="missing", message=f"{key} is empty", path=path, help=help)
        case "dict_type" if isinstance(detail["input"], list) and key == "stages":
            help = f"leave out the dashes: {_EXAMPLE.removeprefix('a stage is written ')}"
            message = "stages are a mapping, not a list"
            return Diagnostic(code="value", message=message, path=path, help=help)
        case _:
            return _bad_value(detail, path, context)


def _bad_value(detail: ErrorDetails, path: SpecPath, context: dict[str, Any]) -> Diagnostic:
    """A value of the wrong kind, and what it says in the form of a spec, if that shows."""
    kind, value = detail["type"], detail["input"]
    if kind == "dataclass_type" and path[-1] == "init" and isinstance(value, str):
        if scheme := choice_meant(("init", "scheme"), value):
            return _with_fix(detail, path, "is not a mapping", f"{{scheme: {scheme}}}")
        message = f"{value[:40]!r} is not a mapping"
        schemes = "a mapping: {scheme: resnet}, or vgg, googlenet, pytorch"
        return Diagnostic(code="value", message=message, path=path, help=schemes)
    if kind == "refused" and isinstance(value, dict) and "kind" in value:
        inner = {**detail, "loc": (*path, "kind"), "input": value["kind"]}
        return _bad_value(cast("ErrorDetails", inner), (*path, "kind"), context)
    if kind == "tuple_type" and isinstance(value, str):
        return _no_list(value, path)
    message, template = _EXPECTED.get(kind, ("is not a value for this key", ""))
    if kind == "refused":
        message = detail["msg"]
    if meant := _value_meant(kind, path, value):
        return _with_fix(detail, path, message, meant)
    if kind != "refused":
        message = f"{_shown(value)} {message}"
    help = template.format(**context) or None
    if kind == "dataclass_type" and path[-1] == "expect":
        help = "like expect: {layers: 50}"
    if kind == "int_type" and path[0] == "expect":
        help = "write the whole number, as `resnet-dsl summary` prints it"
    return Diagnostic(code="value", message=message, path=path, help=help)


def _no_list(value: str, path: SpecPath) -> Diagnostic:
    """A text where a list of layers belongs: one layer, or several."""
    message = f"{value[:40]!r} is not a list"
    for layers in ([value], value.strip("[] ").split(","), value.split(";")):
        if all(parses(parse_layer, each) for each in layers):
            text = ", ".join(json.dumps(each.strip()) for each in layers)
            help, fix = f"write [{text}]", Fix(f"[{text}]")
            return Diagnostic(code="value", message=message, path=path, help=help, fix=fix)
    help = 'a list of layers, one a line, or ["7x7, 64, /2", "3x3 max pool, /2"]'
    return Diagnostic(code="value", message=message, path=path, help=help)


def _with_fix(detail: ErrorDetails, path: SpecPath, message: str, meant: str) -> Diagnostic:
    if detail["type"] != "refused":
        message = f"{_shown(detail['input'])} {message}"
    if "," in meant and meant[0] not in "[{":
        meant = f'"{meant}"'
    return Diagnostic(
        code="value", message=message, path=path, help=f"write {meant}", fix=Fix(meant)
    )


def _value_meant(kind: str, path: SpecPath, value: object) -> str | None:
    """What a value of the wrong kind says, in the form of a spec."""
    match kind:
        case "int_type":
            return number_meant(value, whole=True)
        case "float_type":
            return number_meant(value, whole=False)
        case "bool_type":
            return bool_meant(value)
        case "literal_error" if path[-1] == "output_stride":
            number = number_meant(value, whole=True)
            return number if number in ("8", "16", "32") else None
        case "literal_error" | "refused":
            return choice_meant(path, value)
        case "less_than" if path[-1] == "drop_path" and isinstance(value, int | float):
            return f"{value / 100:g}" if 2 <= value <= 99 else None
        case _:
            return None


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
    "int_type": ("is not a whole number", "write its digits alone, like 64"),
    "float_type": ("is not a number", "like 0.1"),
    "bool_type": ("is neither true nor false", "write true or false"),
    "string_type": ("is not a text", "put it in quotes"),
    "tuple_type": ("is not a list", "a list of layers, one a line"),
    "dict_type": ("is not a mapping", "write key: value pairs below it, or in braces"),
    "dataclass_type": ("is not a mapping", "write key: value pairs below it, or in braces"),
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


_PURPOSES: Final = {
    "input": "the size of an image: input: 3x224x224",
    "stem": "the layers before the first stage, or stem: []",
    "stages": _EXAMPLE,
    "head": "pool and classifier, or head: []",
    "rows": _EXAMPLE,
}
"""What missing keys are for."""
