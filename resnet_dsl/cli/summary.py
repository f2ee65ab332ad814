"""`resnet-dsl summary`."""

from __future__ import annotations

from typing import Any

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, specs_argument
from resnet_dsl.cli.output import show_grid, show_json, show_text, terminal_width
from resnet_dsl.diagnostics import cells


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
@click.option(
    "--sort",
    type=click.Choice(
        ["name", "input", "layers", "params", "buffers", "macs", "activations", "receptive_field"]
    ),
    help="A line for each spec, the smallest first.",
)
@click.option("--csv", "as_csv", is_flag=True, help="A line for each spec, as CSV.")
@json_option
def summary(
    specs: tuple[str, ...], sort: str | None, as_csv: bool, as_json: bool, **options: Any
) -> None:
    """Parameters, MACs, memory and receptive field of a spec, part by part; of several specs, side
    by side, or a line for each where columns do not fit.

    \b
    Example:
      resnet-dsl summary resnet50
      resnet-dsl summary resnet18 resnet34 resnet50 --input 512
      resnet-dsl summary resnet18 resnet34 resnet50 --sort macs --csv
      resnet-dsl summary resnet50 --set block.stride_on=first
      resnet-dsl summary resnet50 --batch 32 --training
    """
    from resnet_dsl.answers.summaries import summary
    from resnet_dsl.render.summary_text import (
        sorted_summaries,
        summary_csv,
        summary_lines,
        turned_lines,
    )

    if options["training"] and (sort or as_csv):
        raise click.UsageError("--training has no place in a line for each spec: leave it out")
    summaries = [summary(spec, **options) for spec in specs]
    if as_json:
        show_json([each for _, each in sorted_summaries(summaries, specs, sort)])
    elif as_csv:
        show_text(summary_csv(summaries, specs, sort))
    elif sort is not None:
        show_grid(turned_lines(summaries, specs, sort))
    else:
        lines = summary_lines(summaries, specs, options["overrides"])
        fits = len(specs) == 1 or max(map(cells, lines)) <= terminal_width()
        show_grid(lines if fits else turned_lines(summaries, specs))
