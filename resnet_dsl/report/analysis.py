"""What a network costs, part by part and row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import NamedTuple

from resnet_dsl.elaboration import Elaboration
from resnet_dsl.elaboration.draft import Origin
from resnet_dsl.elaboration.term_layers import convolves
from resnet_dsl.folds.count import activations, blur_macs, buffers, depth, macs, params
from resnet_dsl.folds.shape import Sizes, traced
from resnet_dsl.ir import Layer, Shape, Size
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation import HeadLayer, Row, format_layer, format_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Blocks; weighted layers by the paper's rule; learnable scalars; multiply-accumulates, and
    those of blurs; buffers; numbers that convolutions put out."""

    blocks: int = 0
    layers: int = 0
    params: int = 0
    macs: int = 0
    buffers: int = 0
    activations: int = 0
    blur_macs: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            blocks=self.blocks + other.blocks,
            layers=self.layers + other.layers,
            params=self.params + other.params,
            macs=self.macs + other.macs,
            buffers=self.buffers + other.buffers,
            activations=self.activations + other.activations,
            blur_macs=self.blur_macs + other.blur_macs,
        )

    def times(self, count: int) -> Cost:
        """The cost of so many of the same."""
        return Cost(**{key.name: count * getattr(self, key.name) for key in fields(Cost)})


class Line(NamedTuple):
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
    """The stem, a stage, the head or an auxiliary classifier."""

    name: str
    lines: tuple[Line, ...]
    output: Size

    @property
    def cost(self) -> Cost:
        return sum((line.cost for line in self.lines), Cost())

    def with_params_alone(self) -> Part:
        """The part as it counts where it does not run."""
        kept = [Cost(params=line.cost.params, buffers=line.cost.buffers) for line in self.lines]
        bare = (line._replace(cost=cost) for line, cost in zip(self.lines, kept, strict=True))
        return replace(self, lines=tuple(bare))


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis(_Costed):
    """A network's numbers for one image of the size `input` (channels, height, width)."""

    name: str | None
    input: Shape
    stem: Part
    stages: tuple[Part, ...]
    head: Part
    auxiliaries: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
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


def analysis(spec: Spec, elaboration: Elaboration, input: Shape | None = None) -> Analysis:
    """The numbers of a network, at the page's input or another one; may raise `ShapeError`."""
    costs = _Costs(input or spec.input)
    layers, origins = elaboration.network.layers, elaboration.origins
    found: list[Part] = []
    for name, run, words in (
        ("stem", elaboration.stem, spec.stem),
        *((name, elaboration.stages[name], stage.rows) for name, stage in spec.stages.items()),
        ("head", elaboration.head, spec.head),
    ):
        found.append(costs.part(name, [(i, layers[i], origins[i]) for i in run], words))
    stem, *stages, head = found
    return Analysis(
        name=spec.name,
        input=input or spec.input,
        stem=stem,
        stages=tuple(stages),
        head=head,
        auxiliaries=_auxiliaries(spec, elaboration, input or spec.input),
    )


def _auxiliaries(spec: Spec, elaboration: Elaboration, input: Shape) -> tuple[Part, ...]:
    """Classifiers that run in training only: they have params, and no layers or MACs that count."""
    network, origins = elaboration.network, elaboration.aux_origins
    found = []
    names = sorted(spec.aux, key=elaboration.blocks.__getitem__)
    for i, (name, aux) in enumerate(zip(names, network.auxiliaries, strict=True)):
        size: Size = input
        sizes = Sizes()
        for j, layer in enumerate(network.layers[: aux.behind]):
            size = sizes.after(layer, size, (j,))
        layers = [(j, layer, origins[i][j]) for j, layer in enumerate(aux.layers)]
        part = _Costs(size).part(f"aux {name}", layers, spec.aux[name])
        found.append(part.with_params_alone())
    return tuple(found)


class _Costs:
    """A walk over the layers that measures every object once for each size."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.known: dict[tuple[int, Size], tuple[Cost, Size]] = {}

    def part(
        self,
        name: str,
        layers: Sequence[tuple[int, Layer, Origin]],
        words: Sequence[Row | HeadLayer],
    ) -> Part:
        """A line for each word, and for what no word of the page stands for."""
        lines = []
        for path, run in groupby(layers, key=lambda found: found[2].path):
            word = words[last] if isinstance(last := path[-1], int) else None
            lines.append(self._line(word, [(i, layer) for i, layer, _ in run]))
        return Part(name=name, lines=tuple(lines), output=self.size)

    def _line(self, word: Row | HeadLayer | None, layers: list[tuple[int, Layer]]) -> Line:
        cost = Cost()
        for _, run in groupby(layers, key=lambda found: id(found[1])):
            cost += self._repeated(list(run))
        if isinstance(word, Row):
            blocks = word.repeats if convolves(word) else 0  # a pool alone is no block
            cost, text = replace(cost, blocks=blocks), format_row(word)
        elif word is None:
            text = "norm, activation"
        else:
            text = format_layer(word)
        return Line(text=text, output=self.size, cost=cost)

    def _repeated(self, run: list[tuple[int, Layer]]) -> Cost:
        """One layer again and again: from where it leaves the size alone it costs the same."""
        cost = Cost()
        for done, (i, layer) in enumerate(run, 1):
            before = self.size
            once = self._step(i, layer)
            if self.size == before:
                return cost + once.times(len(run) - done + 1)
            cost += once
        return cost

    def _step(self, i: int, layer: Layer) -> Cost:
        key = id(layer), self.size
        if key not in self.known:
            steps, after = traced(layer, self.size, (i,))
            cost = Cost(
                layers=depth(layer),
                params=params(layer),
                macs=macs(steps),
                buffers=buffers(layer),
                activations=activations(steps),
                blur_macs=blur_macs(steps),
            )
            self.known[key] = cost, after
        cost, self.size = self.known[key]
        return cost
