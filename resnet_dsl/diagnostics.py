"""What is wrong with a spec, where, and how to fix it.

Data first, text last: `Diagnostic` is plain data that tests and editors read, `render` draws it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from resnet_dsl.ir import LayerPath

Code: TypeAlias = Literal[
    "file",  # cannot be read or written
    "not-text",  # a binary file
    "look-alike",  # a character that only looks like the right one
    "empty",
    "yaml",  # the YAML itself is broken
    "duplicate-key",
    "not-a-mapping",
    "unquoted",  # a row that YAML takes for a list
    "limit",  # larger than any network
    "unknown-spec",  # no zoo name, no file
    "extends",
    "unknown-key",
    "missing",
    "value",
    "row",  # the notation of a row or a layer
    "repeats",
    "cardinality",
    "stride",
    "shortcut",
    "attention",
    "order",
    "dilation",
    "drop-path",
    "aux",
    "size",
    "output",
    "expect",
    "unsupported",  # a network that no spec can express
    "weights",
    "source",  # names no model
    "device",
    "install",  # a library that is not there
    "suspicious-input",  # legal, and surely not meant: these are warnings
    "suspicious-stage",
    "suspicious-width",
    "suspicious-stride",
    "suspicious-expect",
    "suspicious-head",
]
Severity: TypeAlias = Literal["error", "warning"]


SpecPath: TypeAlias = tuple[str | int, ...]
"""Steps from the root of a spec to one of its values: `("stages", "conv2_x", "rows", 0)`."""


MOST_FAULTS: Final = 100
"""Faults that are told of one spec."""


class Source(NamedTuple):
    """A text and the name that its readers know it by."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """A line of the text, counted from 1."""
        lines = split_lines(self.text)
        return lines[number - 1] if number <= len(lines) else ""

    def offset(self, line: int, column: int) -> int:
        """Where a line and column are in the text, from 0."""
        starts = [0, *(each.end() for each in _BREAK.finditer(self.text))]
        return starts[line - 1] + column - 1

    def place(self, offset: int) -> Span:
        """The character at an offset."""
        before = split_lines(self.text[:offset])
        column = len(before[-1]) + 1
        return Span(self, len(before), column, column + 1)


@lru_cache(maxsize=16)
def split_lines(text: str) -> tuple[str, ...]:
    """The lines of a text, broken where YAML breaks them.

    >>> split_lines("a\\r\\nb\\rc")
    ('a', 'b', 'c')
    """
    return tuple(_BREAK.split(text))


_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Span(NamedTuple):
    """A piece of one line: columns count characters from 1, `end` is the first one after it."""

    source: Source
    line: int
    column: int
    end: int

    def within(self, start: int, end: int) -> Span:
        """A part of this span, by offsets from its beginning."""
        last = max(self.end, self.column)
        return Span(
            self.source,
            self.line,
            min(self.column + start, last),
            min(self.column + end, last),
        )

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Fix(NamedTuple):
    """The one obvious fix: the text to write in place of a span.

    Until it is placed, the span is a part of a value's text (`within`), or all that the diagnostic
    marks.
    """

    text: str
    within: tuple[int, int] | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault of an author: what is there, what was expected, where, and what to do.

    `path` leads to the value in the spec, `within` is the piece of that value's text that is
    meant; `layer` leads to a layer of a network that has no spec. The `span` is known once
    somebody who holds the text has placed the diagnostic. A warning is about a spec that can be
    used, and surely is not what its author meant.
    """

    code: Code
    message: str
    severity: Severity = "error"
    path: SpecPath = ()
    layer: LayerPath | None = None
    within: tuple[int, int] | None = None
    on_key: bool = False
    help: str | None = None
    fix: Fix | None = None
    span: Span | None = None

    @property
    def line(self) -> int | None:
        """The line in the file, from 1, where the fault has a place."""
        return self.span.line if self.span else None

    @property
    def column(self) -> int | None:
        """The column in that line, from 1."""
        return self.span.column if self.span else None


class SpecWarning(UserWarning):
    """A spec that can be used, and surely is not what its author meant; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic
        super().__init__(diagnostic)

    def __str__(self) -> str:
        return render(self.diagnostic)


class SpecError(Exception):
    """A spec, a name or a file that cannot be used; `diagnostics` says why, fault by fault."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n".join(map(render, self.diagnostics))


def fail(
    code: Code,
    message: str,
    *,
    help: str | None = None,
    span: Span | None = None,
    fix: Fix | None = None,
) -> SpecError:
    """An error of one diagnostic, to be raised."""
    return SpecError([Diagnostic(code=code, message=message, help=help, span=span, fix=fix)])


def render(diagnostic: Diagnostic) -> str:
    """The text of a diagnostic, with its line and a caret under the place.

    >>> span = Span(Source("a.yaml", "name: x"), 1, 7, 8)
    >>> print(render(Diagnostic(code="value", message="no good", help="write y", span=span)))
    a.yaml:1:7: error[value]: no good
      |
    1 | name: x
      |       ^
      = help: write y
    """
    span = diagnostic.span
    head = f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"
    lines = [printable(f"{span}: {head}" if span else head)]
    gutter = " " * len(str(span.line if span else 0))
    if span and (text := span.source.line(span.line)):
        shown, before, under = _window(text, span)
        lines += [f"{gutter} |", f"{span.line} | {shown}", f"{gutter} | {before}{under}"]
    if diagnostic.path:
        lines.append(f"{gutter} = at: {printable(show_path(diagnostic.path))}")
    if diagnostic.layer:
        lines.append(f"{gutter} = at: {show_layer(diagnostic.layer)}")
    if diagnostic.help:
        lines.append(f"{gutter} = help: {printable(diagnostic.help)}")
    return "\n".join(lines)


def printable(text: str) -> str:
    """A text on one line, with escapes for what would move a cursor or end the line.

    >>> printable("a\\x1b[2J\\nb")
    'a\\\\x1b[2J\\\\nb'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show_path(path: SpecPath) -> str:
    """A path of a spec in words: items of a list count from 1.

    >>> show_path(("stages", "conv2_x", "rows", 0))
    'stages.conv2_x.rows, item 1'
    """
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f", item {step + 1}"
        else:
            shown += f".{step}" if shown else step
    return shown


def show_layer(path: LayerPath) -> str:
    """A path of a network in words: layers count from 1.

    >>> show_layer(LayerPath((14, "body", 0)))
    'layer 15, body, 1'
    """
    words = (str(step + 1) if isinstance(step, int) else step for step in path)
    return f"layer {', '.join(words)}"


def nearest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The most similar of the names, if one is similar at all; never the word itself."""
    import difflib  # faults are few

    by_folded = {known.casefold(): known for known in words if known != word}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None


_SHOWN = 100  # characters of a source line that fit a terminal
_MARGIN = 20


def _window(text: str, span: Span) -> tuple[str, str, str]:
    """A line cut to the part around the span, the blanks before the carets, and the carets."""
    first = max(0, span.column - 1 - _MARGIN) if len(text) > _SHOWN else 0
    shown = "".join(c if c.isprintable() else " " for c in text[first : first + _SHOWN])
    start = span.column - 1 - first
    marked = shown[start : span.end - 1 - first] or "^"
    return shown, " " * cells(shown[:start]), "^" * cells(marked)


def cells(text: str) -> int:
    """Columns of a terminal that a text takes: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
