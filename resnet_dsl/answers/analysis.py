"""What does a network cost, part by part and row by row?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from resnet_dsl.answers.layer_text import layers_text
from resnet_dsl.elaboration import Elaboration
from resnet_dsl.folds.cost import Cost, Costs, Indexed
from resnet_dsl.folds.shape import Sizes
from resnet_dsl.ir import Shape, Size
from resnet_dsl.language.fields import Input
from resnet_dsl.notation.printed import format_layer, format_row
from resnet_dsl.notation.terms import HeadLayer, Row
from resnet_dsl.notebooks import ShownInNotebooks
from resnet_dsl.sources.resolve import Part, Resolved, Source, resolve


class Line(NamedTuple):
    """One line of a spec: a layer of stem or head, a row of a stage."""

    text: str
    output: Size
    cost: Cost


class HasCost:
    """The numbers of a cost, by their own names."""

    __slots__ = ()

    @property
    def cost(self) -> Cost:
        raise AssertionError("every part knows its cost")

    @property
    def blocks(self) -> int:
        """Blocks, repeats counted."""
        return self.cost.blocks

    @property
    def layers(self) -> int:
        """Weighted layers on the longest path: the 50 of ResNet-50."""
        return self.cost.layers

    @property
    def params(self) -> int:
        """Learnable scalars."""
        return self.cost.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and fully connected layers."""
        return self.cost.macs


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnalysis(HasCost):
    """The stem, a stage, the head or an auxiliary classifier."""

    name: str
    lines: tuple[Line, ...]
    output: Size

    @property
    def cost(self) -> Cost:
        return sum((line.cost for line in self.lines), Cost())

    def with_params_alone(self) -> PartAnalysis:
        """The part as it counts where it does not run."""
        kept = [Cost(params=line.cost.params, buffers=line.cost.buffers) for line in self.lines]
        bare = (line._replace(cost=cost) for line, cost in zip(self.lines, kept, strict=True))
        return replace(self, lines=tuple(bare))


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis(HasCost, ShownInNotebooks):
    """A network's numbers for one image of the size `input` (channels, height, width)."""

    name: str | None
    input: Shape
    stem: PartAnalysis
    stages: tuple[PartAnalysis, ...]
    head: PartAnalysis
    auxiliaries: tuple[PartAnalysis, ...] = ()

    @property
    def parts(self) -> tuple[PartAnalysis, ...]:
        """Stem, stages, head and auxiliary classifiers, in order."""
        return (self.stem, *self.stages, self.head, *self.auxiliaries)

    @property
    def output(self) -> Size:
        return self.head.output

    @property
    def cost(self) -> Cost:
        return sum((part.cost for part in self.parts), Cost())


def sides(size: Size) -> str:
    """A map's height and width, as the paper prints output sizes; a vector's features.

    >>> sides(Shape(64, 56, 56))
    '56x56'
    """
    return f"{size.height}x{size.width}" if isinstance(size, Shape) else str(size)


def analyze(source: Source, input: Input | None = None, overrides: Sequence[str] = ()) -> Analysis:
    """Layers, params and MACs of a path, a zoo name, a Spec or a Network, without building it.

    `input` is one image in place of the spec's own: `"3x512x512"` or (channels, height, width), or
    512 with the spec's channels; `overrides` are settings like `stem.1.pad=0`. Raises `SpecError`
    where the source is not a network, or cannot take that input.

    >>> analyze("resnet50", "3x448x448").stages[-1].output
    Shape(channels=2048, height=14, width=14)
    """
    return analysis_of(resolve(source, overrides, input))


def analysis_of(resolved: Resolved) -> Analysis:
    """The numbers of a resolved network, at the size that answers are for."""
    size = resolved.size
    costs = Costs(size, resolved.costs)
    with resolved.placing():
        parts = [_part(resolved, part, costs) for part in resolved.parts]
        auxiliaries = _auxiliaries(resolved, size)
    stem, *stages, head = parts
    return Analysis(
        name=resolved.name,
        input=size,
        stem=stem,
        stages=tuple(stages),
        head=head,
        auxiliaries=auxiliaries,
    )


def _part(resolved: Resolved, part: Part, costs: Costs) -> PartAnalysis:
    layers = [(i, resolved.network.layers[i]) for i in part.layers]
    if resolved.elaboration:
        lines = _spec_lines(resolved.elaboration, part, layers, costs)
    else:
        lines = _layer_lines(part, layers, costs)
    return PartAnalysis(name=part.name, lines=tuple(lines), output=costs.size)


def _spec_lines(
    elaboration: Elaboration, part: Part, layers: Sequence[Indexed], costs: Costs
) -> list[Line]:
    """A line for each term of the spec, and for what no term stands for."""
    spec, lines = elaboration.spec, []
    rows = spec.stages[part.name].rows if part.name in spec.stages else ()
    terms: Sequence[Row | HeadLayer] = rows
    for path, run in groupby(layers, key=lambda layer: elaboration.origins[layer[0]].path):
        if path[0] != "stages":
            terms = spec.stem if path[0] == "stem" else spec.head
        term = terms[last] if isinstance(last := path[-1], int) else None
        cost = costs.of(run)
        if isinstance(term, Row):
            cost = replace(cost, blocks=term.repeats if term.is_block else 0)
        lines.append(Line(text=_text(term), output=costs.size, cost=cost))
    return lines


def _text(term: Row | HeadLayer | None) -> str:
    match term:
        case None:
            return "norm, activation"
        case Row():
            return format_row(term)
        case _:
            return format_layer(term)


def _layer_lines(part: Part, layers: Sequence[Indexed], costs: Costs) -> list[Line]:
    """Without a spec, a line for each block and for what stands between blocks; equal neighbours
    share one."""
    runs = groupby(layers, key=lambda layer: part.block_at(layer[0]))
    pieces = [(number, [layer for _, layer in run]) for number, run in runs]
    lines, position = [], part.layers.start
    for text, equal in groupby(pieces, key=lambda piece: layers_text(piece[1])):
        group = list(equal)
        stop = position + sum(len(piece) for _, piece in group)
        cost = costs.of(layers[position - part.layers.start : stop - part.layers.start])
        blocks = sum(number is not None for number, _ in group)
        times = f" x {len(group)}" if len(group) > 1 else ""
        lines.append(Line(text + times, costs.size, replace(cost, blocks=blocks)))
        position = stop
    return lines


def _auxiliaries(resolved: Resolved, input: Shape) -> tuple[PartAnalysis, ...]:
    """Classifiers that run in training only: they have params, and no layers or MACs that count."""
    network, elaboration = resolved.network, resolved.elaboration
    if not network.auxiliaries:
        return ()
    sizes, parts = Sizes(), []
    blocks = elaboration.blocks if elaboration else {}
    names = {block.stop: name for name, block in blocks.items()}
    for number, auxiliary in enumerate(network.auxiliaries):
        costs = Costs(sizes.after_all(network.layers[: auxiliary.position], input))
        name, lines = f"aux {number + 1}", list[Line]()
        layers = list(enumerate(auxiliary.layers))
        if elaboration:
            block = names[auxiliary.position]
            name, terms = f"aux {block}", elaboration.spec.aux[block]
            origins = elaboration.aux_origins[number]
            for path, run in groupby(layers, key=lambda layer: origins[layer[0]].path):
                cost = costs.of(run)
                lines.append(Line(format_layer(terms[int(path[-1])]), costs.size, cost))
        else:
            cost = costs.of(layers)
            lines.append(Line(layers_text(auxiliary.layers), costs.size, cost))
        part = PartAnalysis(name=name, lines=tuple(lines), output=costs.size)
        parts.append(part.with_params_alone())
    return tuple(parts)
