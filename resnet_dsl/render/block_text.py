"""Blocks with their formulas, in lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from textwrap import wrap
from typing import Final

from resnet_dsl.answers.analysis import sides
from resnet_dsl.answers.block_costs import BlockCost, RowBlocks

_WIDTH: Final = 100
_EXACT: Final = 256
"""Fractions of larger denominators say less than their decimals."""
_CLOSING: Final = (
    "Counted after the first of a stage: w channels in and out, identity shortcut; "
    "no norms, no biases."
)


def block_lines(rows: Sequence[RowBlocks]) -> list[str]:
    """The blocks, stage by stage: two lines each, then what is not counted."""
    if not rows:
        return ["no blocks: the rows have no convolution"]
    lines: list[str] = []
    for row in rows:
        lines.append(_heading(row))
        for block in row.blocks:
            lines += _block_lines(row, block)
        if row.width % 4:
            lines.append(f"  bottleneck: none, since 4 does not divide {row.width}")
        lines.append("")
    return [*lines, _CLOSING]


def _heading(row: RowBlocks) -> str:
    count = f"{row.count} blocks" if row.count > 1 else "1 block"
    which = "" if row.repeats else f", {'the last ' * (row.count > 1)}as it is built"
    return f"{row.stage}: {count} of width w = {row.width} on maps of {sides(row.output)}{which}"


def _block_lines(row: RowBlocks, block: BlockCost) -> list[str]:
    """A block, and what it costs by the spec's; its weights, and its multiply-accumulates."""
    own, (_, height, width) = row.blocks[0], row.output
    times = "" if block is own else f", {_times(block.times, block.times_macs)}"
    spread = f"× {height}·{width} = " if block.macs == block.weights * height * width else ""
    weights = f"= {block.weights:,} {_of_square(block.of_width_squared)}"
    costs = f"{weights}; {spread}{block.macs:,} MACs"
    whole = f"    {block.formula} {costs}"
    return [
        *_wrapped(f"{block.name}: {block.row}{times}", 2),
        *([whole] if len(whole) <= _WIDTH else [*_wrapped(block.formula, 4), f"    {costs}"]),
    ]


def _wrapped(text: str, indent: int) -> list[str]:
    """Lines of a text; what follows a colon stays with it."""
    kept = text.replace(": ", ":\xa0")
    first, others = " " * indent, " " * (indent + 4)
    lines = wrap(kept, _WIDTH, initial_indent=first, subsequent_indent=others)
    return [line.replace("\xa0", " ") for line in lines]


def _times(weights: float, macs: float) -> str:
    both = [f"{ratio:.{2 if ratio >= 1 else 3}f}" for ratio in (weights, macs)]
    if both[0] == both[1]:
        return f"{both[0]} times as much"
    return f"{both[0]} times the weights, {both[1]} times the MACs"


def _of_square(value: Fraction) -> str:
    """So many w², as the papers write it.

    >>> _of_square(Fraction(17, 16)), _of_square(Fraction(5832, 361))
    ('= 17/16 w²', '≈ 16.2 w²')
    """
    return f"= {value} w²" if value.denominator <= _EXACT else f"≈ {float(value):.3g} w²"
