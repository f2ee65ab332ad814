"""Printing: colour on a terminal only, and never against NO_COLOR."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Final

import click

from resnet_dsl.diagnostics import Diagnostic, SpecError, render
from resnet_dsl.render.grid import RULE

_PATIENCE: Final = 2.0
"""Seconds before a command that works says so."""


def show_error(error: SpecError) -> None:
    """The diagnostics of an error, on stderr."""
    for diagnostic in error.diagnostics:
        show_diagnostic(diagnostic)


def show_diagnostic(diagnostic: Diagnostic) -> None:
    """An error or a warning, on stderr."""
    color = "red" if diagnostic.severity == "error" else "yellow"
    text = re.sub(
        r"(error|warning)\[[a-z-]+\]:",
        lambda head: click.style(head[0], fg=color, bold=True),
        render(diagnostic),
        count=1,
    )
    click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)


def show_note(text: str) -> None:
    """A remark beside the answer, on stderr."""
    click.echo(text, err=True)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show on a terminal that a command works, once it takes a while."""
    if not sys.stderr.isatty():
        yield
        return
    from threading import Timer

    from rich.console import Console

    status = Console(stderr=True).status(text)
    timer = Timer(_PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        status.stop()


def show_json(record: object) -> None:
    """A record as JSON, on stdout."""
    import json

    from resnet_dsl.render.json_data import json_data

    click.echo(json.dumps(json_data(record), indent=2))


def terminal_width() -> float:
    """The columns of the terminal; unlimited for a file."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else inf


def show_grid(lines: Sequence[str]) -> None:
    """The lines of a `grid`, on stdout; rules are cut to the terminal."""
    width = terminal_width()
    cut = (
        line[: int(width)] if set(line) == {RULE} and len(line) > width else line for line in lines
    )
    text = "\n".join(cut)
    show_text(text if can_print(RULE) else text.replace(RULE, "-"))


def show_pages(lines: Sequence[str]) -> None:
    """The lines of a `grid`; on a terminal that has fewer, by $PAGER, as git does."""
    import shutil

    if not sys.stdout.isatty() or len(lines) < shutil.get_terminal_size().lines:
        show_grid(lines)
        return
    os.environ.setdefault("PAGER", "less")
    os.environ.setdefault("LESS", "FRSX")
    click.echo_via_pager(_printable("\n".join(lines)) + "\n")


def show_text(text: str) -> None:
    """An answer, on stdout."""
    click.echo(_printable(text))


def can_print(text: str) -> bool:
    """Whether stdout has all characters of a text."""
    return _printable(text) == text


def _printable(text: str) -> str:
    """A text with ? for the characters that stdout does not have."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = re.sub(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]", "?", text)  # names of files may have any
    return text.encode(encoding, "replace").decode(encoding)
