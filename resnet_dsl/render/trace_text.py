"""A trace as a grid of text."""

from __future__ import annotations

from typing import Final

from resnet_dsl.render.grid import grid
from resnet_dsl.report.tracing import Trace, TraceLine

_HEADINGS: Final = (
    *("path", "op", "kernel", "channels", "stride", "pad", "size"),
    *("params", "MACs", "field", "why"),
)


def trace_lines(trace: Trace, title: str) -> list[str]:
    """The lines of the grid, a row for each layer."""
    rows = list(map(_cells, trace.lines))
    return grid(_HEADINGS, rows, title=title, left=(0, 1, len(_HEADINGS) - 1))


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
