"""`resnet-dsl blocks`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, spec_argument
from resnet_dsl.cli.output import show_json, show_text


@click.command(short_help="What a block costs, beside the paper's two blocks.")
@spec_argument
@click.option("--stage", metavar="NAME", help="The blocks of one stage.")
@input_option
@json_option
def blocks(spec: str, stage: str | None, input: str | None, as_json: bool) -> None:
    """What a block of each stage costs, and what basic and bottleneck blocks cost in its place.

    \b
    Example:
      resnet-dsl blocks resnet50
      resnet-dsl blocks resnext50_32x4d --stage conv4_x
    """
    from resnet_dsl.render.block_text import blocks_json, lines
    from resnet_dsl.report.block_costs import block_costs

    found = block_costs(spec, input, stage)
    if as_json:
        show_json(blocks_json(found))
    else:
        show_text("\n".join(lines(found)))
