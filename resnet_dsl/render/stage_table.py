"""Table 1 of one network: output sizes, rows, blocks, params and MACs, stage by stage."""

from __future__ import annotations

from typing import Any, NamedTuple

from resnet_dsl.report.analysis import Analysis, Part, sides


class TableRow(NamedTuple):
    """One printed line, every cell a text."""

    layer: str
    output: str
    row: str
    blocks: str
    params: str
    macs: str


def table(found: Analysis) -> list[TableRow]:
    """The lines of the table, the last one the total."""
    lines = [line for part in found.parts for line in _part(part)]
    cost = found.cost
    total = TableRow(
        "total",
        "",
        f"{cost.layers} layers",
        str(cost.blocks),
        f"{cost.params:,}",
        f"{cost.macs:,}",
    )
    return [*lines, total]


def _part(part: Part) -> list[TableRow]:
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


def table_json(found: Analysis) -> dict[str, Any]:
    """The same facts for programs."""
    return {
        "name": found.name,
        "input": list(found.input),
        "output": list(found.output),
        "layers": found.layers,
        "params": found.params,
        "macs": found.macs,
        "parts": [
            {
                "name": part.name,
                "output": list(part.output),
                "rows": [line.text for line in part.lines],
                "blocks": part.blocks,
                "layers": part.layers,
                "params": part.params,
                "macs": part.macs,
            }
            for part in found.parts
        ],
    }
