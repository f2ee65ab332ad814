"""Blocks in words to the rows of a stage: what repeats, which stride and dilation it has.

A stage is read with every number said; `StageWords.say` leaves out what the settings around it say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any, get_args

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import add_stage, speaks_of_strides
from resnet_dsl.elaboration.block_layers import Pace, carrier
from resnet_dsl.elaboration.draft import Work
from resnet_dsl.folds.anatomy import Unit, closes
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import (
    CHOICES,
    DEFAULTS,
    FIRST_STRIDE,
    STAGE_STRIDE,
    Norm,
    Settings,
    Stage,
    StrideOn,
    default_bias,
    default_padding,
)
from resnet_dsl.notation import Branch, Conv, Row, RowLayer
from resnet_dsl.recovery.inferred import ANY, Block, Facts
from resnet_dsl.recovery.layer_terms import plain
from resnet_dsl.recovery.unit_terms import drop_path


@dataclass(frozen=True, slots=True, kw_only=True)
class StageWords:
    """A stage in words, its settings still open.

    `stride` is the one to insert, or None where the rows speak of strides; `dilation` and `first`
    are those of the stage and of the convolution that carries its stride.
    """

    rows: tuple[Row, ...]
    stride: int | None
    dilation: int
    first: int
    facts: Facts
    biases: tuple[bool, ...]

    @classmethod
    def of(
        cls,
        blocks: list[Block],
        dilation: int = 1,
        first: int = 1,
        rule: str | None = None,
        stride_on: StrideOn = "spatial",
    ) -> StageWords:
        """Blocks under one dilation; `rule` is the `first_dilation` that gives the first one."""
        facts = reduce(Facts.__and__, (b.facts for b in blocks))
        blocks = _evenly_dilated(blocks, dilation, first, stride_on)
        rules = ANY["first_dilation"] if rule is None else frozenset({rule})
        rows, stride, places = _insertable(blocks, dilated=dilation > 1)
        if dilation > 1:
            places = frozenset({stride_on})
        choices = {**facts.choices, "stride_on": places, "first_dilation": rules}
        if first != dilation and choices["antialias"] != {"blur"}:
            choices["antialias"] -= {"blur"}  # its filter would be left
        return cls(
            rows=rows,
            stride=stride,
            dilation=dilation,
            first=first,
            facts=replace(facts, choices=choices),
            biases=biases_of(word for b in blocks for word in b.layers),
        )

    def say(self, common: Settings, *, first: bool) -> Stage:
        """The stage under settings that hold for all: keys only where it differs."""
        norm = common.norm if self.facts.norm is None else self.facts.norm
        act = self.facts.activation or common.activation
        weights = self.facts.weights or common.weights
        bias = self.bias(norm)
        implied = default_bias(normed=norm != "none") if common.bias is None else common.bias
        said_bias = None if bias is None or bias == implied else bias
        keyed = common.bias if said_bias is None else said_bias
        usual = FIRST_STRIDE if first else STAGE_STRIDE
        return Stage(
            rows=tuple(_plain_row(row, keyed, norm, self.dilation) for row in self.rows),
            stride=None if self.stride == usual else self.stride,
            dilation=None if self.dilation == 1 else self.dilation,
            norm=None if norm == common.norm else norm,
            activation=None if act == common.activation else act,
            weights=None if weights == common.weights else weights,
            bias=said_bias,
            **{key: differing(common, key, self.facts.choices[key]) for key in CHOICES},
        )

    def bias(self, norm: Norm) -> bool | None:
        """The setting that says most of the biases: a projection has no words of its own."""
        if self.facts.projection_bias is not None:
            return self.facts.projection_bias
        return setting_of(self.biases, default_bias(normed=norm != "none"))

    def makes(self, network: Network, units: Sequence[Unit], *, scheduled: bool) -> bool:
        """Whether the stage, said on its own, gives the layers that it was read from."""
        if not self.rows:
            return False
        own = [unit for unit in units if not closes(unit)]
        layers = [x for unit in own for x in network.layers[unit.start : unit.stop]]
        residuals = (layer for layer in layers if isinstance(layer, ir.Residual))
        work = Work(units[0].before, map(drop_path, residuals) if scheduled else None)
        stage = self.say(DEFAULTS, first=True)
        settings = DEFAULTS.under(stage)
        pace = Pace(stride=stage.stride or 1, dilation=self.dilation, first=self.first, enters=True)
        try:
            add_stage(work, "stage", stage, settings, pace)
        except SpecError:
            return False
        return not work.faults and work.layers == layers


def setting_of(biases: Sequence[bool], default: bool) -> bool | None:
    """The value that all agree on, else the default; None where there are none."""
    if not biases:
        return None
    return biases[0] if len(set(biases)) == 1 else default


def biases_of(words: Iterable[RowLayer]) -> tuple[bool, ...]:
    """The biases of all convolutions."""
    return tuple(bool(word.bias) for word in words if isinstance(word, Conv))


def differing(said: Settings, key: str, choices: frozenset[str]) -> Any:
    """None where what is said is among the choices, else the first of them."""
    if getattr(said, key) in choices:
        return None
    return next(value for value in CHOICES[key] if value in choices)


def _plain_row(row: Row, bias: bool | None, norm: Norm, dilation: int = 1) -> Row:
    branches = tuple(
        tuple(plain(word, bias=bias, norm=norm, dilation=dilation) for word in branch)
        for branch in row.branches
    )
    return replace(row, branches=branches)


# ---------------------------------------------------------------- dilation


def _evenly_dilated(
    blocks: list[Block], dilation: int, first: int, stride_on: StrideOn
) -> list[Block]:
    """Blocks with the dilation of the stage where its first block has another one by rule."""
    i = next((i for i, found in enumerate(blocks) if found.convolves), None)
    if dilation == first or i is None or len(blocks[i].branches) > 1:
        return blocks
    (path,) = blocks[i].branches
    where = carrier(path, stride_on)
    word = path[where]
    assert isinstance(word, Conv)
    if word.kernel == 1 or word.dilation != first:
        return blocks
    even = replace(word, dilation=dilation)
    if word.padding == default_padding(word):
        even = replace(even, padding=default_padding(even))
    evened = replace(blocks[i], branches=((*path[:where], even, *path[where + 1 :]),))
    return [*blocks[:i], evened, *blocks[i + 1 :]]


# ---------------------------------------------------------------- strides and rows


def _insertable(
    blocks: list[Block], *, dilated: bool
) -> tuple[tuple[Row, ...], int | None, frozenset[str]]:
    """The rows of a stage, the stride that the language inserts there, and where it may stand.

    A stride is inserted if it is the only one, and stands where the language would put it.
    """
    anywhere = ANY["stride_on"]
    rows = _rows(blocks)
    if not _speaks(rows):
        return rows, 1, anywhere
    words = [word for b in blocks for word in b.layers]
    strides = [w.stride for w in words if isinstance(w, Conv) and w.stride and w.stride > 1]
    bare = _rows(map(_unstrided, blocks))
    if len(strides) == 1 and not dilated and not _speaks(bare):
        fits = frozenset(o for o in get_args(StrideOn) if _inserted(bare, strides[0], o) == words)
        if fits:
            return bare, strides[0], fits
    return rows, None, anywhere


def _speaks(rows: Iterable[Row]) -> bool:
    return speaks_of_strides([_plain_row(row, None, "none") for row in rows])


def _unstrided(found: Block) -> Block:
    branches = tuple(
        tuple(replace(w, stride=1) if isinstance(w, Conv) else w for w in branch)
        for branch in found.branches
    )
    return replace(found, branches=branches)


def _inserted(rows: Iterable[Row], stride: int, on: StrideOn) -> list[RowLayer]:
    """The words of a stage, with the stride where the language inserts it."""
    words: list[RowLayer] = []
    waiting = True
    for row in rows:
        block = row.layers
        if waiting and any(isinstance(word, Conv) for word in block):
            i = carrier(block, on)
            carrying = block[i]
            assert isinstance(carrying, Conv)
            words += (*block[:i], replace(carrying, stride=stride), *block[i + 1 :])
            words += block * (row.repeats - 1)
            waiting = False
        else:
            words += block * row.repeats
    return words


def _rows(blocks: Iterable[Block]) -> tuple[Row, ...]:
    """Blocks as rows: equal neighbours joined, plain layers by the shortest period."""
    rows: list[Row] = []
    for joins, run in groupby((b for b in blocks if b.branches), key=lambda b: b.joins):
        if joins:
            for piece in _pieces(run):
                words = tuple(word for b in piece for word in b.layers)
                period = _period(words)
                rows.append(Row(branches=(words[:period],), repeats=len(words) // period))
        else:
            for branches, equal in groupby(b.branches for b in run):
                rows.append(Row(branches=branches, repeats=len(list(equal))))
    return tuple(rows)


def _pieces(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Blocks up to each that something reads."""
    piece: list[Block] = []
    for found in blocks:
        piece.append(found)
        if found.ends:
            yield piece
            piece = []
    if piece:
        yield piece


def _period(words: Branch) -> int:
    """How many words repeat: the length of the shortest piece that makes up the whole."""
    count = len(words)
    lengths = (n for n in range(1, count + 1) if count % n == 0)
    return next(n for n in lengths if words == words[:n] * (count // n))
