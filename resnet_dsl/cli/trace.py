"""`resnet-dsl trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, spec_argument
from resnet_dsl.cli.output import grid, show_grid, show_json

if TYPE_CHECKING:
    from resnet_dsl.report.tracing import TraceLine

_HEADINGS: Final = (
    *("path", "op", "kernel", "channels", "stride", "pad", "size"),
    *("params", "MACs", "field", "why"),
)


@click.command(short_help="Every layer: sizes, costs, and why it is there.")
@spec_argument
@click.option("--stage", help="Only this stage; stem and head are stages here.")
@click.option("--block", type=int, metavar="N", help="Only this block of the stage, from 1.")
@input_option
@set_option
@json_option
def trace(
    spec: str,
    stage: str | None,
    block: int | None,
    input: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Every layer in the order of computation: names, sizes, costs, and why it is there.

    Layers that the page says itself have no reason. The field is the receptive field, one side of
    it. Auxiliary classifiers are left out: they do not run for an image that is classified.

    \b
    Example:
      resnet-dsl trace resnet50
      resnet-dsl trace resnet50 --stage conv3_x --block 1
      resnet-dsl trace resnet18 --set stem.1.pad=0 --set block.shortcut=padding --json
    """
    from resnet_dsl.report.tracing import trace, trace_json

    found = trace(spec, input, overrides=overrides, stage=stage, block=block)
    if as_json:
        show_json(trace_json(found))
        return
    title = ", ".join([found.name or spec, str(found.input), *overrides])
    rows = list(map(_cells, found.lines))
    show_grid(grid(_HEADINGS, rows, title=title, left=(0, 1, len(_HEADINGS) - 1)))


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
        _way(str(line.in_channels), str(line.out_channels)),
        str(line.stride or ""),
        "" if line.padding is None else str(line.padding),
        _way(_sides(line.in_size), _sides(line.out_size)),
        f"{line.params:,}" if line.params else "",
        f"{line.macs:,}" if line.macs else "",
        f"{line.receptive_field:,}",
        line.why or "",
    )


def _way(before: str, after: str) -> str:
    """What enters and what leaves; one of them where both agree."""
    return before if before == after else f"{before} → {after}"


def _sides(sides: tuple[int, int] | None) -> str:
    return "x".join(map(str, sides)) if sides else "vector"
