"""`resnet-dsl trace`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, spec_argument
from resnet_dsl.cli.output import show_json, show_pages


@click.command(short_help="Every layer: sizes, costs, and why it is there.")
@spec_argument
@click.option("--stage", help="Only this stage; stem and head are stages here.")
@click.option("--block", type=int, metavar="N", help="Only this block of the stage, from 1.")
@click.option("--all", "every", is_flag=True, help="Every block: three and more equal ones too.")
@input_option
@set_option
@json_option
def trace(
    spec: str,
    stage: str | None,
    block: int | None,
    every: bool,
    input: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Every layer in the order of computation: names, sizes, costs, and why it is there.

    Three and more equal blocks in a row are folded, except with --all. On a terminal $PAGER shows a
    long trace. Layers that are written in the spec have no reason. The field is the receptive
    field, one side of it. Auxiliary classifiers are left out: they do not run for an image that is
    classified.

    \b
    Example:
      resnet-dsl trace resnet50
      resnet-dsl trace resnet50 --stage conv3_x --block 1
      resnet-dsl trace resnet18 --set stem.1.pad=0 --set block.shortcut=padding --json
    """
    from resnet_dsl.answers.tracing import trace
    from resnet_dsl.render.trace_text import trace_lines

    traced = trace(spec, input, overrides, stage=stage, block=block)
    if as_json:
        show_json(traced.lines)
    else:
        title = ", ".join([traced.name or spec, str(traced.input), *overrides])
        show_pages(trace_lines(traced, title, folded=not every))
