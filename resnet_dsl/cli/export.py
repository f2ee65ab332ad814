"""`resnet-dsl export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from resnet_dsl.cli.options import (
    channels_option,
    classes_option,
    force_option,
    ignore_option,
    input_option,
    json_option,
    prefix_option,
    seed_option,
    set_option,
    spec_argument,
    weights_option,
)
from resnet_dsl.cli.output import progress, show_json, show_note, show_text
from resnet_dsl.emission.dialects import FRAMEWORKS
from resnet_dsl.naming import NAMINGS

_OF_SOURCE = ("overrides", "input", "num_classes", "in_channels", "naming", "framework")
"""The options of `source`, which is printed where no file is named."""


@click.command(short_help="Source code, ONNX, torch.export: a network that leaves.")
@spec_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write: .py, .onnx or .pt2; without it the source code is printed.",
)
@click.option(
    "--naming",
    type=click.Choice(NAMINGS[:2]),
    default=NAMINGS[0],
    show_default=True,
    help="Whose names the modules of .py have.",
)
@click.option(
    "--framework",
    type=click.Choice(FRAMEWORKS),
    default=FRAMEWORKS[0],
    show_default=True,
    help="Whose layers .py has.",
)
@weights_option
@seed_option
@prefix_option
@ignore_option
@click.option("--fuse", is_flag=True, help="Fold batch norms into the convolutions before them.")
@click.option(
    "--int8", is_flag=True, help="8-bit integers, with ranges that --images decide (.onnx)."
)
@click.option(
    "--images", metavar="DIR", help="Photographs for --int8: a folder, or skimage for its own."
)
@input_option
@classes_option
@channels_option
@set_option
@force_option
@json_option
def export(spec: str, output: Path | None, as_json: bool, **options: Any) -> None:
    """Write a network as a file that needs no resnet-dsl.

    .py is source as if written by hand: of PyTorch with the names, outputs and seeded weights of
    build, or of Keras 3. .onnx and .pt2 have weights, and their outputs are compared with the
    model's; they take batches of any size, and images of any size where the network does. ONNX
    needs the extra onnx: pip install 'resnet-dsl[onnx]'.

    \b
    Example:
      resnet-dsl export resnet50
      resnet-dsl export resnet50 -o resnet50.py
      resnet-dsl export resnet50 --framework keras -o resnet50_keras.py
      resnet-dsl export mine.yaml --weights mine.safetensors -o mine.onnx
      resnet-dsl export mine.yaml --weights mine.safetensors --fuse -o mine.pt2
      resnet-dsl export resnet18 --weights w.pth --int8 --images photos/ -o resnet18.onnx
    """
    import resnet_dsl
    from resnet_dsl.render.export_text import export_notes

    if output is None:
        from resnet_dsl.exports.formats import check_format

        if as_json:
            raise click.UsageError("--json describes a file: name it with -o")
        others = {key: value for key, value in options.items() if key not in {*_OF_SOURCE, "force"}}
        check_format(Path("source.py"), **others)
        text = resnet_dsl.source(spec, **{key: options[key] for key in _OF_SOURCE})
        show_text(text.rstrip("\n"))
        return
    with progress(f"exporting {spec}"):
        exported = resnet_dsl.export(spec, output, **options)
    if as_json:
        show_json(exported)
        return
    for note in export_notes(exported):
        show_note(note)
