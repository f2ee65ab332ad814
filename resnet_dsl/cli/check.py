"""`resnet-dsl check`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import set_option, specs_argument
from resnet_dsl.cli.output import show_error, show_note, show_text
from resnet_dsl.diagnostics import SpecError


@click.command(short_help="Validate specs; lists every error at once.")
@specs_argument
@set_option
@click.pass_context
def check(ctx: click.Context, specs: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Validate any number of specs without building them; lists every error of each.

    \b
    Example:
      resnet-dsl check specs/*.yaml
    """
    from resnet_dsl.sources.resolve import check

    failed = 0
    for spec in specs:
        if diagnostics := check(spec, overrides):
            show_error(SpecError(diagnostics))
            failed += 1
        else:
            show_text(f"{spec}: ok")
    if failed:
        show_note(f"{failed} of {len(specs)} specs have errors")
        ctx.exit(2)
