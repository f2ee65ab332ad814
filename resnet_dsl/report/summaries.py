"""The numbers of a network on one page: what it costs, sees and keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from resnet_dsl.folds.count import network_leaves
from resnet_dsl.folds.field import Field, field, receptive_field
from resnet_dsl.folds.memory import peak_activations
from resnet_dsl.ir import BatchNorm, Network, Shape, Size
from resnet_dsl.report.analysis import Cost, sides
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.sources.resolve import Resolved, Source, resolve

BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}
_COUNTER: Final = 8
_KEYS: Final = ("layers", "params", "buffers", "macs", "activations", "blur_macs")


class SummaryPart(NamedTuple):
    """The stem, a stage or the head; `field` is what a number that leaves it sees of the image."""

    name: str
    output: Size
    cost: Cost
    field: int | None


class Summary(NamedTuple):
    """A network's numbers for one image of the size `input`.

    `peak` is the most numbers that live at once in evaluation; `sizes` are the bytes of the
    weights and buffers by dtype.
    """

    name: str | None
    input: Shape
    parts: tuple[SummaryPart, ...]
    cost: Cost
    field: int
    peak: int
    sizes: dict[str, int]


def summary(
    source: Source,
    input: str | Sequence[int] | None = None,
    overrides: Sequence[str] = (),
) -> Summary:
    """The summary of a path, a zoo name, a Spec or a Network, without torch.

    `overrides` are settings like `stem.1.pad=0`, in place of what the page says.

    >>> found = summary("resnet50")
    >>> found.field, found.cost.activations, found.peak * 4
    (427, 11113984, 9633792)
    """
    resolved = resolve(source, overrides)
    found = resolved.analysis(input_shape(input))
    peak = peak_activations(resolved.network, found.input)
    parts = tuple(
        SummaryPart(name=part.name, output=part.output, cost=part.cost, field=field)
        for part, field in zip_longest(found.parts, _fields(resolved))
    )
    return Summary(
        name=found.name,
        input=found.input,
        parts=parts,
        cost=found.cost,
        field=receptive_field(resolved.network),
        peak=peak,
        sizes=_sizes(found.cost, resolved.network),
    )


def _fields(resolved: Resolved) -> Iterator[int]:
    """The field behind the stem and behind each stage."""
    layers, found = resolved.network.layers, Field()
    for run in (resolved.elaboration.stem, *resolved.elaboration.stages.values()):
        for i in run:
            found = field(layers[i], found)
        yield found.side


def _sizes(cost: Cost, network: Network) -> dict[str, int]:
    """Bytes of the state dict by dtype; counters are int64 in all of them."""
    counters = sum(isinstance(leaf, BatchNorm) for _, leaf in network_leaves(network))
    numbers = cost.params + cost.buffers - counters
    return {dtype: width * numbers + _COUNTER * counters for dtype, width in BYTES.items()}


def summary_json(found: Summary) -> dict[str, Any]:
    """The same facts for programs."""
    return {
        "name": found.name,
        "input": list(found.input),
        **_cost_json(found.cost),
        "receptive_field": found.field,
        "peak_activation_bytes": found.peak * BYTES["float32"],
        "bytes": found.sizes,
        "parts": [
            {
                "name": part.name,
                "output": list(part.output),
                **_cost_json(part.cost),
                "receptive_field": part.field,
            }
            for part in found.parts
        ],
    }


def _cost_json(cost: Cost) -> dict[str, int]:
    return {key: getattr(cost, key) for key in _KEYS}


HEADINGS: Final = ("layers", "params", "buffers", "MACs", "activations", "receptive field")


def lines(found: Summary) -> list[tuple[str, ...]]:
    """The parts and the total, every cell a text: name, output, and what `HEADINGS` say."""
    rows = [(part.name, sides(part.output), *_cells(part.cost, part.field)) for part in found.parts]
    return [*rows, ("total", "", *_cells(found.cost, found.field))]


def facts(found: Summary) -> dict[str, str]:
    """The totals by name, every one a text."""
    return {
        "input": str(found.input),
        **dict(zip(HEADINGS, _cells(found.cost, found.field), strict=True)),
        **({"MACs of blurs": f"{found.cost.blur_macs:,}"} if found.cost.blur_macs else {}),
        "peak activations, float32": _megabytes(found.peak * BYTES["float32"]),
        **{f"size, {dtype}": _megabytes(size) for dtype, size in found.sizes.items()},
    }


def _cells(cost: Cost, field: int | None) -> tuple[str, ...]:
    numbers = (cost.layers, cost.params, cost.buffers, cost.macs, cost.activations, field or 0)
    return tuple(f"{number:,}" if number else "" for number in numbers)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f} MB"
