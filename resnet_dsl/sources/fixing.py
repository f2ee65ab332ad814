"""Apply the one obvious fix of each fault of a text; whether it helps is checked each time."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from resnet_dsl.diagnostics import Diagnostic, Fix, fail
from resnet_dsl.language.shipped import is_shipped
from resnet_dsl.reader import find_spec
from resnet_dsl.reader.files import rewritten
from resnet_dsl.reader.tree import read_file
from resnet_dsl.sources.resolve import check_text

MOST_FIXES: Final = 50
"""Fixes of one text: a text that needs more was never a spec."""


class Fixed(NamedTuple):
    """A text after its fixes, the change as a unified diff, and what is wrong with it still."""

    text: str
    change: str
    diagnostics: tuple[Diagnostic, ...]


def fix_file(where: str, *, strict: bool = False) -> Fixed:
    """Rewrite a file with the fixes of its faults; untouched where there is none.

    Raises `SpecError` where there is no such file, or where it is a shipped one.
    """
    if is_shipped(where):
        help = f"a spec of your own: resnet-dsl new NAME --like {where}"
        raise fail("file", f"{where} is a shipped spec and is not rewritten", help=help)
    path = find_spec(where)
    source = read_file(path)
    fixed = fixed_text(source.text, str(path), path, strict=strict)
    if fixed.change:
        rewritten(path, fixed.text)
    return fixed


def fixed_text(
    text: str, name: str = "<text>", path: Path | None = None, *, strict: bool = False
) -> Fixed:
    """The text of a spec with the one obvious fix of each fault; of warnings, where `strict`.

    `path` is that of the file, which other files are extended from.

    >>> fixed_text("extend: resnet18\\nhead: [average pool, 9-d fc relu]\\n").text.splitlines()
    ['extends: resnet18', 'head: [average pool, "9-d fc, relu"]']
    >>> fixed_text("extends: resnet18\\ninput: [3, 64, 64]\\n").text.splitlines()
    ['extends: resnet18', 'input: 3x64x64']
    """
    before, refused = text, set[Fix]()
    diagnostics = check_text(text, name, path=path, strict=strict)
    for _ in range(MOST_FIXES):
        fault = next(
            (each for each in _fixable(diagnostics, text) if each.fix not in refused), None
        )
        if fault is None or fault.fix is None:
            break
        after = _replaced(text, fault.fix)
        left = check_text(after, name, path=path, strict=strict)
        if _is_better(fault, diagnostics, left):
            text, diagnostics = after, left
        else:
            refused.add(fault.fix)
    old, new = before.splitlines(keepends=True), text.splitlines(keepends=True)
    change = difflib.unified_diff(old, new, fromfile=name, tofile=name, n=1)
    return Fixed(text, "".join(change), diagnostics)


def _fixable(diagnostics: tuple[Diagnostic, ...], text: str) -> Iterator[Diagnostic]:
    """The errors of a text that have a fix in it."""
    for each in diagnostics:
        span = each.fix.span if each.fix else None
        if each.severity == "error" and span and span.source.text == text:
            yield each


_HIDES: Final = {"yaml", "not-a-mapping", "unquoted", "look-alike", "duplicate-key"}
"""The errors that end the reading of a text: behind them others may show."""


def _is_better(
    fault: Diagnostic, before: tuple[Diagnostic, ...], after: tuple[Diagnostic, ...]
) -> bool:
    """Whether a fix has taken its fault away, and brought no other one but what it hid."""
    errors = [[each for each in side if each.severity == "error"] for side in (before, after)]
    if any(_what_and_where(each) == _what_and_where(fault) for each in errors[1]):
        return False
    if fault.code in _HIDES or fault.code == "unknown-spec":
        return all(
            each.code not in _HIDES or (each.line or 0) > (fault.line or 0) for each in errors[1]
        )
    known = {(each.code, each.path) for each in errors[0]}
    return all((each.code, each.path) in known or _may_show(each) for each in errors[1])


def _may_show(after: Diagnostic) -> bool:
    """Whether an error may show only now: sizes and counts are looked at where all can be read."""
    return after.code in {"size", "expect", "cardinality", "stride", "shortcut", "output", "order"}


def _what_and_where(fault: Diagnostic) -> tuple[object, ...]:
    return fault.code, fault.message, fault.line, fault.column


def _replaced(text: str, fix: Fix) -> str:
    assert fix.span is not None
    start, end = (fix.span.source.offset(fix.span.line, each) for each in fix.span[2:])
    return text[:start] + fix.text + text[end:]
