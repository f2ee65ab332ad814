"""`resnet-dsl new`."""

from __future__ import annotations

from pathlib import Path

import click

from resnet_dsl.cli.options import SPEC
from resnet_dsl.cli.output import show_note


@click.command(short_help="Start a spec that extends another one.")
@click.argument("name")
@click.option(
    "--like",
    type=SPEC,
    metavar="SPEC",
    default="resnet50",
    show_default=True,
    help="The spec to extend: a zoo name, or a .yaml file in the new spec's folder or below.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write.  [default: NAME.yaml]",
)
def new(name: str, like: str, output: Path | None) -> None:
    """Start a spec: a variant of another one, whose lines it has as comments.

    \b
    Example:
      resnet-dsl new mine --like resnet50
    """
    from resnet_dsl.sources.new_variant import new

    show_note(f"wrote {new(name, like, output)}")
