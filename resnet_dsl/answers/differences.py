"""What differs between two networks? The keys and rows of their specs, and what that costs.

They are equal when the networks are, and nothing else is listed then. Otherwise both are compared
as `recover` expresses them: in normal form, different networks have different specs. Names,
comments, `expect`, `init` and names of stages are not part of a network, and are not compared. A
network without a normal form is compared as it is written; without any spec, layer by layer.

>>> differences = diff("resnet50", "paper/resnet50")
>>> [(part.name, key.key, key.a, key.b) for part in differences.parts for key in part.keys]
[('all stages', 'stride_on', 'spatial', 'first')]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from resnet_dsl.answers.analysis import Analysis, analysis_of
from resnet_dsl.answers.compared_parts import (
    ComparedPart,
    Value,
    compared_parts,
    keys_of_its_own,
    plain_value,
)
from resnet_dsl.answers.layer_text import layer_text
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import Elaboration
from resnet_dsl.folds.cost import Cost
from resnet_dsl.folds.field import receptive_field
from resnet_dsl.ir import Layer, Network
from resnet_dsl.language.fields import Input
from resnet_dsl.notebooks import ShownInNotebooks
from resnet_dsl.recovery.network_spec import Recovered, recovered
from resnet_dsl.sources.resolve import Resolved, Source, resolve

Both: TypeAlias = tuple[int, int]
_ALIKE: Final = 0.5
"""Stages are compared by their blocks where at least half of them are the same, else by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingKey:
    """A key, or `rows` or `layers`, and its values on both sides; None where one has no such
    part."""

    key: str
    a: Value
    b: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDiff:
    """A part that differs: in its keys, or in what it costs where other parts differ in theirs."""

    name: str
    keys: tuple[DifferingKey, ...]
    params: Both = (0, 0)
    macs: Both = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff(ShownInNotebooks):
    """Two networks, by their names; without parts where they are equal.

    `refused` is the name of a network that has no spec in normal form: both are then compared as
    they are written or, `by_layer`, layer by layer. `notes` are what a lifted model or file of
    weights does not show.
    """

    equal: bool
    a: str
    b: str
    parts: tuple[PartDiff, ...]
    totals: dict[str, Both]
    refused: str | None = None
    by_layer: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A network with its numbers, and its spec where it has one, in normal form if possible."""

    name: str
    resolved: Resolved
    analysis: Analysis
    normal: Recovered | None = None

    @property
    def network(self) -> Network:
        """The network at the input that it is counted at."""
        return replace(self.resolved.network, input=self.analysis.input)

    @property
    def elaboration(self) -> Elaboration:
        """How it is elaborated."""
        assert self.resolved.elaboration is not None
        return self.resolved.elaboration

    def in_normal_form(self) -> _Side:
        """The same network as `recover` expresses it; `SpecError` where it cannot."""
        normal = recovered(self.network, self.resolved.elaboration)
        resolved = Resolved(normal.elaboration.network, normal.elaboration)
        return replace(self, resolved=resolved, analysis=analysis_of(resolved), normal=normal)


def diff(
    a: Source,
    b: Source,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    *,
    names: tuple[str | None, str | None] = (None, None),
) -> Diff:
    """What differs between two networks, each a path, a zoo name, a Spec or a Network.

    `input` takes the place of both own sizes, `overrides` hold for both; `names` are printed for
    them. Raises `SpecError` where one is not a network, or cannot take that input.
    """
    sides = [
        _side(source, input, overrides, names[i] or "ab"[i], named=names[i] is not None)
        for i, source in enumerate((a, b))
    ]
    left, right = sides
    parts: tuple[PartDiff, ...] = ()
    refused, by_layer = None, False
    if left.network != right.network:
        normal, refused = _normal_forms(sides)
        if normal:
            parts = tuple(_differing(*normal))
        elif left.resolved.elaboration and right.resolved.elaboration:
            parts = tuple(_differing(left, right))
        else:
            parts, by_layer = tuple(_differing_layers(left, right)), True
    return Diff(
        equal=left.network == right.network,
        a=left.name,
        b=right.name,
        parts=parts,
        totals=_totals(left, right),
        refused=refused,
        by_layer=by_layer,
    )


def _side(
    source: Source, input: Input | None, overrides: Sequence[str], name: str, *, named: bool
) -> _Side:
    resolved = resolve(source, overrides, input)
    own = name if named else resolved.name or name
    return _Side(name=own, resolved=resolved, analysis=analysis_of(resolved))


def _normal_forms(sides: Sequence[_Side]) -> tuple[list[_Side], str | None]:
    """Both sides in normal form; none, and the name of the side that has none."""
    normal = []
    for side in sides:
        try:
            normal.append(side.in_normal_form())
        except SpecError:
            return [], side.name
    return normal, None


def _totals(a: _Side, b: _Side) -> dict[str, Both]:
    counts = {
        key: (getattr(a.analysis, key), getattr(b.analysis, key))
        for key in ("layers", "params", "macs")
    }
    fields = receptive_field(a.resolved.network), receptive_field(b.resolved.network)
    return {**counts, "receptive_field": fields}


# ---------------------------------------------------------------- by specs

_Pair: TypeAlias = tuple[ComparedPart | None, ComparedPart | None]


def _differing(a: _Side, b: _Side) -> Iterator[PartDiff]:
    """The parts that differ; first what holds for all of them."""
    parts = [compared_parts(s.elaboration, s.analysis, s.normal) for s in (a, b)]
    pairs = list(_pairs(*parts))
    keys = [list(_differing_keys(a, b, *pair)) for pair in pairs]
    shared = _shared(pairs, keys)
    common = {
        "input": _differences({"input": str(a.analysis.input)}, {"input": str(b.analysis.input)}),
        "all stages": [*shared, *_differences(_rates(a), _rates(b))],
    }
    yield from (PartDiff(name=name, keys=tuple(own)) for name, own in common.items() if own)
    for (left, right), own in zip(pairs, keys, strict=True):
        is_stage = any(part.is_stage for part in (left, right) if part)
        hoisted = {key.key for key in shared if is_stage}
        part = _part_diff(left, right, [key for key in own if key.key not in hoisted])
        if part.keys or part.params[0] != part.params[1] or part.macs[0] != part.macs[1]:
            yield part


def _rates(side: _Side) -> dict[str, Any]:
    """The keys of a spec that hold for all its stages."""
    spec = side.elaboration.spec
    return {"drop_path": spec.drop_path, "output_stride": spec.output_stride}


def _pairs(left: Sequence[ComparedPart], right: Sequence[ComparedPart]) -> Iterator[_Pair]:
    """Parts of one kind in order; where many have the same blocks, those beside each other."""
    for kind in ("stem", "stages", "head", "aux"):
        own, other = ([part for part in side if part.kind == kind] for side in (left, right))
        blocks = [list(map(_blocks, side)) for side in (own, other)]
        matcher = SequenceMatcher(a=blocks[0], b=blocks[1], autojunk=False)
        if matcher.ratio() < _ALIKE:
            yield from zip_longest(own, other)
            continue
        for _, i, j, k, n in matcher.get_opcodes():
            yield from zip_longest(own[i:j], other[k:n])


def _blocks(part: ComparedPart) -> tuple[str, ...]:
    """The rows of a stage, however often they repeat; the block that a classifier reads."""
    if "block" in part.keys:
        return (part.keys["block"],)
    return tuple(re.sub(r" x \d+$", "", text) for text in part.texts)


def _differing_keys(
    a: _Side, b: _Side, left: ComparedPart | None, right: ComparedPart | None
) -> Iterator[DifferingKey]:
    """What two parts have in their specs, where it makes a difference; of one alone, what the other
    spec lacks."""
    if left is None or right is None:
        own, other = _alone(a, left, b), _alone(b, right, a)
        yield from (DifferingKey(key=k, a=own.get(k), b=other.get(k)) for k in own | other)
    elif left.layers != right.layers or left.keys.get("block") != right.keys.get("block"):
        if left.texts != right.texts:
            yield DifferingKey(key=_key_of_texts(left), a=left.texts, b=right.texts)
        for differing in _differences(left.keys, right.keys):
            key = differing.key
            if left.depends_on(key, right.keys[key]) or right.depends_on(key, left.keys[key]):
                yield differing


def _alone(side: _Side, part: ComparedPart | None, other: _Side) -> dict[str, Value]:
    if part is None:
        return {}
    spec = side.elaboration.spec
    stage = spec.stages.get(part.name)
    given = {key: getattr(stage, key, None) for key in ("stride", "dilation")}
    keys = keys_of_its_own(part, given, other.elaboration.spec.settings())
    return {_key_of_texts(part): part.texts, **{k: plain_value(k, v) for k, v in keys.items()}}


def _key_of_texts(part: ComparedPart) -> str:
    return "rows" if part.is_stage else "layers"


def _differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[DifferingKey]:
    return [
        DifferingKey(key=key, a=plain_value(key, value), b=plain_value(key, right[key]))
        for key, value in left.items()
        if value != right[key]
    ]


def _shared(pairs: Sequence[_Pair], keys: Sequence[Sequence[DifferingKey]]) -> list[DifferingKey]:
    """The keys that differ in the same way in all stages, and matter in one."""
    stages = [
        (_differences(left.keys, right.keys), own)
        for (left, right), own in zip(pairs, keys, strict=True)
        if left and right and left.is_stage
    ]
    return [
        key
        for key in (stages[0][0] if len(stages) > 1 else ())
        if all(key in differing for differing, _ in stages) and any(key in own for _, own in stages)
    ]


def _part_diff(
    left: ComparedPart | None, right: ComparedPart | None, keys: Sequence[DifferingKey]
) -> PartDiff:
    """Two parts with what they cost; where their specs are the same, with what comes in."""
    own, other = (part.cost if part else Cost() for part in (left, right))
    if left and right and not keys and (own.params, own.macs) != (other.params, other.macs):
        keys = _differences({"takes": str(left.before)}, {"takes": str(right.before)})
    return PartDiff(
        name=" → ".join(dict.fromkeys(part.name for part in (left, right) if part)),
        keys=tuple(keys),
        params=(own.params, other.params),
        macs=(own.macs, other.macs),
    )


# ---------------------------------------------------------------- by layers


def _differing_layers(a: _Side, b: _Side) -> Iterator[PartDiff]:
    """Networks without specs, part by part: the layers of each."""
    if a.analysis.input != b.analysis.input:
        keys = _differences({"input": str(a.analysis.input)}, {"input": str(b.analysis.input)})
        yield PartDiff(name="input", keys=tuple(keys))
    (stem, *stages, head), (other_stem, *other_stages, other_head) = map(_layered, (a, b))
    for left, right in ((stem, other_stem), *zip_longest(stages, other_stages), (head, other_head)):
        yield from _differing_part(left, right)
    for left, right in zip_longest(_auxiliaries(a), _auxiliaries(b)):
        yield from _differing_part(left, right)


def _layered(side: _Side) -> list[ComparedPart]:
    analysis = side.analysis
    return [
        _layered_part(part.name, [side.network.layers[i] for i in part.layers], own.cost)
        for part, own in zip(
            side.resolved.parts, (analysis.stem, *analysis.stages, analysis.head), strict=True
        )
    ]


def _auxiliaries(side: _Side) -> list[ComparedPart]:
    pairs = zip(side.analysis.auxiliaries, side.network.auxiliaries, strict=True)
    return [_layered_part(own.name, auxiliary.layers, own.cost) for own, auxiliary in pairs]


def _layered_part(name: str, layers: Sequence[Layer], cost: Cost) -> ComparedPart:
    texts = tuple(map(layer_text, layers))
    return ComparedPart(
        kind="layers", name=name, texts=texts, keys={}, layers=tuple(layers), cost=cost
    )


def _differing_part(left: ComparedPart | None, right: ComparedPart | None) -> Iterator[PartDiff]:
    own, other = (part.layers if part else None for part in (left, right))
    if own != other:
        texts = DifferingKey(
            key="layers", a=left.texts if left else None, b=right.texts if right else None
        )
        yield _part_diff(left, right, [texts])
