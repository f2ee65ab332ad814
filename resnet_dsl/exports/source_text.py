"""A source of networks as source code, with its table as the docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resnet_dsl.answers.analysis import Analysis, analysis_of
from resnet_dsl.diagnostics import fail, printable
from resnet_dsl.emission.dialects import FRAMEWORKS, Framework
from resnet_dsl.emission.keras_layers import KerasError
from resnet_dsl.emission.keras_source import keras_source
from resnet_dsl.emission.torch_source import torch_source
from resnet_dsl.language.fields import Input
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import Naming
from resnet_dsl.render.grid import grid
from resnet_dsl.render.stage_table import table_rows
from resnet_dsl.sources.chosen_numbers import resolve_chosen
from resnet_dsl.sources.resolve import Resolved, Source

NAMINGS: Final[tuple[Naming, ...]] = ("torchvision", "timm")


def source(
    source: Source,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    naming: Naming = "torchvision",
    framework: Framework = "torch",
) -> str:
    """PyTorch or Keras source of a path, a zoo name, a Spec or a Network, as if written by hand.

    That of PyTorch imports torch alone. Its last class has the keys, the outputs and, from the same
    seed, the first weights of `build`; `num_classes` and `in_channels` are arguments with the
    network's values as defaults, the spec's or those that are given, where it has classes and reads
    images by a convolution. `ruff format` changes nothing in it, and `lift` reads the same spec
    from it. That of Keras 3 takes maps with channels last, and the same weights give the same
    outputs. Torch is not needed. Raises `SpecError` where the source is no network, or Keras lacks
    a layer.

    >>> print(source("resnet18").splitlines()[-3])
            x = torch.flatten(x, 1)
    """
    chosen = resolve_chosen(source, overrides, input, num_classes, in_channels)
    return resolved_source(chosen.resolved, naming, framework)


def resolved_source(resolved: Resolved, naming: Naming, framework: Framework = "torch") -> str:
    """`source` of a network that is resolved."""
    init = resolved.spec.init if resolved.spec else Init()
    if naming not in NAMINGS:
        help = f"one of {', '.join(NAMINGS)}"
        raise fail("value", f"source has no {naming} names", help=help)
    description = _description(analysis_of(resolved))
    match framework:
        case "torch":
            return torch_source(resolved.network, init, description, naming)
        case "keras":
            channels, height, width = resolved.network.input
            size = f"(None, {height}, {width}, {channels})"
            description += ["", f"Maps have their channels last: model.build({size})."]
            try:
                return keras_source(resolved.network, init, description, naming)
            except KerasError as error:
                raise fail("value", str(error), help="--framework torch has all layers") from None
        case _:
            raise fail(
                "value", f"no source for {framework!r}", help=f"one of {', '.join(FRAMEWORKS)}"
            )


def _description(analysis: Analysis) -> list[str]:
    """The table of a network, for the docstring of its module."""
    cost = analysis.cost
    *rows, _ = table_rows(analysis)
    cells = [(row.layer, row.output, row.row) for row in rows]
    return [
        f"{printable(analysis.name or 'A network')} for images of {analysis.input}.",
        "",
        *grid(("layer", "output", "rows"), cells, left=range(3)),
        f" {cost.layers} layers, {cost.params:,} parameters, {cost.macs:,} multiply-accumulates",
    ]
