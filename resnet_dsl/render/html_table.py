"""The table as a piece of HTML that brings its style, in ASCII, and is XML as well."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from resnet_dsl.answers.table_rows import Cell, Item, PaperRow, PaperTable, TotalRow
from resnet_dsl.notation.terms import Row
from resnet_dsl.render.table_cells import (
    LAYER,
    OUTPUT,
    branches,
    stacked,
    total_digits,
    total_name,
)

_TABLE: Final = "border-collapse: collapse; text-align: center"
_CELL: Final = "border: 1px solid; padding: 0.3em 0.8em"
_BLOCK: Final = (
    "display: inline-block; vertical-align: middle; border: solid; border-width: 0 1px; "
    "border-radius: 0.3em; margin: 0.2em 0"
)
_BRANCH: Final = "display: inline-block; vertical-align: top; padding: 0 0.4em; text-align: left"


def html(table: PaperTable) -> str:
    """The table, a block as lines between its borders, its branches side by side.

    >>> from resnet_dsl.answers.table_rows import table
    >>> print(html(table(["resnet18"])).splitlines()[0])
    <table style="border-collapse: collapse; text-align: center">
    """
    heads = "".join(_cell(escape(head), "th") for head in (LAYER, OUTPUT, *table.networks))
    lines = [
        f'<table style="{_TABLE}">',
        f"<thead><tr>{heads}</tr></thead>",
        "<tbody>",
        *(line for row in table.rows for line in _row(row, len(table.networks))),
        *map(_total, table.totals),
        "</tbody>",
        "</table>",
    ]
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode()


_PAGE: Final = (
    ":root{color-scheme:light dark;font-family:Helvetica,Arial,sans-serif}"
    "body{margin:2em auto;max-width:max-content;padding:0 1em}"
    "@media print{body{margin:0}table{font-size:9pt}}"
)


def page(table: PaperTable, caption: str | None = None) -> str:
    """The table as a whole page."""
    title = escape(caption or f"Table 1 for {', '.join(table.networks)}")
    body = html(table).replace(">", f"><caption>{title}</caption>", 1) if caption else html(table)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_PAGE}</style></head>",
        f"<body><main>{body}</main></body>",
        "</html>",
    ]
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode()


def _cell(inner: str, tag: str = "td", **spans: int) -> str:
    attributes = "".join(f' {name}="{count}"' for name, count in spans.items() if count > 1)
    return f'<{tag}{attributes} style="{_CELL}">{inner}</{tag}>'


def _row(row: PaperRow, count: int) -> list[str]:
    """A line of the table for each band; the names stand beside all of them."""
    height = len(row.bands)
    left = _cell(escape(row.layer), rowspan=height) + _cell(_typeset(row.output), rowspan=height)
    lines = []
    for band in row.bands:
        span = count if len(band) < count else 1
        cells = "".join(_cell(_lines(stacked(cell, row)), colspan=span) for cell in band)
        lines.append(f"<tr>{left}{cells}</tr>")
        left = ""
    return lines


def _lines(items: Cell) -> str:
    return "".join(f"<div>{_item(item)}</div>" for item in items)


def _item(item: Item) -> str:
    if isinstance(item, str):
        return _typeset(item)
    times = f" × {item.repeats}" if item.repeats > 1 else ""
    return _block(item) + times


def _block(block: Row) -> str:
    """Lines between borders; a border between branches too."""
    columns = []
    for i, branch in enumerate(branches(block)):
        border = "; border-left: 1px solid" if i else ""
        lines = "".join(f"<div>{_typeset(layer)}</div>" for layer in branch)
        columns.append(f'<div style="{_BRANCH}{border}">{lines}</div>')
    return f'<div style="{_BLOCK}">{"".join(columns)}</div>'


def _total(row: TotalRow) -> str:
    numbers = (_number(*digits) for digits in total_digits(row))
    return f"<tr>{''.join(map(_cell, [total_name(row), '', *numbers]))}</tr>"


def _number(digits: str, exponent: str) -> str:
    return f"{digits}×10<sup>{exponent}</sup>" if exponent else digits


def _typeset(text: str) -> str:
    """A text of the notation: 7x7 is a product."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", escape(text))
