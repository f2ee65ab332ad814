"""Blocks in terms to the rows of a stage: what repeats, which stride and dilation it has.

A stage is read with every number written out; `StageTerms.stage` leaves out what follows from the
settings around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any, get_args

from resnet_dsl import ir
from resnet_dsl.elaboration import stage_layers
from resnet_dsl.elaboration.block_layers import strided_conv
from resnet_dsl.elaboration.stage_plans import StridePlan, writes_strides
from resnet_dsl.folds.anatomy import Unit
from resnet_dsl.ir import Network
from resnet_dsl.language.activations import ActivationValue
from resnet_dsl.language.spec import (
    CHOICES,
    DEFAULTS,
    FIRST_STRIDE,
    STAGE_STRIDE,
    ActiveNorm,
    Norm,
    Settings,
    Stage,
    StrideOn,
    default_bias,
    default_padding,
)
from resnet_dsl.notation.terms import Branch, Conv, Row, RowLayer
from resnet_dsl.recovery.inferred import ALL_CHOICES, BlockTerms, Inferred
from resnet_dsl.recovery.layer_terms import without_defaults
from resnet_dsl.recovery.unit_terms import drop_path


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTerms:
    """A stage in terms, its settings still open.

    `stride` is the one to insert, or None where the rows write strides; `dilation` and
    `first_dilation` are those of the stage and of the convolution that has its stride. `closes`
    says that it begins with the norm and activation after pre-activated blocks, `final_norm`
    whether they follow its own; None where the next stage goes on with such blocks.
    """

    rows: tuple[Row, ...]
    stride: int | None
    dilation: int
    first_dilation: int
    inferred: Inferred
    biases: tuple[bool, ...]
    closes: bool
    final_norm: bool | None = None

    @classmethod
    def of(
        cls,
        blocks: list[BlockTerms],
        dilation: int = 1,
        first: int = 1,
        rule: str | None = None,
        stride_on: StrideOn = "spatial",
    ) -> StageTerms:
        """Blocks under one dilation; `rule` is the `first_dilation` that gives the first one."""
        inferred = reduce(Inferred.__and__, (b.inferred for b in blocks))
        blocks = _evenly_dilated(blocks, dilation, first, stride_on)
        rules = ALL_CHOICES["first_dilation"] if rule is None else frozenset({rule})
        rows, stride, places = _insertable(blocks, dilated=dilation > 1)
        if dilation > 1:
            places = frozenset({stride_on})
        choices = {**inferred.choices, "stride_on": places, "first_dilation": rules}
        if first != dilation and choices["antialias"] != {"blur"}:
            choices["antialias"] -= {"blur"}  # its filter would be left
        return cls(
            rows=rows,
            stride=stride,
            dilation=dilation,
            first_dilation=first,
            inferred=replace(inferred, choices=choices),
            biases=biases_of(term for b in blocks for term in b.layers),
            closes=any(block.closes for block in blocks),
        )

    def stage(self, common: Settings, *, first: bool) -> Stage:
        """The stage under settings that hold for all: keys only where it differs."""
        norm = common.norm if self.inferred.norm is None else self.inferred.norm
        act = self.activation or common.activation
        weights = self.inferred.weights or common.weights
        own_bias = self.own_bias(norm, common.bias)
        keyed = common.bias if own_bias is None else own_bias
        usual = FIRST_STRIDE if first else STAGE_STRIDE
        chosen = {key: differing(common, key, self.inferred.choices[key]) for key in CHOICES}
        order = chosen["order"] or common.order
        followed = replace(common, activation=act, order=order).after_addition
        after = self.inferred.after
        odd = isinstance(norm, ActiveNorm) and order == "post"  # has no default
        return Stage(
            rows=tuple(_without_defaults(row, keyed, norm, self.dilation) for row in self.rows),
            stride=None if self.stride == usual else self.stride,
            dilation=None if self.dilation == 1 else self.dilation,
            norm=None if norm == common.norm else norm,
            activation=None if act == common.activation else act,
            weights=None if weights == common.weights else weights,
            bias=own_bias,
            after=None if after is None or (after == followed and not odd) else after,
            final_norm=None if self.final_norm == common.final_norm else self.final_norm,
            **chosen,
        )

    @property
    def activation(self) -> ActivationValue | None:
        """The activation that its convolutions show, or else its additions."""
        after = None if self.inferred.after == "none" else self.inferred.after
        return self.inferred.activation or after

    def bias(self, norm: Norm) -> bool | None:
        """The setting that holds for most of the biases: a projection has no term of its own."""
        usual = default_bias(normed=norm != "none")
        own = setting_of(self.biases, usual)
        if self.inferred.projection_bias is None:
            return own
        value, usual_value = self.inferred.projection_bias
        return own if value == usual_value and own in (None, usual) else value

    def own_bias(self, norm: Norm, common: bool | None) -> bool | None:
        """The key that the stage needs where all have another one, or none."""
        bias = self.bias(norm)
        if self.inferred.projection_bias is not None:
            value, usual = self.inferred.projection_bias
            if common is not None:
                return None if value == common else value
            return value if value != usual else self._unusual(bias, norm)
        return self._unusual(bias, norm) if common is None else None if bias == common else bias

    def _unusual(self, bias: bool | None, norm: Norm) -> bool | None:
        return None if bias == default_bias(normed=norm != "none") else bias

    def usual_bias(self, norm: Norm) -> bool:
        """The bias that needs no key: where its projections need one, the other bias."""
        usual = default_bias(normed=norm != "none")
        value, usual_value = self.inferred.projection_bias or (usual, usual)
        return not value if value != usual_value else usual

    def reproduces(self, network: Network, units: Sequence[Unit], *, scheduled: bool) -> bool:
        """Whether the stage, elaborated on its own, gives the layers that it was read from."""
        if not self.rows:
            return False
        own = [unit for unit in units if not unit.closes]
        layers = [x for unit in own for x in network.layers[unit.start : unit.stop]]
        residuals = (layer for layer in layers if isinstance(layer, ir.Residual))
        drop_paths = map(drop_path, residuals) if scheduled else None
        stage = self.stage(DEFAULTS, first=True)
        plan = StridePlan(
            stride=stage.stride or 1,
            dilation=self.dilation,
            first_dilation=self.first_dilation,
            enters=True,
        )
        settings = DEFAULTS.under(stage)
        return stage_layers(stage, settings, plan, units[0].before, drop_paths) == layers


def setting_of(biases: Sequence[bool], default: bool) -> bool | None:
    """The value that all agree on, else the default; None where there are none."""
    if not biases:
        return None
    return biases[0] if len(set(biases)) == 1 else default


def biases_of(terms: Iterable[RowLayer]) -> tuple[bool, ...]:
    """The biases of all convolutions that have the norm of the settings."""
    convs = (term for term in terms if isinstance(term, Conv) and term.norm is not False)
    return tuple(bool(term.bias) for term in convs)


def differing(settings: Settings, key: str, choices: frozenset[str]) -> Any:
    """None where the value of the settings is among the choices, else the first of these."""
    if getattr(settings, key) in choices:
        return None
    return next(value for value in CHOICES[key] if value in choices)


def _without_defaults(row: Row, bias: bool | None, norm: Norm, dilation: int = 1) -> Row:
    def path(terms: Branch, dilation: int = 1) -> Branch:
        return tuple(without_defaults(t, bias=bias, norm=norm, dilation=dilation) for t in terms)

    branches = tuple(path(branch, dilation) for branch in row.branches)
    shortcut = None if row.shortcut is None else path(row.shortcut)
    return replace(row, branches=branches, shortcut=shortcut)


# ---------------------------------------------------------------- dilation


def _evenly_dilated(
    blocks: list[BlockTerms], dilation: int, first: int, stride_on: StrideOn
) -> list[BlockTerms]:
    """Blocks with the dilation of the stage where its first block has another one by rule."""
    i = next((i for i, block in enumerate(blocks) if block.convolves), None)
    if dilation == first or i is None or len(blocks[i].branches) > 1:
        return blocks
    (path,) = blocks[i].branches
    where = strided_conv(path, stride_on)
    term = path[where]
    assert isinstance(term, Conv)
    if term.kernel == 1 or term.dilation != first:
        return blocks
    even = replace(term, dilation=dilation)
    if term.padding == default_padding(term):
        even = replace(even, padding=default_padding(even))
    evened = replace(blocks[i], branches=((*path[:where], even, *path[where + 1 :]),))
    return [*blocks[:i], evened, *blocks[i + 1 :]]


# ---------------------------------------------------------------- strides and rows


def _insertable(
    blocks: list[BlockTerms], *, dilated: bool
) -> tuple[tuple[Row, ...], int | None, frozenset[str]]:
    """The rows of a stage, the stride that the language inserts there, and where it may stand.

    A stride is inserted if it is the only one, and stands where the language would put it.
    """
    anywhere = ALL_CHOICES["stride_on"]
    rows = _rows(blocks)
    if not _write_strides(rows):
        return rows, 1, anywhere
    terms = [term for b in blocks for term in b.layers]
    strides = [w.stride for w in terms if isinstance(w, Conv) and w.stride and w.stride > 1]
    bare = _rows(map(_unstrided, blocks))
    if len(strides) == 1 and not dilated and not _write_strides(bare):
        fits = frozenset(o for o in get_args(StrideOn) if _inserted(bare, strides[0], o) == terms)
        if fits:
            return bare, strides[0], fits
    return rows, None, anywhere


def _write_strides(rows: Iterable[Row]) -> bool:
    return writes_strides([_without_defaults(row, None, "none") for row in rows])


def _unstrided(block: BlockTerms) -> BlockTerms:
    branches = tuple(
        tuple(replace(w, stride=1) if isinstance(w, Conv) else w for w in branch)
        for branch in block.branches
    )
    return replace(block, branches=branches)


def _inserted(rows: Iterable[Row], stride: int, on: StrideOn) -> list[RowLayer]:
    """The terms of a stage, with the stride where the language inserts it."""
    terms: list[RowLayer] = []
    waiting = True
    for row in rows:
        block = row.layers
        if waiting and any(isinstance(term, Conv) for term in block):
            i = strided_conv(block, on)
            strided = block[i]
            assert isinstance(strided, Conv)
            terms += (*block[:i], replace(strided, stride=stride), *block[i + 1 :])
            terms += block * (row.repeats - 1)
            waiting = False
        else:
            terms += block * row.repeats
    return terms


def _rows(blocks: Iterable[BlockTerms]) -> tuple[Row, ...]:
    """Blocks as rows: equal neighbours joined, plain layers by the shortest period."""
    rows: list[Row] = []
    for joins, run in groupby((b for b in blocks if b.branches), key=lambda b: b.joins):
        if joins:
            for piece in _pieces(run):
                terms = tuple(term for b in piece for term in b.layers)
                period = _period(terms)
                rows.append(Row(branches=(terms[:period],), repeats=len(terms) // period))
        else:
            for (branches, shortcut), equal in groupby((b.branches, b.shortcut) for b in run):
                row = Row(branches=branches, repeats=len(list(equal)), shortcut=shortcut)
                rows.append(row)
    return tuple(rows)


def _pieces(blocks: Iterable[BlockTerms]) -> Iterator[list[BlockTerms]]:
    """Blocks up to each that something reads."""
    piece: list[BlockTerms] = []
    for block in blocks:
        piece.append(block)
        if block.ends:
            yield piece
            piece = []
    if piece:
        yield piece


def _period(terms: Branch) -> int:
    """How many terms repeat: the length of the shortest piece that makes up the whole."""
    count = len(terms)
    lengths = (n for n in range(1, count + 1) if count % n == 0)
    return next(n for n in lengths if terms == terms[:n] * (count // n))
