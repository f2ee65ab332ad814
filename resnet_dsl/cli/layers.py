"""`resnet-dsl layers`."""

from __future__ import annotations

from dataclasses import asdict

import click

from resnet_dsl.cli.options import json_option, spec_argument
from resnet_dsl.cli.output import show_json


@click.command(short_help="Count layers by the paper's rule, with the arithmetic.")
@spec_argument
@json_option
def layers(spec: str, as_json: bool) -> None:
    """Count a page's layers by the paper's rule, with its arithmetic, and as others count.

    \b
    Example:
      resnet-dsl layers resnet18
    """
    from resnet_dsl.report.layer_counts import arithmetic, layer_counts

    found = layer_counts(spec)
    if as_json:
        show_json({"layers": found.layers, **asdict(found)})
        return
    for line in arithmetic(found):
        click.echo(line)
