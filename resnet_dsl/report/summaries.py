"""What are the numbers of a network? Parameters, MACs, memory, receptive field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from resnet_dsl.folds.cost import Cost
from resnet_dsl.folds.field import Field, Fields, Sized
from resnet_dsl.folds.memory import peak_activations
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.ir import BatchNorm, Network, Shape, Size
from resnet_dsl.language.fields import Input
from resnet_dsl.report.analysis import analysis_of
from resnet_dsl.sources.resolve import Resolved, Source, resolve

BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}
_COUNTER: Final = 8


class SummaryPart(NamedTuple):
    """The stem, a stage or the head: what it gives and costs, and the receptive field after it."""

    name: str
    output: Size
    layers: int
    params: int
    buffers: int
    macs: int
    activations: int
    blur_macs: int
    receptive_field: int | None


class Summary(NamedTuple):
    """A network's numbers for one image of the size `input`.

    `peak_activation_bytes` are the maps that live at once in evaluation, in float32; `bytes` are
    those of the state dict, by dtype.
    """

    name: str | None
    input: Shape
    layers: int
    params: int
    buffers: int
    macs: int
    activations: int
    blur_macs: int
    receptive_field: int
    peak_activation_bytes: int
    bytes: dict[str, int]
    parts: tuple[SummaryPart, ...]


def summary(source: Source, input: Input | None = None, overrides: Sequence[str] = ()) -> Summary:
    """The summary of a path, a zoo name, a Spec or a Network, without torch.

    `overrides` are settings like `stem.1.pad=0`, in place of the spec's own values.

    >>> numbers = summary("resnet50")
    >>> numbers.receptive_field, numbers.activations, numbers.peak_activation_bytes
    (427, 11113984, 9633792)
    """
    resolved = resolve(source, overrides, input)
    analysis = analysis_of(resolved)
    cost = analysis.cost
    *fields, last = _fields(resolved)
    parts = tuple(
        SummaryPart(part.name, part.output, *_counts(part.cost), receptive_field=field)
        for part, field in zip_longest(analysis.parts, fields)
    )
    peak = peak_activations(resolved.network, analysis.input)
    return Summary(
        analysis.name,
        analysis.input,
        *_counts(cost),
        receptive_field=last,
        peak_activation_bytes=peak * BYTES["float32"],
        bytes=_sizes(cost, resolved.network),
        parts=parts,
    )


def _counts(cost: Cost) -> tuple[int, int, int, int, int, int]:
    return (
        cost.layers,
        cost.params,
        cost.buffers,
        cost.macs,
        cost.activations,
        cost.blur_macs,
    )


def _fields(resolved: Resolved) -> Iterator[int]:
    """The receptive field after the stem, after each stage and after the head."""
    layers, fields = resolved.network.layers, Fields()
    sized: Sized = resolved.size, Field()
    for part in resolved.parts:
        sized = fields.after_all((layers[i] for i in part.layers), sized)
        yield sized[1].side


def _sizes(cost: Cost, network: Network) -> dict[str, int]:
    """Bytes of the state dict by dtype; counters are int64 in all of them."""
    counters = sum(isinstance(leaf, BatchNorm) for _, leaf in network_leaves(network))
    numbers = cost.params + cost.buffers - counters
    return {dtype: width * numbers + _COUNTER * counters for dtype, width in BYTES.items()}
