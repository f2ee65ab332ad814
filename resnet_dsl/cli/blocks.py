"""`resnet-dsl blocks`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, spec_argument
from resnet_dsl.cli.output import show_json, show_text


@click.command(short_help="Weights and MACs of a block, beside the paper's two blocks.")
@spec_argument
@click.option("--stage", metavar="NAME", help="The blocks of one stage.")
@input_option
@set_option
@json_option
def blocks(
    spec: str, stage: str | None, input: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Weights and MACs of the blocks of each stage, and of basic and bottleneck blocks in their
    place.

    \b
    Example:
      resnet-dsl blocks resnet50
      resnet-dsl blocks resnext50_32x4d --stage conv4_x
    """
    from resnet_dsl.answers.block_costs import blocks
    from resnet_dsl.render.block_text import block_lines

    rows = blocks(spec, input, overrides, stage=stage)
    if as_json:
        show_json(rows)
    else:
        show_text("\n".join(block_lines(rows)))
