"""`resnet-dsl lift`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from resnet_dsl.cli.options import force_option, ignore_option, prefix_option, set_option
from resnet_dsl.cli.output import progress, show_note


@click.command(short_help="The spec of a model, or of a file of weights.")
@click.argument("source")
@click.option("--input", help="The size of an image: 3x224x224, or the source's own.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the spec to a file.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Write the source's weights under the spec's names: .safetensors, .pt or .pth.",
)
@click.option(
    "--verify/--no-verify",
    default=True,
    show_default=True,
    help="Build the spec, and compare the outputs.",
)
@click.option(
    "--partial", is_flag=True, help="Where a layer is not supported, the spec of what is before it."
)
@click.option(
    "--images",
    is_flag=False,
    flag_value="skimage",
    metavar="[DIR]",
    help="Decide what weights do not show by the statistics of their norms on the photographs in a "
    "folder; without DIR, on those of scikit-image (pip install 'resnet-dsl[images]').",
)
@set_option
@prefix_option
@ignore_option
@force_option
def lift(
    source: str,
    output: Path | None,
    weights: Path | None,
    **options: Any,  # those of `verified_lift`
) -> None:
    """The spec of a model, by what it computes, or of a file of weights, by names and shapes.

    A SOURCE is torchvision:NAME or timm:NAME (with random weights), transformers:FOLDER,
    package.module:function(args), which is imported and called, or a file of weights.

    \b
    Example:
      resnet-dsl lift timm:resnet50d -o resnet50d.yaml
      resnet-dsl lift 'my.models:Net(10)' --input 3x32x32
      resnet-dsl lift weights.pth -o spec.yaml --weights renamed.safetensors
      resnet-dsl lift moco.pth --weights-key module.encoder_q
      resnet-dsl lift weights.pth --images photographs --set block.stride_on=first
    """
    from resnet_dsl.pytorch.verified_lift import notes, verified_lift

    with progress(f"lifting {source}"):
        result = verified_lift(source, output=output, weights=weights, **options)
    if not output:
        click.echo(result.text, nl=False)
    for note in notes(result):
        show_note(note)
    for path in (output, weights):
        if path:
            show_note(f"wrote {path}")
