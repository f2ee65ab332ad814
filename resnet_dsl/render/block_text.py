"""Blocks with their formulas, in print and for programs. Counting them is `report.blocks`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from textwrap import wrap
from typing import Any, Final

from resnet_dsl.report.analysis import sides
from resnet_dsl.report.block_costs import BlockCost, Compared

_WIDTH: Final = 100
_EXACT: Final = 256
"""Fractions of larger denominators say less than their decimals."""
_CLOSING: Final = (
    "Counted behind the first of a stage: w channels in and out, identity shortcut; "
    "no norms, no biases."
)


def lines(found: Sequence[Compared]) -> list[str]:
    """The blocks, stage by stage: two lines each, then what is not counted."""
    if not found:
        return ["no block: the rows have no convolution"]
    printed: list[str] = []
    for compared in found:
        printed.append(_heading(compared))
        for block in compared.blocks:
            printed += _block_lines(compared, block)
        if compared.width % 4:
            printed.append(f"  bottleneck: none, since 4 does not divide {compared.width}")
        printed.append("")
    return [*printed, _CLOSING]


def blocks_json(found: Sequence[Compared]) -> list[dict[str, Any]]:
    """The same facts for programs."""
    return [
        {
            "stage": compared.stage,
            "count": compared.count,
            "width": compared.width,
            "output": list(compared.output),
            "repeats": compared.repeats,
            "blocks": [
                {
                    "name": block.name,
                    "row": block.row,
                    "formula": block.formula,
                    "weights": block.weights,
                    "of_width_squared": str(compared.of_square(block)),
                    "macs": block.macs,
                    "times": float(compared.times(block)),
                    "times_macs": block.macs / compared.blocks[0].macs,
                }
                for block in compared.blocks
            ],
        }
        for compared in found
    ]


def _heading(compared: Compared) -> str:
    count = f"{compared.count} blocks" if compared.count > 1 else "1 block"
    manner = "" if compared.repeats else f", {'the last ' * (compared.count > 1)}as it is built"
    return (
        f"{compared.stage}: {count} of width w = {compared.width} on maps of "
        f"{sides(compared.output)}{manner}"
    )


def _block_lines(compared: Compared, block: BlockCost) -> list[str]:
    """A block, and what it costs by the page's; its weights, and its multiply-accumulates."""
    page, (_, height, width) = compared.blocks[0], compared.output
    times = f", {_times(compared.times(block), Fraction(block.macs, page.macs))}"
    spread = f"× {height}·{width} = " if block.macs == block.weights * height * width else ""
    weights = f"= {block.weights:,} {_of_square(compared.of_square(block))}"
    costs = f"{weights}; {spread}{block.macs:,} MACs"
    whole = f"    {block.formula} {costs}"
    return [
        *_wrapped(f"{block.name}: {block.row}{'' if block is page else times}", 2),
        *([whole] if len(whole) <= _WIDTH else [*_wrapped(block.formula, 4), f"    {costs}"]),
    ]


def _wrapped(text: str, indent: int) -> list[str]:
    """Lines of a text; what is behind a colon stays with it."""
    kept = text.replace(": ", ":\xa0")
    first, others = " " * indent, " " * (indent + 4)
    found = wrap(kept, _WIDTH, initial_indent=first, subsequent_indent=others)
    return [line.replace("\xa0", " ") for line in found]


def _times(weights: Fraction, macs: Fraction) -> str:
    both = [f"{float(ratio):.{2 if ratio >= 1 else 3}f}" for ratio in (weights, macs)]
    if both[0] == both[1]:
        return f"{both[0]} times as much"
    return f"{both[0]} times the weights, {both[1]} times the MACs"


def _of_square(value: Fraction) -> str:
    """So many w², as the papers write it.

    >>> _of_square(Fraction(17, 16)), _of_square(Fraction(5832, 361))
    ('= 17/16 w²', '≈ 16.2 w²')
    """
    return f"= {value} w²" if value.denominator <= _EXACT else f"≈ {float(value):.3g} w²"
