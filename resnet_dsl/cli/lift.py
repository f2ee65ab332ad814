"""`resnet-dsl lift`."""

from __future__ import annotations

from pathlib import Path

import click

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
def lift(
    source: str,
    input: str | None,
    output: Path | None,
    weights: Path | None,
    verify: bool,
    partial: bool,
) -> None:
    """The spec of a model, by what it computes, or of a file of weights, by names and shapes.

    A SOURCE is torchvision:NAME or timm:NAME (with random weights), transformers:FOLDER,
    package.module:function(args), which is imported and called, or a file of weights.

    \b
    Example:
      resnet-dsl lift timm:resnet50d -o resnet50d.yaml
      resnet-dsl lift 'my.models:Net(10)' --input 3x32x32
      resnet-dsl lift weights.pth -o spec.yaml --weights renamed.safetensors
    """
    from resnet_dsl.pytorch.verified_lift import notes, verified_lift

    with progress(f"lifting {source}"):
        result = verified_lift(
            source, input=input, output=output, weights=weights, verify=verify, partial=partial
        )
    if not output:
        click.echo(result.text, nl=False)
    for note in notes(result):
        show_note(note)
    for path in (output, weights):
        if path:
            show_note(f"wrote {path}")
