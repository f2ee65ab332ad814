"""A trace as a grid of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from resnet_dsl.answers.tracing import Trace, TraceLine
from resnet_dsl.render.grid import grid

HEADINGS: Final = (
    *("path", "op", "kernel", "channels", "stride", "pad", "size"),
    *("params", "MACs", "field", "why"),
)


_FEWEST: Final = 3
"""Blocks that are equal before they are folded."""


def trace_lines(trace: Trace, title: str, *, folded: bool = False) -> list[str]:
    """The lines of the grid, a row for each layer or, `folded`, for each run of equal blocks."""
    rows = trace_rows(trace, folded=folded)
    return grid(HEADINGS, rows, title=title, left=(0, 1, len(HEADINGS) - 1))


def trace_rows(trace: Trace, *, folded: bool = False) -> list[tuple[str, ...]]:
    """A row for each layer; `folded`, equal blocks in a row are one, and a line says how many
    follow."""
    rows: list[tuple[str, ...]] = []
    for run in _runs(trace.lines):
        first, *others = run
        rows += map(_cells, first)
        if folded and len(run) >= _FEWEST:
            rows.append(_fold(others))
        else:
            rows += (_cells(line) for block in others for line in block)
    return rows


def _runs(lines: Sequence[TraceLine]) -> Iterator[list[list[TraceLine]]]:
    """The lines of each block, equal blocks that follow each other together."""
    blocks = [list(block) for _, block in groupby(lines, key=lambda line: (line.stage, line.block))]
    for _, run in groupby(blocks, key=_without_place):
        yield list(run)


def _without_place(block: Sequence[TraceLine]) -> tuple[object, ...]:
    """What equal blocks have in common; layers outside of blocks have nothing."""
    if block[0].block is None:
        return (id(block[0]),)
    return tuple(replace(line, path="", block=0, receptive_field=0) for line in block)


def _fold(blocks: Sequence[Sequence[TraceLine]]) -> tuple[str, ...]:
    """A line for blocks that are as the one before: their costs together."""
    first, last = blocks[0][0], blocks[-1][-1]
    lines = [line for block in blocks for line in block]
    name = f"{first.stage}.{first.block}" + (f"-{last.block}" if len(blocks) > 1 else "")
    return (
        f"{name}: the same",
        f"× {len(blocks)}",
        *("", "", "", ""),
        _sides(last.out_size),
        f"{sum(line.params for line in lines):,}",
        f"{sum(line.macs for line in lines):,}",
        f"{last.receptive_field:,}",
        "",
    )


def _cells(line: TraceLine) -> tuple[str, ...]:
    kernel = [f"{line.kernel}x{line.kernel}"] if line.kernel else []
    if line.op == "conv" and line.groups != 1:
        kernel.append(f"C={line.groups}")
    if line.dilation not in (None, 1):
        kernel.append(f"dilation {line.dilation}")
    return (
        line.path,
        line.op,
        ", ".join(kernel),
        _before_and_after(str(line.in_channels), str(line.out_channels)),
        str(line.stride or ""),
        "" if line.padding is None else str(line.padding),
        _before_and_after(_sides(line.in_size), _sides(line.out_size)),
        f"{line.params:,}" if line.params else "",
        f"{line.macs:,}" if line.macs else "",
        f"{line.receptive_field:,}",
        line.why or "",
    )


def _before_and_after(before: str, after: str) -> str:
    """What enters and what leaves; one of them where both agree."""
    return before if before == after else f"{before} → {after}"


def _sides(sides: tuple[int, int] | None) -> str:
    return "x".join(map(str, sides)) if sides else "vector"
