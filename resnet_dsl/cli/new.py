"""`resnet-dsl new`."""

from __future__ import annotations

from pathlib import Path

import click

from resnet_dsl.cli.options import SPEC
from resnet_dsl.cli.output import show_note


@click.command(short_help="Start a page that extends another one.")
@click.argument("name")
@click.option(
    "--like",
    type=SPEC,
    metavar="SPEC",
    default="resnet50",
    show_default=True,
    help="The page to extend: a zoo name, or a .yaml file in the new page's folder or below.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write.  [default: NAME.yaml]",
)
def new(name: str, like: str, output: Path | None) -> None:
    """Start a page: a variant of another one, whose lines stand in it as comments.

    \b
    Example:
      resnet-dsl new mine --like resnet50
    """
    from resnet_dsl.sources.new_variant import start

    show_note(f"wrote {start(name, like, output)}")
