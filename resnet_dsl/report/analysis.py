"""What a network costs, part by part and row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from resnet_dsl.elaborate import Elaboration
from resnet_dsl.elaborate.blocks import convolves
from resnet_dsl.folds.count import depth, macs, params
from resnet_dsl.folds.shape import traced
from resnet_dsl.ir import Shape, Size
from resnet_dsl.notation import HeadLayer, Row, format_layer, format_row
from resnet_dsl.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Weighted layers by the paper's rule, learnable scalars, multiply-accumulates; blocks."""

    blocks: int = 0
    layers: int = 0
    params: int = 0
    macs: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            blocks=self.blocks + other.blocks,
            layers=self.layers + other.layers,
            params=self.params + other.params,
            macs=self.macs + other.macs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the page: a layer of stem or head, a row of a stage."""

    text: str
    output: Size
    cost: Cost


class _Costed:
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
class Part(_Costed):
    """The stem, a stage or the head."""

    name: str
    lines: tuple[Line, ...]
    output: Size

    @property
    def cost(self) -> Cost:
        return sum((line.cost for line in self.lines), Cost())


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis(_Costed):
    """A network's numbers for one image of the size `input` (channels, height, width)."""

    name: str | None
    input: Shape
    stem: Part
    stages: tuple[Part, ...]
    head: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """Stem, stages and head, in order."""
        return (self.stem, *self.stages, self.head)

    @property
    def output(self) -> Size:
        return self.head.output

    @property
    def cost(self) -> Cost:
        return sum((part.cost for part in self.parts), Cost())


def analysis(spec: Spec, elaboration: Elaboration, input: Shape | None = None) -> Analysis:
    """The numbers of a network, at the page's input or another one; may raise `ShapeError`."""
    costs = _Costs(elaboration, input or spec.input)
    stem = costs.part("stem", elaboration.stem, spec.stem)
    stages = tuple(
        costs.part(name, elaboration.stages[name], stage.rows)
        for name, stage in spec.stages.items()
    )
    head = costs.part("head", elaboration.head, spec.head)
    return Analysis(name=spec.name, input=input or spec.input, stem=stem, stages=stages, head=head)


class _Costs:
    """A walk over the layers that measures every object once for each size."""

    def __init__(self, elaboration: Elaboration, size: Size) -> None:
        self.elaboration = elaboration
        self.size = size
        self.known: dict[tuple[int, Size], tuple[Cost, Size]] = {}

    def part(self, name: str, layers: range, words: Sequence[Row | HeadLayer]) -> Part:
        origins = self.elaboration.origins
        runs = [list(run) for _, run in groupby(layers, key=lambda i: origins[i].path)]
        lines = tuple(self._line(word, run) for word, run in zip(words, runs, strict=True))
        return Part(name=name, lines=lines, output=self.size)

    def _line(self, word: Row | HeadLayer, layers: list[int]) -> Line:
        cost = sum(map(self._step, layers), Cost())
        if isinstance(word, Row):
            blocks = word.repeats if convolves(word) else 0  # a pool alone is no block
            cost, text = replace(cost, blocks=blocks), format_row(word)
        else:
            text = format_layer(word)
        return Line(text=text, output=self.size, cost=cost)

    def _step(self, i: int) -> Cost:
        layer = self.elaboration.network.layers[i]
        key = id(layer), self.size
        if key not in self.known:
            steps, after = traced(layer, self.size, (i,))
            cost = Cost(layers=depth(layer), params=params(layer), macs=macs(steps))
            self.known[key] = cost, after
        cost, self.size = self.known[key]
        return cost
