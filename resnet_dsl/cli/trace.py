"""`resnet-dsl trace`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, spec_argument
from resnet_dsl.cli.output import show_grid, show_json


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

    Layers that are written in the spec have no reason. The field is the receptive field, one side
    of it. Auxiliary classifiers are left out: they do not run for an image that is classified.

    \b
    Example:
      resnet-dsl trace resnet50
      resnet-dsl trace resnet50 --stage conv3_x --block 1
      resnet-dsl trace resnet18 --set stem.1.pad=0 --set block.shortcut=padding --json
    """
    from resnet_dsl.render.trace_text import trace_lines
    from resnet_dsl.report.tracing import trace

    traced = trace(spec, input, overrides, stage=stage, block=block)
    if as_json:
        show_json(traced.lines)
    else:
        title = ", ".join([traced.name or spec, str(traced.input), *overrides])
        show_grid(trace_lines(traced, title))
