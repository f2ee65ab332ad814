"""`resnet-dsl fmt`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from resnet_dsl.cli.options import specs_argument
from resnet_dsl.cli.output import show_error, show_note
from resnet_dsl.diagnostics import SpecError

if TYPE_CHECKING:
    from resnet_dsl.reader import Page


@click.command(short_help="Print or rewrite pages in their one form.")
@specs_argument
@click.option("--write", is_flag=True, help="Rewrite the files in place.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file would change.")
@click.pass_context
def fmt(ctx: click.Context, specs: tuple[str, ...], write: bool, check: bool) -> None:
    """Print pages with every row and layer in its one form; comments and layout stay.

    The SPEC - is the standard input.

    \b
    Example:
      resnet-dsl fmt my.yaml
      resnet-dsl fmt --write specs/*.yaml
      resnet-dsl fmt --check specs/*.yaml
    """
    if write and (check or "-" in specs):
        raise click.UsageError("--write takes files, and no --check")
    from resnet_dsl.reader.layout import formatted, is_formatted, rewrite

    failed = changed = 0
    for spec in specs:
        try:
            if write:
                if rewrite(spec):
                    show_note(f"rewrote {spec}")
            elif not check:
                click.echo(formatted(_page(spec)).encode(), nl=False)
            elif not is_formatted(_page(spec)):
                show_note(f"would rewrite {spec}")
                changed += 1
        except SpecError as error:
            show_error(error)
            failed += 1
    if failed:
        show_note(f"{failed} of {len(specs)} pages cannot be used")
        ctx.exit(2)
    if changed:
        ctx.exit(1)


def _page(spec: str) -> Page:
    from resnet_dsl.reader import read_page, read_text
    from resnet_dsl.reader.tree import LARGEST_FILE, decode

    if spec != "-":
        return read_page(spec)
    source = decode(sys.stdin.buffer.read(LARGEST_FILE + 1), "<stdin>")
    return read_text(source.text, source.name)
