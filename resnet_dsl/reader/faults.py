"""Pages that may be wrong: pydantic's complaints in the words of the language, at their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from resnet_dsl.diagnostics import Code, Diagnostic, Span, SpecError, nearest
from resnet_dsl.ir import Path
from resnet_dsl.language.spec import NORMS, BatchNorm, BlockKeys, Expect, Init, Spec, Stage
from resnet_dsl.reader.tree import Entries, Items, Node, Scalar


def validated(data: object, tree: Entries) -> Spec:
    """The spec of plain data; `SpecError` says all that is wrong with it, at its places."""
    try:
        return _spec().validate_python(data)
    except ValidationError as error:
        placed = [place(tree, fault) for fault in faults(error.errors(include_url=False))]
        raise SpecError(sorted(placed, key=lambda d: (d.line or 0, d.column or 0))) from None


@cache
def _spec() -> TypeAdapter[Spec]:
    return TypeAdapter(Spec)


def faults(details: list[ErrorDetails]) -> Iterator[Diagnostic]:
    """pydantic's complaints in the words of the language."""
    paths = [detail["loc"] for detail in details]
    meant = {
        (*detail["loc"][:-1], _meant(detail["loc"]))
        for detail in details
        if detail["type"] == "unexpected_keyword_argument"
    }
    for detail in details:
        path, context = detail["loc"], detail.get("ctx", {})
        if any(other != path and other[: len(path)] == path for other in paths):
            continue  # it follows from what is wrong below it
        if detail["type"] == "missing" and path in meant:
            continue  # it is there, misspelt
        key, shown = str(path[-1]) if path else "", _shown(detail["input"])
        match detail["type"]:
            case "refused" if "code" in context:
                yield Diagnostic(
                    code=context["code"],
                    message=context["message"],
                    path=path,
                    within=context["at"],
                    help=context["help"],
                )
            case "missing":
                message = f"{key!r} is missing"
                yield Diagnostic(code="missing", message=message, path=path, help=_purpose(path))
            case "unexpected_keyword_argument":
                yield Diagnostic(
                    code="unknown-key",
                    message=f"{key!r} is no key here",
                    path=path,
                    on_key=True,
                    help=_key_help(path),
                )
            case "string_pattern_mismatch":
                named = "block" if path[0] == "aux" else "stage"
                yield Diagnostic(
                    code="value",
                    message=f"{shown} is no name of a {named}",
                    path=path[:-1],
                    on_key=True,
                    help="a stage and a number from 1 on: conv4_x.2"
                    if named == "block"
                    else "letters, digits, - and _, a letter first: conv2_x",
                )
            case "too_short":
                what = "stages" if key == "stages" else "rows"
                message = f"there are no {what}"
                yield Diagnostic(code="missing", message=message, path=path, help=_EXAMPLE)
            case kind:
                message, template = _EXPECTED.get(kind, ("is no value for this key", ""))
                help = template.format(**context) or None
                said = detail["msg"] if kind == "refused" else f"{shown} {message}"
                code: Code = "value"
                if kind == "dataclass_type" and len(path) == 2 and path[0] == "stages":
                    code, said, help = "missing", f"{key} has no rows", _EXAMPLE
                yield Diagnostic(code=code, message=said, path=path, help=help)


_EXAMPLE = 'a stage is written conv2_x: "[[3x3, 64], [3x3, 64]] x 2"'
_EXPECTED: Final = {
    "literal_error": ("is no value for this key", "it takes {expected}"),
    "int_type": ("is no whole number", ""),
    "float_type": ("is no number", ""),
    "bool_type": ("is neither true nor false", ""),
    "string_type": ("is no text", ""),
    "tuple_type": ("is no list", "a list of layers, one a line"),
    "dict_type": ("is no mapping", ""),
    "dataclass_type": ("is no mapping", ""),
    "greater_than_equal": ("is too small", "at least {ge}"),
    "less_than_equal": ("is too large", "at most {le}"),
    "less_than": ("is too large", "less than {lt}"),
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


def _keys_at(path: Path) -> list[str]:
    """The keys that a path takes."""
    return [field.name for field in fields(_words_at(path))]


def _words_at(path: Path) -> type[Any]:
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


def _key_help(path: Path) -> str:
    if len(path) == 1 and path[0] in _keys_at(("block",)):
        return "it is a key of block:, and of a stage"
    if path[0] != "stages" and path[-1] in _keys_at(("stages", "")):
        return "it is a key of a stage"
    if guess := _meant(path):
        return f"did you mean {guess!r}?"
    return f"keys here: {', '.join(_keys_at(path[:-1]))}"


def _meant(path: Path) -> str | None:
    """The key that an unknown one resembles."""
    return nearest(str(path[-1]), _keys_at(path[:-1]))


def _purpose(path: Path) -> str | None:
    """What a missing key is for."""
    purposes = {
        "input": "the size of an image: input: 3x224x224",
        "stem": "the layers before the first stage, or stem: []",
        "stages": _EXAMPLE,
        "head": "pool and classifier, or head: []",
        "rows": _EXAMPLE,
    }
    return purposes.get(str(path[-1]))


def place(tree: Entries, diagnostic: Diagnostic) -> Diagnostic:
    """Walk to the value that a diagnostic means, as far as the text goes.

    A step that the text does not spell out (`rows` of a stage that is a row) stays where it is.
    """
    if diagnostic.span:
        return diagnostic
    node: Node = tree
    key = span = Span(tree.span.source, tree.span.line, 1, 1)
    walked: list[str | int] = []
    for step in diagnostic.path:
        match node:
            case Entries(entries=entries) if step in entries:
                key, node = entries[str(step)].key, entries[str(step)].node
            case Items(items=items) if isinstance(step, int) and step < len(items):
                node = items[step]
                key = node.span
            case _:
                continue
        walked.append(step)
        span = node.span
    blank = isinstance(node, Scalar) and node.value is None
    if diagnostic.on_key or blank or (isinstance(node, Entries) and walked):
        span = key
    elif isinstance(node, Scalar) and diagnostic.within and node.inner:
        span = node.inner.within(*diagnostic.within)
    return replace(diagnostic, span=span, path=tuple(walked))
