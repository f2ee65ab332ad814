"""Printing: colour on a terminal only, and never against NO_COLOR."""

from __future__ import annotations

import json
import os
import re
from dataclasses import astuple

import click

from resnet_dsl.diagnostics import SpecError, render
from resnet_dsl.report.analysis import Analysis
from resnet_dsl.report.table import table

_HEAD = re.compile(r"error\[[a-z-]+\]:")


def show_error(error: SpecError) -> None:
    """The diagnostics of an error, on stderr."""
    for diagnostic in error.diagnostics:
        text = _HEAD.sub(
            lambda head: click.style(head[0], fg="red", bold=True), render(diagnostic), 1
        )
        click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)


def show_json(data: object) -> None:
    """Data for programs, on stdout."""
    click.echo(json.dumps(data, indent=2))


def show_table(found: Analysis, title: str) -> None:
    """Table 1 of a network, on stdout."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=box.HORIZONTALS, title=f"{found.name or title}, {found.input}")
    drawn.title_justify = "left"
    for heading in ("layer", "output", "rows"):
        drawn.add_column(heading, no_wrap=heading != "rows")
    for heading in ("blocks", "params", "MACs"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    lines = table(found)
    for i, line in enumerate(lines):
        drawn.add_row(*map(escape, astuple(line)), end_section=i == len(lines) - 2)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(drawn)
