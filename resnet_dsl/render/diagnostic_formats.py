"""Diagnostics for other programs: JSON, GitHub's annotations, SARIF 2.1.0 (OASIS standard)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, get_args
from urllib.parse import quote

from resnet_dsl.diagnostics import Code, Diagnostic, Span, show_path

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A list of objects; lines and columns count from 1, ends are the first column after."""
    return json.dumps([_object(each) for each in diagnostics], indent=2)


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """A workflow command for each, which GitHub shows at its line.

    >>> as_github([Diagnostic(code="value", message="no good", help="write y")])
    '::error title=resnet-dsl%3A value::no good%0Ahelp: write y'
    """
    return "\n".join(map(_github, diagnostics))


def as_sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """One run of SARIF; each code is a rule."""
    rules = [{"id": code} for code in get_args(Code)]
    driver = {"name": "resnet-dsl", "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif(each) for each in diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _object(diagnostic: Diagnostic) -> dict[str, Any]:
    fix = diagnostic.fix if diagnostic.fix and diagnostic.fix.span else None
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "path": show_path(diagnostic.path) or None,
        **_place(diagnostic.span),
        "fix": fix and {**_place(fix.span), "text": fix.text},
    }


def _place(span: Span | None) -> dict[str, Any]:
    return {
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_column": span.end if span else None,
    }


def _github(diagnostic: Diagnostic) -> str:
    properties = {"title": f"resnet-dsl: {diagnostic.code}"}
    span = diagnostic.span
    if span and not span.source.name.startswith("--"):  # an option is in no file
        properties = {
            "file": span.source.name,
            "line": str(span.line),
            "col": str(span.column),
            "endColumn": str(span.end),
            **properties,
        }
    listed = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    text = diagnostic.message + (f"\nhelp: {diagnostic.help}" if diagnostic.help else "")
    return f"::{diagnostic.severity} {listed}::{_escaped(text)}"


def _escaped(text: str, also: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)


def _sarif(diagnostic: Diagnostic) -> dict[str, Any]:
    help = f" (help: {diagnostic.help})" if diagnostic.help else ""
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": diagnostic.severity,
        "message": {"text": diagnostic.message + help},
    }
    span = diagnostic.span
    if span and not span.source.name.startswith("--"):
        result["locations"] = [{"physicalLocation": _location(span)}]
    if diagnostic.fix and (span := diagnostic.fix.span):
        replacement = {
            "deletedRegion": _region(span),
            "insertedContent": {"text": diagnostic.fix.text},
        }
        change = {
            "artifactLocation": _location(span)["artifactLocation"],
            "replacements": [replacement],
        }
        result["fixes"] = [{"artifactChanges": [change]}]
    return result


def _location(span: Span) -> dict[str, Any]:
    uri = quote(span.source.name.replace("\\", "/"))
    return {"artifactLocation": {"uri": uri}, "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endColumn": max(span.end, span.column),
    }
