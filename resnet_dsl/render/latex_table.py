"""The table as a plain `tabular`: it needs no package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from resnet_dsl.answers.table_rows import Cell, Item, PaperRow, PaperTable
from resnet_dsl.notation.terms import Row
from resnet_dsl.render.table_cells import (
    LAYER,
    OUTPUT,
    branches,
    stacked,
    total_digits,
    total_name,
)

_BREAK: Final = r" \\ "
_ESCAPES: Final = str.maketrans(
    {
        **{special: f"\\{special}" for special in "#$%&_{}"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
)


def latex(table: PaperTable) -> str:
    r"""The table as He et al. 2015 set it.

    >>> from resnet_dsl.answers.table_rows import table
    >>> print(latex(table(["resnet18", "resnet34"])).splitlines()[4])
    conv1 & 112$\times$112 & \multicolumn{2}{c}{7$\times$7, 64, stride 2} \\
    """
    count = len(table.networks)
    heads = [LAYER, OUTPUT, *map(escaped, table.networks)]
    totals = [
        [
            rf"\multicolumn{{2}}{{c|}}{{{total_name(row)}}}",
            *(_number(*d) for d in total_digits(row)),
        ]
        for row in table.totals
    ]
    lines = [_line(heads), *(_row(row, count) for row in table.rows), *map(_line, totals)]
    return "\n\\hline\n".join(
        [rf"\begin{{tabular}}{{{'|'.join('c' * len(heads))}}}", *lines, r"\end{tabular}"]
    )


def floating(table: PaperTable, caption: str | None, label: str | None) -> str:
    """The table in a `table*` that floats, with a caption above and a label."""
    lines = [r"\begin{table*}", r"\centering"]
    if caption:
        lines.append(rf"\caption{{{escaped(caption)}}}")
    if label:
        lines.append(rf"\label{{{label}}}")
    return "\n".join([*lines, latex(table), r"\end{table*}"])


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _row(row: PaperRow, count: int) -> str:
    lines = []
    names = [escaped(row.layer), _typeset(row.output)]
    for band in row.bands:
        cells = [_cell(stacked(cell, row)) for cell in band]
        if len(cells) < count:
            cells = [rf"\multicolumn{{{count}}}{{c}}{{{cells[0]}}}"]
        lines.append(_line([*names, *cells]))
        names = ["", ""]
    return f"\n\\cline{{3-{count + 2}}}\n".join(lines)


def _cell(items: Cell) -> str:
    """Items below each other, one alone as it is."""
    lines = [_item(item) for item in items]
    if len(lines) < 2:
        return "".join(lines)
    return rf"\begin{{tabular}}{{@{{}}c@{{}}}}{_BREAK.join(lines)}\end{{tabular}}"


def _item(item: Item) -> str:
    return _typeset(item) if isinstance(item, str) else _block(item)


def _block(block: Row) -> str:
    """A matrix in math, a column a branch."""
    columns = branches(block)
    lines = (
        " & ".join(rf"\mbox{{{_typeset(layer)}}}" for layer in line)
        for line in zip_longest(*columns, fillvalue="")
    )
    array = rf"\begin{{array}}{{{'|'.join('c' * len(columns))}}}{_BREAK.join(lines)}\end{{array}}"
    times = rf"\times {block.repeats}" if block.repeats > 1 else ""
    return rf"$\left[{array}\right]{times}$"


def _number(digits: str, exponent: str) -> str:
    return rf"{digits}$\times$10$^{{{exponent}}}$" if exponent else digits


def _typeset(text: str) -> str:
    """A text of the notation: 7x7 is a product."""
    return re.sub(r"(?<=\d)x(?=\d)", r"$\\times$", text)


def escaped(name: str) -> str:
    """A text in LaTeX."""
    return name.translate(_ESCAPES)
