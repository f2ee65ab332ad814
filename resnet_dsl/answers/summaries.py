"""What are the numbers of a network? Parameters, MACs, memory, receptive field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import prod
from typing import Final, NamedTuple

from resnet_dsl.answers.analysis import analysis_of
from resnet_dsl.diagnostics import fail
from resnet_dsl.folds.cost import Cost
from resnet_dsl.folds.field import Field, Fields, Sized
from resnet_dsl.folds.memory import peak_activations
from resnet_dsl.folds.training_memory import kept_for_backward
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import weight_shapes
from resnet_dsl.ir import BatchNorm, Network, Shape, Size
from resnet_dsl.language.fields import Input
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


class TrainingMemory(NamedTuple):
    """Bytes of a training step for a batch: what the backward pass reads, and the sums of that with
    weights, buffers, gradients and the state of an optimizer.

    `kept` are maps, places of maxima and statistics by precision, `total` all of it by optimizer
    and precision. SGD has momentum, and keeps one number for each weight; Adam keeps two. Mixed is
    automatic mixed precision: maps in 16 bits, and a copy of the filters in 16 bits. The workspace
    of a library and fragments of its memory are not counted.
    """

    batch: int
    kept: dict[str, int]
    gradients: int
    total: dict[str, int]


class Summary(NamedTuple):
    """A network's numbers for one image of the size `input`.

    `peak_activation_bytes` are the maps that live at once in evaluation, in float32, of a batch;
    `bytes` are those of the state dict, by dtype. `training` is there where it is asked for.
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
    batch: int = 1
    training: TrainingMemory | None = None


def summary(
    source: Source,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    *,
    batch: int = 1,
    training: bool = False,
) -> Summary:
    """The summary of a path, a zoo name, a Spec or a Network, without torch.

    `overrides` are settings like `stem.1.pad=0`, in place of the spec's own values. With
    `training`, it has the memory of a training step for a `batch` of images.

    >>> numbers = summary("resnet50")
    >>> numbers.receptive_field, numbers.activations, numbers.peak_activation_bytes
    (427, 11113984, 9633792)
    >>> summary("resnet50", batch=32, training=True).training.kept["float32"]
    2749316608
    """
    if batch < 1:
        raise fail("value", f"a batch of {batch}", help="at least 1")
    resolved = resolve(source, overrides, input)
    network, analysis = resolved.network, analysis_of(resolved)
    cost, peak = analysis.cost, peak_activations(network, analysis.input)
    *fields, last = _fields(resolved)
    parts = tuple(
        SummaryPart(part.name, part.output, *_counts(part.cost), receptive_field=field)
        for part, field in zip_longest(analysis.parts, fields)
    )
    return Summary(
        analysis.name,
        analysis.input,
        *_counts(cost),
        receptive_field=last,
        peak_activation_bytes=batch * peak * BYTES["float32"],
        bytes=_sizes(cost, network),
        parts=parts,
        batch=batch,
        training=_training(network, analysis.input, cost, batch) if training else None,
    )


_STATE: Final = {"SGD": 1, "Adam": 2}
"""Numbers that an optimizer keeps for each weight."""


def _training(network: Network, input: Shape, cost: Cost, batch: int) -> TrainingMemory:
    kept = kept_for_backward(network, input)
    full, half = BYTES["float32"], BYTES["float16"]
    copies = half * sum(
        prod(shape)
        for _, leaf in network_leaves(network)
        for shape in weight_shapes(leaf).values()
        if len(shape) > 1
    )
    by_precision = {
        "float32": kept.bytes(batch, full),
        "mixed": kept.bytes(batch, half) + copies,
    }
    gradients, weights = full * cost.params, _sizes(cost, network)["float32"]
    return TrainingMemory(
        batch,
        by_precision,
        gradients,
        {
            f"{optimizer}, {precision}": size + weights + gradients * (1 + numbers)
            for optimizer, numbers in _STATE.items()
            for precision, size in by_precision.items()
        },
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
