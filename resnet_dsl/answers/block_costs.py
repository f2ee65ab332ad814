"""What does one block cost, and what would the two blocks of the paper cost in its place?

He et al. 2015, figure 5: a bottleneck costs about as much as a basic block of its inner width. A
block is counted after the first of its stage, where channels and map stay as they are; where it
cannot stand there, as in plain networks, it is the last one of its row, as it is built. Norms and
biases are in no formula.

>>> own, basic, inner = blocks("resnet50")[0].blocks
>>> own.formula, own.weights
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
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import elaboration_of
from resnet_dsl.folds.anatomy import is_bottleneck
from resnet_dsl.folds.count import macs
from resnet_dsl.folds.shape import Sizes, sized_visits
from resnet_dsl.folds.walk import Visit
from resnet_dsl.folds.weights import weight_shapes
from resnet_dsl.ir import LayerPath, Shape, Size
from resnet_dsl.language.fields import Input
from resnet_dsl.language.spec import DEFAULTS, BlockKeys, Settings, Spec, Stage
from resnet_dsl.notation.printed import format_row
from resnet_dsl.notation.terms import Conv, Row
from resnet_dsl.sources.resolve import Resolved, Source, part_named, with_spec

_Weighted: TypeAlias = ir.Conv | ir.SqueezeExcite | ir.EfficientChannelAttention
"""What multiplies in a block."""
_EXPANSION: Final = 4
"""The width of a bottleneck by its inner width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCost:
    """A block, and its weights as a sum of products: kernel, kernel, channels in, channels out.

    `times` and `times_macs` are its weights and MACs by those of the spec's block.
    """

    name: str
    row: str
    formula: str
    weights: int
    of_width_squared: Fraction
    macs: int
    times: float
    times_macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlocks:
    """The block of a row, the first of `blocks`, and others in its place.

    Its stage has `count` of it, on maps of the size `output`; `width` is the w of the formulas. It
    `repeats` if its input and output sizes are equal; else it is the last block of its row.
    """

    stage: str
    count: int
    width: int
    output: Shape
    repeats: bool
    blocks: tuple[BlockCost, ...]


def blocks(
    source: Source,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    *,
    stage: str | None = None,
) -> list[RowBlocks]:
    """The blocks of a spec, row by row, or those of one stage; pools alone are not blocks.

    Raises `SpecError` where the source is not a network, cannot take that input, has no such stage,
    or has no spec.
    """
    resolved = with_spec(source, overrides, input)
    stages = resolved.parts[1:-1]
    chosen = [part_named(stages, stage)] if stage is not None else stages
    sizes: list[Size] = [resolved.size]
    with resolved.placing():
        known = Sizes()
        for i, layer in enumerate(resolved.network.layers):
            sizes.append(known.after(layer, sizes[-1], LayerPath((i,))))
    return [
        _compared(part.name, resolved, row, numbers, sizes)
        for part in chosen
        for row, numbers in _rows(resolved, part.name).items()
    ]


def _rows(resolved: Resolved, stage: str) -> dict[Row, list[int]]:
    """The different rows of a stage, and the numbers of their blocks."""
    assert resolved.elaboration is not None
    rows: dict[Row, list[int]] = {}
    number = 0
    for row in resolved.elaboration.spec.stages[stage].rows:
        if row.is_block:
            numbers = range(number + 1, number + 1 + row.repeats)
            rows.setdefault(replace(row, repeats=1), []).extend(numbers)
            number += row.repeats
    return rows


def _compared(
    stage: str, resolved: Resolved, row: Row, numbers: list[int], sizes: list[Size]
) -> RowBlocks:
    """A row's block beside others, at the size that its last one gives."""
    elaboration = resolved.elaboration
    assert elaboration is not None
    spec, layers = elaboration.spec, elaboration.blocks[f"{stage}.{numbers[-1]}"]
    output = sizes[layers.stop]
    assert isinstance(output, Shape), output
    settings = spec.settings(spec.stages[stage])
    visits = _repeated(row, settings, output, elaboration.stages[stage].plan.dilation)
    repeats = visits is not None
    if visits is None:  # as the network has it
        built = ir.Sequence(resolved.network.layers[layers.start : layers.stop])
        visits = sized_visits(built, sizes[layers.start])[0]
    own = _Counted("spec", row, visits)
    others = [_other(kind, other, output) for kind, other in _others(row, output.channels)]
    different: dict[tuple[str, ...], _Counted] = {}
    for counted in (own, *others):
        different.setdefault(counted.terms, counted)
    return RowBlocks(
        stage=stage,
        count=len(numbers),
        width=output.channels,
        output=output,
        repeats=repeats,
        blocks=tuple(counted.beside(own, output.channels) for counted in different.values()),
    )


class _Counted:
    """A block with its products, weights and MACs."""

    def __init__(self, name: str, row: Row, visits: Sequence[Visit[Size]]) -> None:
        weighted = [(v.path, v.node) for v in visits if isinstance(v.node, _Weighted)]
        self.name, self.row = name, format_row(row)
        self.terms = tuple(_term(path, leaf) for path, leaf in weighted)
        self.weights = sum(_weights(leaf) for _, leaf in weighted)
        self.macs = macs(visits)

    def beside(self, own: _Counted, width: int) -> BlockCost:
        """Its cost, by that of the spec's block."""
        return BlockCost(
            name=self.name,
            row=self.row,
            formula=" + ".join(self.terms),
            weights=self.weights,
            of_width_squared=Fraction(self.weights, width**2),
            macs=self.macs,
            times=self.weights / own.weights,
            times_macs=self.macs / own.macs,
        )


def _repeated(
    row: Row, settings: Settings, size: Shape, dilation: int = 1
) -> list[Visit[Size]] | None:
    """The nodes of a block of equal input and output size; None where there is none."""
    if settings.shortcut == "none":
        return None
    keys = {field.name: getattr(settings, field.name) for field in fields(settings)}
    keys["first_dilation"] = "new"  # as after a stage of the same dilation
    if not settings.projects:
        del keys["projection"]
    stage = Stage(rows=(replace(row, repeats=2),), dilation=dilation)
    spec = Spec(input=size, stem=(), block=BlockKeys(**keys), stages={"stage": stage}, head=())
    try:
        elaboration = elaboration_of(spec)
    except SpecError:
        return None
    (first, _), layers = elaboration.blocks.values(), elaboration.network.layers
    keeps = sized_visits(ir.Sequence(layers[: first.stop]), size)[1] == size
    return sized_visits(ir.Sequence(layers[first.stop :]), size)[0] if keeps else None


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


def _other(name: str, row: Row, size: Shape) -> _Counted:
    last = row.layers[-1]
    assert isinstance(last, Conv), row
    visits = _repeated(row, DEFAULTS, size._replace(channels=last.channels))
    assert visits is not None, row
    return _Counted(name, row, visits)


def _term(path: LayerPath, leaf: _Weighted) -> str:
    match leaf:
        case ir.Conv(in_channels=i, out_channels=o, kernel=k, groups=groups):
            product = f"{k}·{k}·{i}·{o}" + (f"/{groups}" if groups > 1 else "")
            return f"projection: {product}" if "shortcut" in path else product
        case ir.SqueezeExcite(channels=channels, hidden=hidden):
            return f"se: 2·{channels}·{hidden}"
        case ir.EfficientChannelAttention(kernel=k):
            return f"eca: {k}"
        case _:
            assert_never(leaf)


def _weights(leaf: _Weighted) -> int:
    """The weights of a leaf that multiply: not its biases, nor those of a norm in it."""
    return sum(prod(size) for size in weight_shapes(leaf).values() if len(size) > 1)
