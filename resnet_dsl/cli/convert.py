"""`resnet-dsl convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from resnet_dsl.cli.options import force_option, ignore_option, prefix_option
from resnet_dsl.cli.output import show_note
from resnet_dsl.naming import NAMINGS, Naming


@click.command(short_help="Rename the weights in a file for another library.")
@click.argument("weights", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    type=click.Choice(["auto", *NAMINGS]),
    default="auto",
    show_default=True,
    help="Whose names the weights have.",
)
@click.option("--to", type=click.Choice(NAMINGS), required=True, help="Whose names they get.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write: .safetensors, .pt or .pth.",
)
@prefix_option
@ignore_option
@force_option
def convert(
    weights: Path,
    source: Naming | Literal["auto"],
    to: Naming,
    output: Path,
    prefix: str | None,
    ignore: tuple[str, ...],
    force: bool,
) -> None:
    """Rename the weights in a file for another library; shapes are checked, numbers kept.

    \b
    Example:
      resnet-dsl convert pytorch_model.bin --to torchvision -o resnet50.safetensors
    """
    from resnet_dsl.pytorch.renaming import convert

    converted = convert(
        weights, output, to=to, source=source, prefix=prefix, ignore=ignore, force=force
    )
    for remark in converted.remarks:
        show_note(remark)
    theirs = f"{converted.source} names" if converted.source else "names of its own"
    show_note(f"{converted.tensors} tensors: {theirs} to {to} names")
    show_note(f"wrote {output}")
