"""Network to Spec: the page, in normal form, that elaborates to a network again.

Stem, stages and head come from `resnet_dsl.folds.anatomy`, the words of each block from
`resnet_dsl.recover.words`. What is left is to say them shortly: which stride the language would
insert, which rows repeat, which settings all stages share. A page that does not give the same
network back is never returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any, Final, TypeVar

from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaborate import elaborate, speaks_of_strides, with_stride
from resnet_dsl.folds.anatomy import Unit, anatomy
from resnet_dsl.ir import Network
from resnet_dsl.notation import Branch, Conv, Row, RowLayer
from resnet_dsl.recover.words import (
    ANY,
    Block,
    ClashError,
    Facts,
    block,
    head_words,
    plain,
    unsayable,
)
from resnet_dsl.spec import (
    CHOICES,
    DEFAULTS,
    FIRST_STRIDE,
    STAGE_STRIDE,
    BlockKeys,
    Norm,
    Settings,
    Spec,
    Stage,
    default_bias,
)

STAGE_NAME: Final = "conv{}_x"
"""Stages are named as in He et al. 2015, from conv2_x on."""


def recover(network: Network) -> Spec:
    """The page of a network in normal form: the inverse of `elaborate`.

    Names, comments, `expect` and `init` are in no network, so the page has none of them. Raises
    `SpecError` with the place where the language has no words for a layer.

    >>> from resnet_dsl import elaborate, load
    >>> recover(elaborate(load("resnet18"))).stages["conv3_x"].rows[0].repeats
    2
    """
    parts = anatomy(network)
    start = parts.head[0].start if parts.head else len(network.layers)
    head, root = head_words(network.layers[start:], start)
    stem, rest, root = _stem(network, parts.stem, root)
    runs = [[_words(network, unit) for unit in units] for units in (rest, *parts.stages)]
    groups = [group for run in runs for group in _groups(run)]
    if not groups:
        raise unsayable((), "a network without a stage")
    strided = [_Stage.of(group) for group in groups]
    common = _common(root, _biases(stem), strided)
    settings = DEFAULTS.under(common)
    stages = {
        STAGE_NAME.format(number): stage.say(settings, first=number == 2)
        for number, stage in enumerate(strided, 2)
    }
    spec = Spec(
        input=network.input,
        stem=tuple(plain(word, bias=settings.bias, norm=settings.norm) for word in stem),
        block=common,
        stages=stages,
        head=tuple(plain(word, bias=settings.bias, norm=settings.norm) for word in head),
    )
    _assert_same(spec, network)
    return spec


def _assert_same(spec: Spec, network: Network) -> None:
    try:
        again = elaborate(spec)
    except SpecError as error:
        raise unsayable((), "a network that no page says") from error
    if again != network:
        pairs = zip(again.layers, network.layers, strict=False)
        where = next((i for i, (a, b) in enumerate(pairs) if a != b), len(again.layers))
        raise unsayable((where,), "a layer that no page says")


def _words(network: Network, unit: Unit) -> Block:
    return block(network.layers[unit.start : unit.stop], unit.start)


def _stem(
    network: Network, units: Sequence[Unit], root: Facts
) -> tuple[Branch, Sequence[Unit], Facts]:
    """The words of the stem, as far as one setting makes them; the units behind; the facts."""
    words: list[RowLayer] = []
    for i, unit in enumerate(units):
        found = _words(network, unit)
        try:
            root &= replace(found.facts, choices=root.choices)
        except ClashError:
            return tuple(words), units[i:], root
        words += found.layers
    return tuple(words), (), root


def _groups(blocks: Iterable[Block]) -> list[list[Block]]:
    """Blocks that can stand in one stage, the longest such runs."""
    groups: list[list[Block]] = []
    facts = Facts()
    for found in blocks:
        try:
            if not groups:
                raise ClashError
            facts &= found.facts
            groups[-1].append(found)
        except ClashError:
            facts = found.facts
            groups.append([found])
    return groups


# ---------------------------------------------------------------- strides and rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A stage in words, its settings still open.

    `stride` is the one to insert, or None where the rows speak of strides.
    """

    rows: tuple[Row, ...]
    stride: int | None
    facts: Facts
    biases: tuple[bool, ...]

    @classmethod
    def of(cls, blocks: list[Block]) -> _Stage:
        rows, stride, stride_on = _insertable(blocks)
        facts = reduce(Facts.__and__, (b.facts for b in blocks))
        return cls(
            rows=rows,
            stride=stride,
            facts=replace(facts, choices={**facts.choices, "stride_on": stride_on}),
            biases=_biases(word for b in blocks for word in b.layers),
        )

    def say(self, common: Settings, *, first: bool) -> Stage:
        """The stage under settings that hold for all: keys only where it differs."""
        norm = common.norm if self.facts.norm is None else self.facts.norm
        act = self.facts.activation or common.activation
        bias = self.bias(norm)
        implied = default_bias(normed=norm != "none") if common.bias is None else common.bias
        said_bias = None if bias is None or bias == implied else bias
        keyed = common.bias if said_bias is None else said_bias
        usual = FIRST_STRIDE if first else STAGE_STRIDE
        return Stage(
            rows=tuple(_plain_row(row, keyed, norm) for row in self.rows),
            stride=None if self.stride == usual else self.stride,
            norm=None if norm == common.norm else norm,
            activation=None if act == common.activation else act,
            bias=said_bias,
            **{key: _differing(common, key, self.facts.choices[key]) for key in CHOICES},
        )

    def bias(self, norm: Norm) -> bool | None:
        """The setting that says most of the biases: a projection has no words of its own."""
        if self.facts.projection_bias is not None:
            return self.facts.projection_bias
        return _setting(self.biases, default_bias(normed=norm != "none"))


def _setting(biases: Sequence[bool], default: bool) -> bool | None:
    """The value that all agree on, else the default; None where there are none."""
    if not biases:
        return None
    return biases[0] if len(set(biases)) == 1 else default


def _biases(words: Iterable[RowLayer]) -> tuple[bool, ...]:
    return tuple(bool(word.bias) for word in words if isinstance(word, Conv))


def _plain_row(row: Row, bias: bool | None, norm: Norm) -> Row:
    branches = tuple(
        tuple(plain(word, bias=bias, norm=norm) for word in branch) for branch in row.branches
    )
    return replace(row, branches=branches)


def _insertable(blocks: list[Block]) -> tuple[tuple[Row, ...], int | None, frozenset[str]]:
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
    if len(strides) == 1 and not _speaks(bare):
        fits = frozenset(on for on in anywhere if _inserted(bare, strides[0], on) == words)
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


def _inserted(rows: Iterable[Row], stride: int, on: str) -> list[RowLayer]:
    """The words of a stage, with the stride where the language inserts it."""
    words: list[RowLayer] = []
    waiting = True
    for row in rows:
        block = row.layers
        if waiting and any(isinstance(word, Conv) for word in block):
            words += (*with_stride(block, stride, on), *block * (row.repeats - 1))
            waiting = False
        else:
            words += block * row.repeats
    return words


def _rows(blocks: Iterable[Block]) -> tuple[Row, ...]:
    """Blocks as rows: equal neighbours joined, plain layers by the shortest period."""
    rows: list[Row] = []
    for joins, run in groupby(blocks, key=lambda b: b.joins):
        if joins:
            words = tuple(word for b in run for word in b.layers)
            period = _period(words)
            rows.append(Row(branches=(words[:period],), repeats=len(words) // period))
        else:
            for branches, equal in groupby(b.branches for b in run):
                rows.append(Row(branches=branches, repeats=len(list(equal))))
    return tuple(rows)


def _period(words: Branch) -> int:
    """How many words repeat: the length of the shortest piece that makes up the whole."""
    count = len(words)
    lengths = (n for n in range(1, count + 1) if count % n == 0)
    return next(n for n in lengths if words == words[:n] * (count // n))


# ---------------------------------------------------------------- what all stages share


def _common(root: Facts, stem: Sequence[bool], stages: Sequence[_Stage]) -> BlockKeys:
    """What `block:` says: stem and head, where they show it, or all stages together."""
    norm = _shared(root.norm, [s.facts.norm for s in stages], DEFAULTS.norm)
    act = _shared(root.activation, [s.facts.activation for s in stages], DEFAULTS.activation)
    hoisted = {key: _hoisted(key, [s.facts.choices[key] for s in stages]) for key in CHOICES}
    return BlockKeys(
        norm=None if norm == DEFAULTS.norm else norm,
        activation=None if act == DEFAULTS.activation else act,
        bias=_common_bias(norm, stem, stages),
        **hoisted,
    )


_T = TypeVar("_T")


def _shared(root: _T | None, stages: Sequence[_T | None], default: _T) -> _T:
    if root is not None:
        return root
    shown = [value for value in stages if value is not None]
    return shown[0] if shown and all(value == shown[0] for value in shown) else default


def _hoisted(key: str, choices: Sequence[frozenset[str]]) -> Any:
    """The first value that every stage admits; None where that is the default, or there is none."""
    common = reduce(frozenset.__and__, choices)
    return _differing(DEFAULTS, key, common) if common else None


def _differing(said: Settings, key: str, choices: frozenset[str]) -> Any:
    """None where what is said is among the choices, else the first of them."""
    if getattr(said, key) in choices:
        return None
    return next(value for value in CHOICES[key] if value in choices)


def _common_bias(norm: Norm, stem: Sequence[bool], stages: Sequence[_Stage]) -> bool | None:
    default = default_bias(normed=norm != "none")
    needs = [(_setting(stem, default), default)]
    for stage in stages:
        stage_norm = norm if stage.facts.norm is None else stage.facts.norm
        needs.append((stage.bias(stage_norm), default_bias(normed=stage_norm != "none")))
    shown = {value for value, _ in needs} - {None}
    if all(value in (None, usual) for value, usual in needs):
        return None
    if len(shown) == 1:
        return shown.pop()
    return None if needs[0][0] in (None, default) else needs[0][0]
