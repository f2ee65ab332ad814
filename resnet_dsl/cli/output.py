"""Printing: colour on a terminal only, and never against NO_COLOR."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Sequence
from math import inf
from typing import TYPE_CHECKING

import click

from resnet_dsl.diagnostics import SpecError, cells, render

if TYPE_CHECKING:
    from resnet_dsl.render.stage_table import TableRow
    from resnet_dsl.report.analysis import Analysis


def show_error(error: SpecError) -> None:
    """The diagnostics of an error, on stderr."""
    for diagnostic in error.diagnostics:
        text = re.sub(
            r"error\[[a-z-]+\]:",
            lambda head: click.style(head[0], fg="red", bold=True),
            render(diagnostic),
            count=1,
        )
        click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)


def show_note(text: str) -> None:
    """A remark beside the answer, on stderr."""
    click.echo(text, err=True)


def show_json(data: object) -> None:
    """Data for programs, on stdout."""
    import json

    click.echo(json.dumps(data, indent=2))


def show_table(found: Analysis, title: str) -> None:
    """Table 1 of a network, on stdout; where it is wider than the terminal, rows stand on end."""
    from resnet_dsl.render.stage_table import table

    title = f"{found.name or title}, {found.input}"
    headings = ("layer", "output", "rows", "blocks", "params", "MACs")
    rows = table(found)
    lines = grid(headings, rows, title=title, left=range(3), total=True)
    if cells(lines[1]) > terminal_width():
        rows = [part for line in rows for part in _stacked(line)]
        lines = grid(headings, rows, title=title, left=range(3), total=True)
    show_grid(lines)


def terminal_width() -> float:
    """The columns of the terminal; nobody wraps what goes into a file."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else inf


def _stacked(line: TableRow) -> list[TableRow]:
    """A line whose block stands on end: the numbers beside its first layer."""
    first, *others = line.row.replace("], [", "],\n [").split("\n")
    blank = line._replace(layer="", output="", blocks="", params="", macs="")
    return [line._replace(row=first), *(blank._replace(row=other) for other in others)]


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
    widths = [max(map(cells, column)) for column in zip(headings, *rows, strict=True)]
    rule = "─" * (sum(widths) + 2 * len(widths))

    def line(texts: Sequence[str]) -> str:
        padded = []
        for i, (text, width) in enumerate(zip(texts, widths, strict=True)):
            blanks = " " * (width - cells(text))
            padded.append(text + blanks if i in left else blanks + text)
        return f" {'  '.join(padded)}".rstrip()

    body = [line(row) for row in rows]
    if total:
        body.insert(-1, rule)
    return [*([title] if title else []), rule, line(headings), rule, *body, rule]


def show_grid(lines: Sequence[str]) -> None:
    """The lines of a `grid`, on stdout."""
    width = terminal_width()  # a rule that goes on in the next line tells nothing
    cut = (
        line[: int(width)] if set(line) == {"─"} and len(line) > width else line for line in lines
    )
    text = "\n".join(cut)
    show_text(text if sayable("─") else text.replace("─", "-"))


def show_text(text: str) -> None:
    """An answer, on stdout."""
    click.echo(_said(text))


def sayable(text: str) -> bool:
    """Whether stdout has all characters of a text."""
    return _said(text) == text


def _said(text: str) -> str:
    """A text as stdout can say it, with ? for characters that it has not."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
