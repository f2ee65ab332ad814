"""`resnet-dsl layers`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, spec_argument
from resnet_dsl.cli.output import show_json, show_text


@click.command(short_help="Count layers by the paper's rule, with the arithmetic.")
@spec_argument
@input_option
@set_option
@json_option
def layers(spec: str, input: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Count the layers of a spec by the paper's rule, with the arithmetic, and as others count.

    \b
    Example:
      resnet-dsl layers resnet18
      resnet-dsl layers cifar/wrn28_10
    """
    from resnet_dsl.answers.layer_counts import layers
    from resnet_dsl.render.layer_count_text import arithmetic

    counts = layers(spec, overrides, input)
    if as_json:
        show_json(counts)
    else:
        show_text("\n".join(arithmetic(counts)))
