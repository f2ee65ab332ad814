"""What differs between two networks, in print and for programs. Finding it is `report.diff`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import SequenceMatcher
from itertools import chain, repeat
from textwrap import wrap
from typing import Any, Final

from resnet_dsl.report.differences import Both, Diff, Value, Word

_WIDTH: Final = 100
_NAMES: Final = {"macs": "MACs", "receptive_field": "receptive field"}


def lines(found: Diff) -> list[str]:
    """What differs, part by part and in total; one line where nothing does."""
    if found.equal:
        return [f"equal: {found.a} and {found.b} are one network"]
    margin = max(len(part.name) for part in found.parts) + 2
    printed = [f"{found.a} and {found.b} differ"]
    if found.refused:
        printed.append(f"compared as written: {found.refused} has no page in normal form")
    printed.append("")
    for part in found.parts:
        costs = {"params": part.params, "macs": part.macs}
        counts = _counts({key: both for key, both in costs.items() if both[0] != both[1]})
        words = (line for word in part.words for line in _word(found, word))
        bare = (line.removeprefix(f"{part.name}: ") for line in words)  # input: is its own name
        printed += _labelled(part.name, [*bare, *counts], margin)
    return [*printed, "", *_labelled("total", _counts(found.totals), margin)]


def diff_json(found: Diff) -> dict[str, Any]:
    """The same facts for programs."""
    return asdict(found)


def _labelled(label: str, texts: Iterable[str], margin: int) -> list[str]:
    """Texts beside their label, the next lines of a long one indented."""
    room = _WIDTH - margin
    wrapped = (line for text in texts for line in wrap(text, room, subsequent_indent=" " * 6))
    labels = chain([label], repeat(""))
    return [f"{name:{margin}}{line}" for name, line in zip(labels, wrapped, strict=False)]


def _word(found: Diff, word: Word) -> Iterator[str]:
    """A key on one line; of rows and layers, those that differ."""
    alone = found.b if word.a is None else found.a if word.b is None else None
    if isinstance(word.a, tuple) or isinstance(word.b, tuple):
        if alone:
            yield f"only in {alone}"
        yield from _marked(_listed(word.a), _listed(word.b))
    elif alone:
        yield f"{word.key}: {_text(word.b if word.a is None else word.a)}"
    else:
        yield f"{word.key}: {_text(word.a)} → {_text(word.b)}"


def _listed(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _marked(one: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    """The texts that one has (-), and those that the other has instead (+)."""
    for kind, i, j, k, n in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"- {text}" for text in one[i:j])
            yield from (f"+ {text}" for text in other[k:n])


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counts(found: Mapping[str, Both]) -> list[str]:
    """Both counts of each key in columns, and their difference."""
    names = [_NAMES.get(key, key) for key in found]
    width = max(map(len, names), default=0)
    left, right = (max((len(f"{both[i]:,}") for both in found.values()), default=0) for i in (0, 1))
    return [
        f"{name:{width}} {a:{left},} → {b:{right},} ({f'{b - a:+,}' if a != b else 'equal'})"
        for name, (a, b) in zip(names, found.values(), strict=True)
    ]
