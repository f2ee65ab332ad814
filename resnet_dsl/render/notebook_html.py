"""Records in notebooks, as HTML, and specs as text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, TypeAlias, assert_never

from resnet_dsl.answers.analysis import Analysis, sides
from resnet_dsl.answers.differences import Diff
from resnet_dsl.answers.table_rows import PaperTable
from resnet_dsl.answers.tracing import Trace
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Spec
from resnet_dsl.reader.write import write
from resnet_dsl.render.difference_text import diff_lines
from resnet_dsl.render.drawing import draw
from resnet_dsl.render.html_table import html as paper_html
from resnet_dsl.render.trace_text import HEADINGS, trace_rows

Record: TypeAlias = Spec | Network | Analysis | Trace | PaperTable | Diff
_PARTS: Final = ("part", "output", "layers", "params", "MACs")


def html(record: Record) -> str:
    """What a notebook shows: a network as its figure, numbers as a table, a spec as its text."""
    match record:
        case Spec():
            return f"<pre>{escape(source_text(record))}</pre>"
        case Network():
            return draw(record, style="stages", theme="auto").data("svg").decode()
        case Analysis():
            return _analysis(record)
        case Trace():
            title = f"{record.name or 'network'}, {record.input}"
            return grid_html(HEADINGS, trace_rows(record, folded=True), title, left=(0, 1, 10))
        case PaperTable():
            return paper_html(record)
        case Diff():
            return f"<pre>{escape(chr(10).join(diff_lines(record)))}</pre>"
        case _:
            assert_never(record)


def source_text(spec: Spec) -> str:
    """A spec as YAML, without the end of its last line."""
    return write(spec).rstrip("\n")


def one_line(spec: Spec) -> str:
    """A spec in a line: its name, the size of its images, its stages and blocks."""
    name = f" {spec.name}" if spec.name else ""
    blocks = sum(row.repeats for stage in spec.stages.values() for row in stage.rows)
    stages = len(spec.stages)
    counts = f"{stages} stage{'s' * (stages != 1)}, {blocks} block{'s' * (blocks != 1)}"
    return f"<Spec{name}: {spec.input}, {counts}>"


def _analysis(analysis: Analysis) -> str:
    parts = [(part.name, sides(part.output), part.cost) for part in analysis.parts]
    rows = [
        (name, output, *(f"{n:,}" for n in (cost.layers, cost.params, cost.macs)))
        for name, output, cost in (*parts, ("total", "", analysis.cost))
    ]
    return grid_html(_PARTS, rows, f"{analysis.name or 'network'}, {analysis.input}")


def grid_html(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str,
    *,
    left: Sequence[int] = (0,),
) -> str:
    """Texts in columns as a table of HTML, those at the places in `left` flush left."""

    def line(tag: str, cells: Sequence[str]) -> str:
        sides = ("left" if i in left else "right" for i in range(len(cells)))
        inner = (
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        return f"<tr>{''.join(inner)}</tr>"

    return "\n".join(
        [
            f"<table><caption>{escape(title)}</caption>",
            f"<thead>{line('th', headings)}</thead>",
            "<tbody>",
            *(line("td", row) for row in rows),
            "</tbody></table>",
        ]
    )
