"""Printing: colour on a terminal only, and never against NO_COLOR."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import click

from resnet_dsl.diagnostics import SpecError, render
from resnet_dsl.report.analysis import Analysis
from resnet_dsl.report.table import table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_HEAD = re.compile(r"error\[[a-z-]+\]:")


def show_error(error: SpecError) -> None:
    """The diagnostics of an error, on stderr."""
    for diagnostic in error.diagnostics:
        text = _HEAD.sub(
            lambda head: click.style(head[0], fg="red", bold=True), render(diagnostic), 1
        )
        click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)


def show_note(text: str) -> None:
    """A remark beside the answer, on stderr."""
    click.echo(text, err=True)


def show_json(data: object) -> None:
    """Data for programs, on stdout."""
    click.echo(json.dumps(data, indent=2))


def show_table(found: Analysis, title: str) -> None:
    """Table 1 of a network, on stdout; where it is wider than the terminal, rows stand on end."""
    console = _console()
    drawn = _drawn(found, title, stacked=False)
    wide = console.options.update(width=_PIPE)
    if console.measure(drawn, options=wide).maximum > console.width:
        drawn = _drawn(found, title, stacked=True)
    console.print(drawn)


def show_grid(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    total: bool = False,
) -> None:
    """Texts in columns, on stdout; the last row may be the `total` of the others."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=box.HORIZONTALS, title=title, title_justify="left")
    for i, heading in enumerate(headings):
        drawn.add_column(heading, justify="right" if i else "left", no_wrap=True)
    for i, row in enumerate(rows):
        drawn.add_row(*map(escape, row), end_section=total and i == len(rows) - 2)
    _console().print(drawn)


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE
    return console


_PIPE = 1000  # columns: nobody wraps what goes into a file


def _drawn(found: Analysis, title: str, *, stacked: bool) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=box.HORIZONTALS, title=f"{found.name or title}, {found.input}")
    drawn.title_justify = "left"
    for heading in ("layer", "output", "rows"):
        drawn.add_column(heading, no_wrap=True)
    for heading in ("blocks", "params", "MACs"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    lines = table(found)
    for i, line in enumerate(lines):
        row = line.row.replace("], [", "],\n [") if stacked else line.row
        cells = astuple(replace(line, row=row))
        drawn.add_row(*map(escape, cells), end_section=i == len(lines) - 2)
    return drawn
