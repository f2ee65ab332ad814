"""Table 1 in every format: pure functions from `PaperTable` to a text, one file for each format."""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

from resnet_dsl.render.csv_table import csv
from resnet_dsl.render.html_table import html
from resnet_dsl.render.latex_table import latex
from resnet_dsl.render.markdown_table import markdown
from resnet_dsl.render.text_table import text
from resnet_dsl.report.table_rows import PaperTable

Format: TypeAlias = Literal["text", "markdown", "latex", "csv", "html"]


def typeset(table: PaperTable, format: Format, *, plain: bool = False) -> str:
    """The table in a format, without the end of its last line.

    Text for a terminal is `plain` where that terminal knows ASCII alone.
    """
    match format:
        case "text":
            return text(table, plain=plain)
        case "markdown":
            return markdown(table)
        case "latex":
            return latex(table)
        case "csv":
            return csv(table)
        case "html":
            return html(table)
        case _:
            assert_never(format)
