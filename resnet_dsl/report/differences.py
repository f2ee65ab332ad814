"""Two networks side by side: the words in which their pages differ, and what the difference costs.

They are equal when the networks are, and nothing is said then. Otherwise both are compared as
`recover` says them: in normal form, different networks have different pages. Names, comments,
`expect`, `init` and what authors call their stages are in no network, and are not compared. How a
difference is printed is `report.diff_lines`.

>>> found = diff("resnet50", "paper/resnet50")
>>> [(part.name, word.key, word.a, word.b) for part in found.parts for word in part.words]
[('all stages', 'stride_on', 'spatial', 'first')]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from resnet_dsl.diagnostics import SpecError
from resnet_dsl.folds.field import receptive_field
from resnet_dsl.recovery import recover
from resnet_dsl.report.analysis import Cost
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.report.compared_parts import Side, SidePart, keys_apart, matters, parts
from resnet_dsl.sources.resolve import Source

Value: TypeAlias = str | int | float | tuple[str, ...] | None
Both: TypeAlias = tuple[int, int]
_ALIKE: Final = 0.5
"""Stages are compared by their blocks where at least half of them are the same, else by number."""
_UNSAID: Final = {"bias": "where no norm follows", "stride": "in the rows"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A key, or `rows` or `layers`, and what both pages say; None where a page has no such part."""

    key: str
    a: Value
    b: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDiff:
    """A part that differs: in words, or in what it costs where other parts have other words."""

    name: str
    words: tuple[Word, ...]
    params: Both = (0, 0)
    macs: Both = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Two networks, by their names; without parts where they are equal.

    `refused` is one that has no page in normal form: both are then compared as they are written.
    """

    equal: bool
    a: str
    b: str
    parts: tuple[PartDiff, ...]
    totals: dict[str, Both]
    refused: str | None = None


def diff(
    a: Source,
    b: Source,
    input: str | Sequence[int] | None = None,
    names: tuple[str, str] | None = None,
) -> Diff:
    """What differs between two networks, each a path, a zoo name, a Spec or a Network.

    `input` takes the place of both pages' own. Raises `SpecError` where one is no network, or
    cannot take that input.
    """
    one, other = (Side.of(source, input_shape(input)) for source in (a, b))
    names = names or (one.spec.name or "a", other.spec.name or "b")
    equal = one.network == other.network
    totals = {
        "layers": (one.cost.layers, other.cost.layers),
        "params": (one.cost.params, other.cost.params),
        "macs": (one.cost.macs, other.cost.macs),
        "receptive_field": (receptive_field(one.network), receptive_field(other.network)),
    }
    found: tuple[PartDiff, ...] = ()
    refused = None
    if not equal:
        sides, refused = _comparable((one, other), names)
        found = tuple(_differing(*sides))
    return Diff(equal=equal, a=names[0], b=names[1], parts=found, totals=totals, refused=refused)


def _comparable(
    sides: tuple[Side, Side], names: tuple[str, str]
) -> tuple[tuple[Side, Side], str | None]:
    """Both sides in normal form; where one has none, as they are, and which one it is."""
    normal = []
    for side, name in zip(sides, names, strict=True):
        try:
            normal.append(Side.of(recover(side.network)))
        except SpecError:
            return sides, name
    return (normal[0], normal[1]), None


_Pair: TypeAlias = tuple[SidePart | None, SidePart | None]


def _differing(a: Side, b: Side) -> Iterator[PartDiff]:
    """The parts that differ; first what is said once for all of them."""
    pairs = list(_pairs(parts(a), parts(b)))
    words = [list(_words(a, b, *pair)) for pair in pairs]
    shared = _shared(pairs, words)
    common = {
        "input": _differences({"input": str(a.cost.input)}, {"input": str(b.cost.input)}),
        "all stages": [*shared, *_differences(_rates(a), _rates(b))],
    }
    yield from (PartDiff(name=name, words=tuple(said)) for name, said in common.items() if said)
    for (one, other), said in zip(pairs, words, strict=True):
        is_stage = any(part.is_stage for part in (one, other) if part)
        hoisted = {word.key for word in shared if is_stage}
        found = _part_diff(one, other, [word for word in said if word.key not in hoisted])
        if found.words or found.params[0] != found.params[1] or found.macs[0] != found.macs[1]:
            yield found


def _rates(side: Side) -> dict[str, Any]:
    """The keys of a page that speak of all its stages."""
    return {"drop_path": side.spec.drop_path, "output_stride": side.spec.output_stride}


def _pairs(left: Sequence[SidePart], right: Sequence[SidePart]) -> Iterator[_Pair]:
    """Parts of one kind in order; where many have the same blocks, those beside each other."""
    for kind in ("stem", "stages", "head", "aux"):
        one, other = ([part for part in side if part.path[0] == kind] for side in (left, right))
        blocks = [list(map(_blocks, side)) for side in (one, other)]
        alike = SequenceMatcher(a=blocks[0], b=blocks[1], autojunk=False)
        if alike.ratio() < _ALIKE:
            yield from zip_longest(one, other)
            continue
        for _, i, j, k, n in alike.get_opcodes():
            yield from zip_longest(one[i:j], other[k:n])


def _blocks(part: SidePart) -> tuple[str, ...]:
    """The rows of a stage, however often they repeat; the block that a classifier reads."""
    if "behind" in part.keys:
        return (part.keys["behind"],)
    return tuple(re.sub(r" x \d+$", "", text) for text in part.texts)


def _words(a: Side, b: Side, one: SidePart | None, other: SidePart | None) -> Iterator[Word]:
    """What two parts say, where it makes a difference; of one alone, what the other page lacks."""
    if one is None or other is None:
        left, right = _alone(a, one, b), _alone(b, other, a)
        yield from (Word(key=key, a=left.get(key), b=right.get(key)) for key in left | right)
    elif one.layers != other.layers or one.keys.get("behind") != other.keys.get("behind"):
        if one.texts != other.texts:
            yield Word(key=_texts_are(one), a=one.texts, b=other.texts)
        for word in _differences(one.keys, other.keys):
            key = word.key
            if matters(a, one, key, other.keys[key]) or matters(b, other, key, one.keys[key]):
                yield word


def _alone(side: Side, part: SidePart | None, other: Side) -> dict[str, Value]:
    if part is None:
        return {}
    keys = {key: _plain(key, value) for key, value in keys_apart(side, part, other).items()}
    return {_texts_are(part): part.texts, **keys}


def _texts_are(part: SidePart) -> str:
    return "rows" if part.is_stage else "layers"


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Word]:
    return [
        Word(key=key, a=_plain(key, value), b=_plain(key, other[key]))
        for key, value in one.items()
        if value != other[key]
    ]


def _plain(key: str, value: Any) -> Value:
    """A value as pages say it; of a norm, its kind and the numbers that are not its usual ones."""
    if value is None:
        return _UNSAID.get(key, "none")
    if isinstance(value, str | int | float):
        return value
    usual = type(value)()
    numbers = {field.name: getattr(value, field.name) for field in fields(value)}
    said = [f"{name} {n}" for name, n in numbers.items() if n != getattr(usual, name)]
    return ", ".join([value.kind, *said])


def _shared(pairs: Sequence[_Pair], words: Sequence[Sequence[Word]]) -> list[Word]:
    """The keys that differ in the same way in all stages, and matter in one."""
    stages = [
        (_differences(one.keys, other.keys), said)
        for (one, other), said in zip(pairs, words, strict=True)
        if one and other and one.is_stage
    ]
    return [
        word
        for word in (stages[0][0] if len(stages) > 1 else ())
        if all(word in found for found, _ in stages) and any(word in said for _, said in stages)
    ]


def _part_diff(one: SidePart | None, other: SidePart | None, words: Sequence[Word]) -> PartDiff:
    """Two parts with what they cost; where they say the same, with what comes in."""
    left, right = (part.cost if part else Cost() for part in (one, other))
    if one and other and not words and (left.params, left.macs) != (right.params, right.macs):
        words = _differences({"takes": str(one.before)}, {"takes": str(other.before)})
    return PartDiff(
        name=" → ".join(dict.fromkeys(part.name for part in (one, other) if part)),
        words=tuple(words),
        params=(left.params, right.params),
        macs=(left.macs, right.macs),
    )
