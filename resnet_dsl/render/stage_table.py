"""The table of one network: output sizes, rows, blocks, params and MACs, stage by stage."""

from __future__ import annotations

from typing import NamedTuple

from resnet_dsl.answers.analysis import Analysis, PartAnalysis, sides
from resnet_dsl.diagnostics import cells
from resnet_dsl.render.grid import grid


class TableRow(NamedTuple):
    """One printed line, every cell a text."""

    layer: str
    output: str
    row: str
    blocks: str
    params: str
    macs: str


def stage_table(analysis: Analysis, title: str, width: float) -> list[str]:
    """The lines of the table; where it is wider than `width` columns, blocks stand on end."""
    title = f"{analysis.name or title}, {analysis.input}"
    headings = ("layer", "output", "rows", "blocks", "params", "MACs")
    rows = table_rows(analysis)
    lines = grid(headings, rows, title=title, left=range(3), total=True)
    if cells(lines[1]) > width:
        rows = [part for line in rows for part in _stacked(line)]
        lines = grid(headings, rows, title=title, left=range(3), total=True)
    return lines


def table_rows(analysis: Analysis) -> list[TableRow]:
    """The lines of the table, the last one the total."""
    lines = [line for part in analysis.parts for line in _part(part)]
    cost = analysis.cost
    total = TableRow(
        "total",
        "",
        f"{cost.layers} layers",
        str(cost.blocks),
        f"{cost.params:,}",
        f"{cost.macs:,}",
    )
    return [*lines, total]


def _part(part: PartAnalysis) -> list[TableRow]:
    lines, shown = [], ""
    for i, line in enumerate(part.lines):
        output = sides(line.output)
        lines.append(
            TableRow(
                part.name if i == 0 else "",
                output if output != shown else "",
                line.text,
                str(line.cost.blocks or ""),
                f"{line.cost.params:,}" if line.cost.params else "",
                f"{line.cost.macs:,}" if line.cost.macs else "",
            )
        )
        shown = output
    return lines


def _stacked(line: TableRow) -> list[TableRow]:
    """A line whose block stands on end: the numbers beside its first layer."""
    first, *others = line.row.replace("], [", "],\n [").split("\n")
    blank = line._replace(layer="", output="", blocks="", params="", macs="")
    return [line._replace(row=first), *(blank._replace(row=other) for other in others)]
