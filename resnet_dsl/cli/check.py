"""`resnet-dsl check`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import specs_argument
from resnet_dsl.cli.output import show_error
from resnet_dsl.diagnostics import SpecError


@click.command(short_help="Validate pages; all that is wrong with them at once.")
@specs_argument
@click.pass_context
def check(ctx: click.Context, specs: tuple[str, ...]) -> None:
    """Validate any number of pages; all that is wrong with them at once.

    \b
    Example:
      resnet-dsl check specs/*.yaml
    """
    from resnet_dsl.sources.resolve import resolve

    failed = 0
    for spec in specs:
        try:
            resolve(spec)
            click.echo(f"{spec}: ok")
        except SpecError as error:
            show_error(error)
            failed += 1
    if failed:
        click.echo(f"{failed} of {len(specs)} pages cannot be used", err=True)
        ctx.exit(2)
