"""A source of networks as source code, with its table as the docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resnet_dsl.answers.analysis import Analysis, analysis_of
from resnet_dsl.diagnostics import fail, printable
from resnet_dsl.emission.torch_source import torch_source
from resnet_dsl.language.fields import Input
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import Naming
from resnet_dsl.render.grid import grid
from resnet_dsl.render.stage_table import table_rows
from resnet_dsl.sources.chosen_numbers import chosen_numbers
from resnet_dsl.sources.resolve import Resolved, Source, resolve

NAMINGS: Final[tuple[Naming, ...]] = ("torchvision", "timm")


def source(
    source: Source,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    naming: Naming = "torchvision",
) -> str:
    """PyTorch source of a path, a zoo name, a Spec or a Network, as if written by hand.

    It imports torch alone. Its last class has the keys, the outputs and, from the same seed, the
    first weights of `build`; `num_classes` and `in_channels` are arguments with the network's
    values as defaults, the spec's or those that are given, where it has classes and reads images by
    a convolution. `ruff format`
    changes nothing in it, and `lift` reads the same spec from it. Torch is not needed. Raises
    `SpecError` where the source is no network.

    >>> print(source("resnet18").splitlines()[-3])
            x = torch.flatten(x, 1)
    """
    chosen = chosen_numbers(resolve(source, overrides, input), num_classes, in_channels)
    return resolved_source(chosen.resolved, naming)


def resolved_source(resolved: Resolved, naming: Naming) -> str:
    """`source` of a network that is resolved."""
    init = resolved.spec.init if resolved.spec else Init()
    if naming not in NAMINGS:
        help = f"one of {', '.join(NAMINGS)}"
        raise fail("value", f"source has no {naming} names", help=help)
    return torch_source(resolved.network, init, _description(analysis_of(resolved)), naming)


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
