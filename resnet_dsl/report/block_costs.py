"""What one block costs, and what the two blocks of the paper would cost in its place.

He et al. 2015, figure 5: a bottleneck costs about as much as a basic block of its inner width. A
block is taken behind the first of its stage, where channels and map stay as they are; where none
can stand there, as in plain networks, it is the last one of its row, as it is built. Norms and
biases are in no formula. What whole stages cost is `report.analysis`; how this is printed,
`report.block_lines`.

>>> page, basic, inner = block_costs("resnet50")[0].blocks
>>> page.formula, page.weights
('1·1·256·64 + 3·3·64·64 + 1·1·64·256', 69632)
>>> inner.name, inner.formula, inner.weights
('basic, at the inner width 64', '3·3·64·64 + 3·3·64·64', 73728)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import prod
from typing import Final, TypeAlias, assert_never

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError, fail, nearest
from resnet_dsl.elaboration import elaborate_with_origins
from resnet_dsl.elaboration.block_layers import is_residual
from resnet_dsl.elaboration.draft import Work
from resnet_dsl.elaboration.stage_plans import paces
from resnet_dsl.elaboration.term_layers import convolves
from resnet_dsl.folds.anatomy import is_bottleneck
from resnet_dsl.folds.count import macs
from resnet_dsl.folds.shape import Sizes, Step, traced
from resnet_dsl.folds.weights import weight_shapes
from resnet_dsl.ir import Shape, Size
from resnet_dsl.language.spec import DEFAULTS, BlockKeys, Settings, Spec, Stage
from resnet_dsl.notation import Conv, Row, format_row
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.sources.resolve import Resolved, Source, resolve

_Weighted: TypeAlias = ir.Conv | ir.SqueezeExcite | ir.EfficientChannelAttention
"""What multiplies in a block."""
_EXPANSION: Final = 4
"""The width of a bottleneck by its inner width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCost:
    """A block, and its weights as a sum of products: kernel, kernel, channels in, channels out."""

    name: str
    row: str
    terms: tuple[str, ...]
    weights: int
    macs: int

    @property
    def formula(self) -> str:
        return " + ".join(self.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The block of a row, the first of `blocks`, and others in its place.

    Its stage has `count` of it, on maps of the size `output`. It `repeats` where it gets what it
    gives; else it is the last one of its row.
    """

    stage: str
    count: int
    output: Shape
    repeats: bool
    blocks: tuple[BlockCost, ...]

    @property
    def width(self) -> int:
        """The w of the formulas."""
        return self.output.channels

    def of_square(self, block: BlockCost) -> Fraction:
        """The weights of a block by w²."""
        return Fraction(block.weights, self.width**2)

    def times(self, block: BlockCost) -> Fraction:
        """The weights of a block by those of the page's."""
        return Fraction(block.weights, self.blocks[0].weights)


def block_costs(
    source: Source, input: str | Sequence[int] | None = None, stage: str | None = None
) -> list[Compared]:
    """The blocks of a page, row by row, or those of one stage; pools alone are no block.

    Raises `SpecError` where the source is no network, cannot take that input, or has no such stage.
    """
    resolved = resolve(source)
    stages = resolved.spec.stages
    if stage is not None and stage not in stages:
        guess = nearest(stage, stages)
        help = f"did you mean {guess!r}?" if guess else f"stages are {', '.join(stages)}"
        raise fail("value", f"{stage!r} is no stage of this page", help=help)
    sizes: list[Size] = [input_shape(input) or resolved.spec.input]
    with resolved.placing():
        known = Sizes()
        for i, layer in enumerate(resolved.network.layers):
            sizes.append(known.after(layer, sizes[-1], (i,)))
    return [
        _compared(name, resolved, row, numbers, sizes)
        for name in ([stage] if stage else stages)
        for row, numbers in _rows(stages[name]).items()
    ]


def _rows(stage: Stage) -> dict[Row, list[int]]:
    """The different rows of a stage, and the numbers of their blocks."""
    found: dict[Row, list[int]] = {}
    number = 0
    for row in filter(convolves, stage.rows):
        blocks = range(number + 1, number + 1 + row.repeats)
        found.setdefault(replace(row, repeats=1), []).extend(blocks)
        number += row.repeats
    return found


def _compared(
    name: str, resolved: Resolved, row: Row, numbers: list[int], sizes: list[Size]
) -> Compared:
    """A row's block beside others, at the size that its last one gives."""
    spec, found = resolved.spec, resolved.elaboration
    stop = found.blocks[f"{name}.{numbers[-1]}"]
    output = sizes[stop]
    assert isinstance(output, Shape), output
    dilation = paces(Work(spec.input), spec)[name].dilation
    steps = _repeated(row, spec.settings(spec.stages[name]), output, dilation)
    repeats = steps is not None
    if steps is None:  # as the network has it
        earlier = (end for end in found.blocks.values() if end < stop)
        start = max((found.stages[name].start, *earlier))
        steps = traced(ir.Sequence(resolved.network.layers[start:stop]), sizes[start])[0]
    own = _cost("page", row, steps)
    others = (_other(kind, other, output) for kind, other in _others(row, output.channels))
    different: dict[tuple[str, ...], BlockCost] = {own.terms: own}
    for other in others:
        different.setdefault(other.terms, other)
    return Compared(
        stage=name,
        count=len(numbers),
        output=output,
        repeats=repeats,
        blocks=tuple(different.values()),
    )


def _repeated(row: Row, settings: Settings, size: Shape, dilation: int = 1) -> list[Step] | None:
    """The steps of a block that gets what it gives, behind another; None where none can."""
    if not is_residual(row, settings):
        return None
    keys = {field.name: getattr(settings, field.name) for field in fields(settings)}
    keys["first_dilation"] = "new"  # as behind a stage of the same dilation
    if not settings.projects:
        del keys["projection"]
    stage = Stage(rows=(replace(row, repeats=2),), dilation=dilation)
    page = Spec(input=size, stem=(), block=BlockKeys(**keys), stages={"stage": stage}, head=())
    try:
        found = elaborate_with_origins(page)
    except SpecError:
        return None
    (end, _), layers = found.blocks.values(), found.network.layers
    keeps = traced(ir.Sequence(layers[:end]), size)[1] == size
    return traced(ir.Sequence(layers[end:]), size)[0] if keeps else None


def _others(row: Row, width: int) -> Iterator[tuple[str, Row]]:
    """The paper's blocks of the same width, and the one that costs about as much."""
    yield "basic", _basic(width)
    if width % _EXPANSION == 0:
        yield "bottleneck", _bottleneck(width)
    convs = [layer for layer in row.layers if isinstance(layer, Conv)]
    kernels = [conv.kernel for conv in convs] if len(row.branches) == 1 else []
    if is_bottleneck(kernels):
        inner = convs[1].channels
        yield f"basic, at the inner width {inner}", _basic(inner)
    elif kernels == [3, 3]:
        wide = _EXPANSION * width
        yield f"bottleneck, at {_EXPANSION} times the width", _bottleneck(wide)


def _basic(width: int) -> Row:
    conv = Conv(kernel=3, channels=width)
    return Row(branches=((conv, conv),))


def _bottleneck(width: int) -> Row:
    inner = width // _EXPANSION
    kernels = ((1, inner), (3, inner), (1, width))
    return Row(branches=(tuple(Conv(kernel=k, channels=c) for k, c in kernels),))


def _other(name: str, row: Row, size: Shape) -> BlockCost:
    last = row.layers[-1]
    assert isinstance(last, Conv), row
    steps = _repeated(row, DEFAULTS, size._replace(channels=last.channels))
    assert steps is not None, row
    return _cost(name, row, steps)


def _cost(name: str, row: Row, steps: Sequence[Step]) -> BlockCost:
    weighted = [(step, step.leaf) for step in steps if isinstance(step.leaf, _Weighted)]
    return BlockCost(
        name=name,
        row=format_row(row),
        terms=tuple(_term(step, leaf) for step, leaf in weighted),
        weights=sum(_weights(leaf) for _, leaf in weighted),
        macs=macs(steps),
    )


def _term(step: Step, leaf: _Weighted) -> str:
    match leaf:
        case ir.Conv(in_channels=i, out_channels=o, kernel=k, groups=groups):
            product = f"{k}·{k}·{i}·{o}" + (f"/{groups}" if groups > 1 else "")
            return f"projection: {product}" if "shortcut" in step.path else product
        case ir.SqueezeExcite(channels=channels, hidden=hidden):
            return f"se: 2·{channels}·{hidden}"
        case ir.EfficientChannelAttention(kernel=k):
            return f"eca: {k}"
        case _:
            assert_never(leaf)


def _weights(leaf: _Weighted) -> int:
    """The weights of a leaf, its biases aside."""
    return sum(prod(s) for key, s in weight_shapes(leaf).items() if key.endswith("weight"))
