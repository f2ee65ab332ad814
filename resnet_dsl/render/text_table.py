"""The table as a terminal shows it: blocks stacked between brackets, rules between rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple, TypeAlias

from resnet_dsl.answers.table_rows import Cell, PaperTable
from resnet_dsl.notation.terms import Row
from resnet_dsl.render.grid import RULE, column_widths, padded
from resnet_dsl.render.table_cells import (
    LAYER,
    OUTPUT,
    branches,
    stacked,
    total_digits,
    total_name,
)


class _Marks(NamedTuple):
    """Brackets beside a block's first, middle, last and only line; what else is drawn."""

    left: str
    right: str
    branch: str
    rule: str
    times: str


_DRAWN: Final = _Marks("⎡⎢⎣[", "⎤⎥⎦]", "│", RULE, "×")
_PLAIN: Final = _Marks("[[[[", "]]]]", "|", "-", "x")
MARKS: Final = "".join(_DRAWN)
"""What a terminal must be able to show; one that is not gets plain text."""

_GAP: Final = "   "
_Lines: TypeAlias = list[str]


class _Row(NamedTuple):
    """A row of the table; a band has one cell for all columns, or a cell for each."""

    layer: str
    output: str
    bands: Sequence[Sequence[_Lines]]


def text(table: PaperTable, *, plain: bool = False) -> str:
    r"""The table for a terminal, or `plain` for one of ASCII alone.

    >>> from resnet_dsl.answers.table_rows import table
    >>> print("\n".join(text(table(["resnet50"])).splitlines()[4:8]))
    conv2_x      56x56         3x3 max pool, stride 2
                               ⎡1x1, 64 ⎤
                               ⎢3x3, 64 ⎥ × 3
                               ⎣1x1, 256⎦
    """
    marks = _PLAIN if plain else _DRAWN
    rows = [_Row(LAYER, OUTPUT, [[[name] for name in table.networks]])]
    for row in table.rows:
        bands = [[_cell(stacked(cell, row), marks) for cell in band] for band in row.bands]
        rows.append(_Row(row.layer, row.output, bands))
    for total in table.totals:
        cells = [[_number(*digits, marks)] for digits in total_digits(total)]
        rows.append(_Row(total_name(total), "", [cells]))
    return "\n".join(_drawn(rows, marks.rule))


def _number(digits: str, exponent: str, marks: _Marks) -> str:
    return f"{digits}{marks.times}10^{exponent}" if exponent else digits


def _cell(items: Cell, marks: _Marks) -> _Lines:
    """Items below each other, blocks apart: ASCII's brackets do not show where one ends."""
    lines: _Lines = []
    for above, item in zip((None, *items), items, strict=False):
        if isinstance(above, Row) and isinstance(item, Row):
            lines.append("")
        lines += [item] if isinstance(item, str) else _block(item, marks)
    return lines


def _block(block: Row, marks: _Marks) -> _Lines:
    """A block as a matrix, its branches side by side."""
    columns = branches(block)
    widths = [max(map(len, column)) for column in columns]
    lines = list(zip_longest(*columns, fillvalue=""))
    edges = [0, *[1] * (len(lines) - 2), 2] if len(lines) > 1 else [3]
    drawn = []
    for edge, line in zip(edges, lines, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        inner = f" {marks.branch} ".join(cells)
        drawn.append(f"{marks.left[edge]}{inner}{marks.right[edge]}")
    if block.repeats > 1:
        drawn[(len(drawn) - 1) // 2] += f" {marks.times} {block.repeats}"
    return drawn


def _drawn(rows: Sequence[_Row], rule: str) -> Iterator[str]:
    widths = _widths(rows)
    layer, output = column_widths([row[:2] for row in rows])
    for i, row in enumerate(rows):
        left = f"{padded(row.layer, layer)}{_GAP}{padded(row.output, output)}{_GAP}"
        if i:
            yield rule * (len(left) + _span(widths))
        for line in _body(row, widths):
            yield f"{left}{line}".rstrip()
            left = " " * len(left)


def _widths(rows: Sequence[_Row]) -> list[int]:
    """Of the networks' columns; the last one also holds what would not fit across them."""
    count = len(rows[0].bands[0])
    bands = [band for row in rows for band in row.bands]
    own = [band for band in bands if len(band) == count]
    widths = [max(len(line) for band in own for line in band[i]) for i in range(count)]
    across = [len(line) for band in bands if len(band) < count for line in band[0]]
    widths[-1] += max(0, max(across, default=0) - _span(widths))
    return widths


def _span(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _body(row: _Row, widths: Sequence[int]) -> Iterator[str]:
    """A row's lines across the networks' columns."""
    for band in row.bands:
        if len(band) < len(widths):
            yield from (line.center(_span(widths)) for line in band[0])
        else:
            for cells in zip_longest(*band, fillvalue=""):
                yield _GAP.join(map(padded, cells, widths))
