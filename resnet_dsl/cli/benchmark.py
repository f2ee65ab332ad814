"""`resnet-dsl benchmark`."""

from __future__ import annotations

from typing import Any

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, spec_argument
from resnet_dsl.cli.output import progress, show_grid, show_json


def _words(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, _words(context, parameter, value)))
    except ValueError:
        raise click.BadParameter(f"{value!r}: numbers are parted by commas: 1,8") from None


@click.command(short_help="How long a network takes: eager, compiled, onnxruntime, int8.")
@spec_argument
@click.option(
    "--backend",
    callback=_words,
    default="eager,onnxruntime",
    show_default=True,
    metavar="LIST",
    help="Of eager, compile, onnxruntime, int8; the first is what others are compared with.",
)
@click.option(
    "--batch",
    callback=_numbers,
    default="1",
    show_default=True,
    metavar="LIST",
    help="Images at a time: 1,8.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=2.0,
    show_default=True,
    help="Time for each backend and batch.",
)
@click.option("--device", default="cpu", show_default=True, help="For eager and compile: cuda, …")
@input_option
@set_option
@json_option
def benchmark(spec: str, as_json: bool, **options: Any) -> None:
    """Time a network by each way to run it, on this machine.

    Runs take turns in one process. Weights are drawn: times do not depend on them. onnxruntime and
    int8 need the extra onnx: pip install 'resnet-dsl[onnx]'.

    \b
    Example:
      resnet-dsl benchmark resnet50
      resnet-dsl benchmark mine.yaml --backend eager,compile,onnxruntime,int8 --batch 1,8
      resnet-dsl benchmark resnet50 --input 3x384x384 --seconds 10
    """
    from resnet_dsl.pytorch.benchmarking import benchmark
    from resnet_dsl.render.benchmark_text import benchmark_lines

    with progress(f"running {spec}"):
        result = benchmark(spec, **options)
    if as_json:
        show_json(result)
    else:
        show_grid(benchmark_lines(result, spec))
