"""What the formats have in common: headings, FLOPs, and layers as the paper prints them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from resnet_dsl.answers.table_rows import Cell, PaperRow, Total, TotalRow
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import Row

LAYER: Final = "layer name"
OUTPUT: Final = "output size"
FLOPS: Final = "FLOPs"

_ONE_LINE: Final = 3
"""Layers of a head that the paper prints on one line: average pool, 1000-d fc, softmax."""


def flops(macs: int) -> tuple[str, str]:
    """Three digits, and the power of ten that they are multiplied by, if any.

    >>> flops(11_282_415_616), flops(714_188_480), flops(999)
    (('11.3', '9'), ('714', '6'), ('999', ''))
    """
    if macs < 1000:
        return str(macs), ""
    digits, _, exponent = Decimal(f"{macs:.2e}").to_eng_string().partition("E+")
    return digits, exponent


_TOTALS: Final[dict[Total, str]] = {
    "macs": FLOPS,
    "params": "params",
    "layers": "layers",
    "receptive_field": "receptive field",
}


def total_name(row: TotalRow) -> str:
    """The heading of a row of totals.

    >>> total_name(TotalRow("macs", "288x288", (1,)))
    'FLOPs at 288x288'
    """
    return _TOTALS[row.total] + (f" at {row.input}" if row.input else "")


def total_digits(row: TotalRow) -> list[tuple[str, str]]:
    """The totals of a row: three digits and a power of ten for FLOPs and params, else all."""
    if row.total in {"macs", "params"}:
        return [flops(value) for value in row.values]
    return [(f"{value:,}", "") for value in row.values]


def spelled_out(layer: str) -> str:
    """A layer as the paper prints it.

    >>> spelled_out("7x7, 64, /2")
    '7x7, 64, stride 2'
    """
    return re.sub(r"(?<!\bse )/(\d+)", r"stride \1", layer)  # se /16 is a ratio


def stacked(cell: Cell, row: PaperRow) -> Cell:
    """What stands on the lines of a cell: layers, blocks, or a head that fits on one line."""
    items = tuple(spelled_out(item) if isinstance(item, str) else item for item in cell)
    if row.layer or len(items) > _ONE_LINE:
        return items
    return (", ".join(item for item in items if isinstance(item, str)),) if items else ()


def branches(block: Row) -> list[list[str]]:
    """The layers of a block, branch by branch."""
    return [[spelled_out(format_layer(layer)) for layer in branch] for branch in block.branches]
