"""Summaries as a grid of text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from math import prod
from typing import Final

from resnet_dsl.answers.analysis import sides
from resnet_dsl.answers.summaries import Summary, SummaryPart, TrainingMemory
from resnet_dsl.render.grid import grid

HEADINGS: Final = ("layers", "params", "buffers", "MACs", "activations", "receptive field")


def summary_lines(
    summaries: Sequence[Summary], names: Sequence[str], overrides: Sequence[str] = ()
) -> list[str]:
    """One network part by part, or several side by side; `names` are for those without a name."""
    shown = [summary.name or name for summary, name in zip(summaries, names, strict=True)]
    columns = [summary_facts(summary) for summary in summaries]
    if len(summaries) > 1:
        facts = dict.fromkeys(fact for column in columns for fact in column)
        rows = [(fact, *(column.get(fact, "") for column in columns)) for fact in facts]
        return grid(("", *shown), rows)
    (summary,), (column,) = summaries, columns
    title = ", ".join([shown[0], str(summary.input), *overrides])
    lines = grid(("part", "output", *HEADINGS), summary_rows(summary), title=title, total=True)
    rest = (key for key in column if key not in {"input", *HEADINGS})
    return [*lines, *(f"{key}: {column[key]}" for key in rest)]


SORTS: Final = {
    "name": "name",
    "input": "input",
    "layers": "layers",
    "params": "params",
    "buffers": "buffers",
    "macs": "MACs",
    "activations": "activations",
    "receptive_field": "receptive field",
}
"""What networks can be ordered by, and what it is called."""


def turned_lines(
    summaries: Sequence[Summary], names: Sequence[str], sort: str | None = None
) -> list[str]:
    """A line for each network, in the order given or by a number, the smallest first."""
    rows = [
        (name, str(summary.input), *_cells(summary))
        for name, summary in sorted_summaries(summaries, names, sort)
    ]
    return grid(("name", "input", *HEADINGS), rows)


def summary_csv(summaries: Sequence[Summary], names: Sequence[str], sort: str | None = None) -> str:
    """A line for each network, for spreadsheets: every digit, and the keys of JSON."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*SORTS, "peak_activation_bytes"])
    for name, summary in sorted_summaries(summaries, names, sort):
        numbers = [getattr(summary, key) for key in SORTS if key != "name"]
        writer.writerow([name, *numbers, summary.peak_activation_bytes])
    return file.getvalue().removesuffix("\n")


def sorted_summaries(
    summaries: Sequence[Summary], names: Sequence[str], sort: str | None
) -> list[tuple[str, Summary]]:
    """Summaries with their names, by a key of `SORTS`; equal ones stay in their order."""
    named = list(zip(names, summaries, strict=True))
    if sort is None:
        return named
    if sort == "name":
        return sorted(named, key=lambda pair: pair[0])
    if sort == "input":
        return sorted(named, key=lambda pair: prod(pair[1].input))
    return sorted(named, key=lambda pair: float(getattr(pair[1], sort)))


def summary_rows(summary: Summary) -> list[tuple[str, ...]]:
    """The parts and the total, every cell a text: name, output, and the columns of `HEADINGS`."""
    rows = [(part.name, sides(part.output), *_cells(part)) for part in summary.parts]
    return [*rows, ("total", "", *_cells(summary))]


def summary_facts(summary: Summary) -> dict[str, str]:
    """The totals by name, every one a text."""
    return {
        "input": str(summary.input),
        **dict(zip(HEADINGS, _cells(summary), strict=True)),
        **({"MACs of blurs": f"{summary.blur_macs:,}"} if summary.blur_macs else {}),
        **({"batch": f"{summary.batch:,}"} if summary.batch > 1 or summary.training else {}),
        "peak activations, float32": _megabytes(summary.peak_activation_bytes),
        **{f"size, {dtype}": _megabytes(size) for dtype, size in summary.bytes.items()},
        **(_training_facts(summary.training) if summary.training else {}),
    }


def _training_facts(training: TrainingMemory) -> dict[str, str]:
    kept = {
        f"kept for the backward pass, {precision}": _megabytes(size)
        for precision, size in training.kept.items()
    }
    totals = {f"training with {how}": _megabytes(size) for how, size in training.total.items()}
    return {**kept, "gradients, float32": _megabytes(training.gradients), **totals}


def _cells(counts: Summary | SummaryPart) -> tuple[str, ...]:
    numbers = (
        counts.layers,
        counts.params,
        counts.buffers,
        counts.macs,
        counts.activations,
        counts.receptive_field or 0,
    )
    return tuple(f"{number:,}" if number else "" for number in numbers)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f} MB"
