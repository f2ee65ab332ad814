"""`resnet-dsl fmt`."""

from __future__ import annotations

import sys

import click

from resnet_dsl.cli.options import specs_argument
from resnet_dsl.cli.output import show_error, show_note
from resnet_dsl.diagnostics import SpecError


@click.command(short_help="Format specs: every row and layer in its printed form.")
@specs_argument
@click.option("--write", is_flag=True, help="Rewrite the files in place.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file would change.")
@click.pass_context
def fmt(ctx: click.Context, specs: tuple[str, ...], write: bool, check: bool) -> None:
    """Format specs: every row and layer in its printed form; comments and layout stay.

    The SPEC - is the standard input.

    \b
    Example:
      resnet-dsl fmt my.yaml
      resnet-dsl fmt --write specs/*.yaml
      resnet-dsl fmt --check specs/*.yaml
    """
    if write and (check or "-" in specs):
        raise click.UsageError("--write takes files, and no --check")
    from resnet_dsl.reader.layout import formatted, is_formatted, read_layout, rewrite

    failed = changed = 0
    for spec in specs:
        try:
            if write:
                if rewrite(spec):
                    show_note(f"rewrote {spec}")
            elif not check:
                click.echo(formatted(read_layout(spec, sys.stdin.buffer)).encode(), nl=False)
            elif not is_formatted(read_layout(spec, sys.stdin.buffer)):
                show_note(f"would rewrite {spec}")
                changed += 1
        except SpecError as error:
            show_error(error)
            failed += 1
    if failed:
        show_note(f"{failed} of {len(specs)} specs have errors")
        ctx.exit(2)
    if changed:
        ctx.exit(1)
