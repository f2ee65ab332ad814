"""Texts in columns, between rules: the grid of every table of plain text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from resnet_dsl.diagnostics import cells

RULE: Final = "─"


def column_widths(rows: Iterable[Sequence[str]]) -> list[int]:
    """The width of each column, in columns of a terminal."""
    return [max(map(cells, column)) for column in zip(*rows, strict=True)]


def padded(text: str, width: int, *, left: bool = True) -> str:
    """A text with blanks after it, or before it."""
    blanks = " " * (width - cells(text))
    return text + blanks if left else blanks + text


def grid(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    left: Collection[int] = (0,),
    total: bool = False,
) -> list[str]:
    """Texts in columns, those at the places in `left` flush left, the others right; the last row
    may be the `total` of the others.

    >>> print(*grid(["", "params"], [["stem", "9,536"], ["head", "513,000"]]), sep="\\n")
    ───────────────
            params
    ───────────────
     stem    9,536
     head  513,000
    ───────────────
    """
    widths = column_widths([headings, *rows])
    rule = RULE * (sum(widths) + 2 * len(widths))

    def line(texts: Sequence[str]) -> str:
        columns = enumerate(zip(texts, widths, strict=True))
        shown = (padded(text, width, left=i in left) for i, (text, width) in columns)
        return f" {'  '.join(shown)}".rstrip()

    body = [line(row) for row in rows]
    if total:
        body.insert(-1, rule)
    return [*([title] if title else []), rule, line(headings), rule, *body, rule]
