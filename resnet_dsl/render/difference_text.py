"""What differs between two networks, in lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import chain, repeat
from textwrap import wrap
from typing import Final

from resnet_dsl.answers.compared_parts import Value
from resnet_dsl.answers.differences import Both, Diff, DifferingKey

_WIDTH: Final = 100
_NAMES: Final = {"macs": "MACs", "receptive_field": "receptive field"}


def diff_lines(diff: Diff) -> list[str]:
    """What differs, part by part and in total; one line where nothing does."""
    if diff.equal:
        return [f"equal: {diff.a} and {diff.b} are the same network"]
    margin = max(len(part.name) for part in diff.parts) + 2
    lines = [f"{diff.a} and {diff.b} differ"]
    if diff.refused:
        how, what = ("layer by layer", "spec") if diff.by_layer else ("as written", "normal form")
        lines.append(f"compared {how}: {diff.refused} has no {what}")
    lines.append("")
    for part in diff.parts:
        costs = {"params": part.params, "macs": part.macs}
        counts = _counts({key: both for key, both in costs.items() if both[0] != both[1]})
        keys = (line for key in part.keys for line in _key_lines(diff, key))
        bare = (line.removeprefix(f"{part.name}: ") for line in keys)  # input: is its own name
        lines += _labelled(part.name, [*bare, *counts], margin)
    return [*lines, "", *_labelled("total", _counts(diff.totals), margin)]


def _labelled(label: str, texts: Iterable[str], margin: int) -> list[str]:
    """Texts beside their label, the next lines of a long one indented."""
    room = _WIDTH - margin
    wrapped = (line for text in texts for line in wrap(text, room, subsequent_indent=" " * 6))
    labels = chain([label], repeat(""))
    return [f"{name:{margin}}{line}" for name, line in zip(labels, wrapped, strict=False)]


def _key_lines(diff: Diff, key: DifferingKey) -> Iterator[str]:
    """A key on one line; of rows and layers, those that differ."""
    alone = diff.b if key.a is None else diff.a if key.b is None else None
    if isinstance(key.a, tuple) or isinstance(key.b, tuple):
        if alone:
            yield f"only in {alone}"
        yield from _marked(_listed(key.a), _listed(key.b))
    elif alone:
        yield f"{key.key}: {_text(key.b if key.a is None else key.a)}"
    else:
        yield f"{key.key}: {_text(key.a)} → {_text(key.b)}"


def _listed(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _marked(left: Sequence[str], right: Sequence[str]) -> Iterator[str]:
    """The texts of the left side (-), and those that the right side has instead (+)."""
    for kind, i, j, k, n in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"- {text}" for text in left[i:j])
            yield from (f"+ {text}" for text in right[k:n])


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counts(counts: Mapping[str, Both]) -> list[str]:
    """Both counts of each key in columns, and their difference."""
    names = [_NAMES.get(key, key) for key in counts]
    width = max(map(len, names), default=0)
    left, right = (
        max((len(f"{both[i]:,}") for both in counts.values()), default=0) for i in (0, 1)
    )
    return [
        f"{name:{width}} {a:{left},} → {b:{right},} ({f'{b - a:+,}' if a != b else 'equal'})"
        for name, (a, b) in zip(names, counts.values(), strict=True)
    ]
