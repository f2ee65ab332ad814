"""`resnet-dsl summary`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, specs_argument
from resnet_dsl.cli.output import show_grid, show_json


@click.command(short_help="Parameters, MACs, memory and receptive field of specs.")
@specs_argument
@input_option
@set_option
@click.option(
    "--batch",
    type=click.IntRange(1, 10**6),
    default=1,
    show_default=True,
    help="Images at a time, for figures of memory.",
)
@click.option(
    "--training", is_flag=True, help="The memory of a training step: SGD, Adam; mixed precision."
)
@json_option
def summary(
    specs: tuple[str, ...],
    input: str | None,
    overrides: tuple[str, ...],
    batch: int,
    training: bool,
    as_json: bool,
) -> None:
    """Parameters, MACs, memory and receptive field of a spec, part by part; of several specs, side
    by side.

    \b
    Example:
      resnet-dsl summary resnet50
      resnet-dsl summary resnet18 resnet34 resnet50 --input 512
      resnet-dsl summary resnet50 --set block.stride_on=first
      resnet-dsl summary resnet50 --batch 32 --training
    """
    from resnet_dsl.render.summary_text import summary_lines
    from resnet_dsl.report.summaries import summary

    summaries = [summary(spec, input, overrides, batch=batch, training=training) for spec in specs]
    if as_json:
        show_json(summaries)
    else:
        show_grid(summary_lines(summaries, specs, overrides))
