"""Table 1 in every format: pure functions from `PaperTable` to a text, one file for each format."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, assert_never

from resnet_dsl.answers.table_rows import PaperTable
from resnet_dsl.diagnostics import fail
from resnet_dsl.render.csv_table import csv
from resnet_dsl.render.html_table import html, page
from resnet_dsl.render.latex_table import floating, latex
from resnet_dsl.render.markdown_table import markdown
from resnet_dsl.render.text_table import text

Format: TypeAlias = Literal["text", "markdown", "latex", "csv", "html"]


def typeset(
    table: PaperTable,
    format: Format,
    *,
    plain: bool = False,
    standalone: bool = False,
    caption: str | None = None,
    label: str | None = None,
) -> str:
    """The table in a format, without the end of its last line.

    Text for a terminal is `plain` where that terminal knows ASCII alone. HTML that is `standalone`
    is a whole page; with a caption or a label, LaTeX is a table that floats. Raises `SpecError` for
    what a format has not.
    """
    _check(format, standalone=standalone, caption=caption, label=label)
    match format:
        case "text":
            return text(table, plain=plain)
        case "markdown":
            return markdown(table)
        case "latex":
            return floating(table, caption, label) if caption or label else latex(table)
        case "csv":
            return csv(table)
        case "html":
            return page(table, caption) if standalone else html(table)
        case _:
            assert_never(format)


def _check(format: Format, *, standalone: bool, caption: str | None, label: str | None) -> None:
    if standalone and format != "html":
        raise fail("value", f"--standalone with {format}", help="a whole page is --format html")
    if caption and format != "latex" and not standalone:
        help = "write --format latex, or html with --standalone"
        raise fail("value", f"--caption with {format}", help=help)
    if label and format != "latex":
        raise fail("value", f"--label with {format}", help="a label is of --format latex")
    if label and not re.fullmatch(r"[\w:.+-]+", label, re.ASCII):
        raise fail(
            "value", f"{label!r} is not a label", help="letters, digits and : . + -: tab:nets"
        )
