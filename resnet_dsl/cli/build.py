"""`resnet-dsl build`."""

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
from resnet_dsl.cli.output import show_grid, show_json, show_note, terminal_width
from resnet_dsl.naming import NAMINGS

DTYPES = ("float32", "float64", "float16", "bfloat16")


@click.command(short_help="Compile a spec to a PyTorch model, and run it once.")
@spec_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the weights: .safetensors, .pt or .pth.",
)
@weights_option
@seed_option
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where the model lives: cpu, cuda, cuda:1, mps, …",
)
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True)
@click.option(
    "--naming",
    type=click.Choice(NAMINGS),
    default=NAMINGS[0],
    show_default=True,
    help="Whose names the weights have.",
)
@click.option("--meta", is_flag=True, help="Shapes only: no weights, no memory.")
@input_option
@classes_option
@channels_option
@prefix_option
@ignore_option
@force_option
@set_option
@json_option
def build(
    spec: str,
    device: str,
    meta: bool,
    overrides: tuple[str, ...],
    as_json: bool,
    **options: Any,  # those of `trial_run`
) -> None:
    """Compile a spec to a PyTorch model, run it once, and print its Table 1.

    \b
    Example:
      resnet-dsl build resnet50
      resnet-dsl build my.yaml --seed 0 -o my.safetensors
      resnet-dsl build timm/resnetv2_50 --naming timm --weights theirs.safetensors
      resnet-dsl build my.yaml --weights moco.pth --weights-key module.encoder_q
      resnet-dsl build resnet50 --weights resnet50.pth --classes 10 -o start.safetensors
    """
    if meta and (options["weights"] or options["output"]):
        raise click.UsageError("--meta has no weights to load or to write")
    from resnet_dsl.pytorch.trial_run import trial_run
    from resnet_dsl.render.build_text import build_lines

    trial = trial_run(spec, overrides, device="meta" if meta else device, **options)
    if as_json:
        show_json(trial.built)
    else:
        show_grid(build_lines(trial, spec, terminal_width()))
    for remark in trial.remarks:
        show_note(remark)
