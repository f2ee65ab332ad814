"""The table for GitHub, where no cell spans others: what networks share is repeated in each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from resnet_dsl.answers.table_rows import Item, PaperTable
from resnet_dsl.notation.printed import format_row
from resnet_dsl.render.table_cells import (
    LAYER,
    OUTPUT,
    spelled_out,
    stacked,
    total_digits,
    total_name,
)


def markdown(table: PaperTable) -> str:
    """The table as a pipe table; blocks stand in the notation, a layer or a branch a line.

    >>> from resnet_dsl.answers.table_rows import table
    >>> print(markdown(table(["resnet18"])).splitlines()[4])
    | conv3_x | 28x28 | [[3x3, 128],<br>[3x3, 128]] x 2 |
    """
    heads = [LAYER, OUTPUT, *map(_escaped, table.networks)]
    rows = [
        [
            _escaped(row.layer),
            row.output,
            *("<br>".join(map(_item, stacked(cell, row))) for cell in row.cells),
        ]
        for row in table.rows
    ]
    totals = [
        [total_name(row), "", *(_number(*digits) for digits in total_digits(row))]
        for row in table.totals
    ]
    return "\n".join(map(_line, [heads, ["---"] * len(heads), *rows, *totals]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _item(item: Item) -> str:
    """A block is broken between branches, or else between layers."""
    if isinstance(item, str):
        return item
    block = spelled_out(format_row(item))
    if len(item.branches) > 1:
        return block.replace(" | ", r" \|<br>")
    return block.replace("], [", "],<br>[")


def _number(digits: str, exponent: str) -> str:
    return f"{digits}&times;10<sup>{exponent}</sup>" if exponent else digits


def _escaped(name: str) -> str:
    """A name with Markdown escaped; an underscore within a word needs no escape."""
    return re.sub(r"[\\`*<&\[|~$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", name)
