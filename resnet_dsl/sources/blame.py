"""Which key of an author breaks a spec that they extend, override or repeat a value in?

A fault shows where its layer is written. Where that is a text of another author, or where one key
breaks many layers, the fault is the key's: each key is taken away in turn, and the one without
which faults of that kind are gone is named, once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from resnet_dsl.diagnostics import Diagnostic, Span, SpecError, SpecPath
from resnet_dsl.elaboration import elaboration_of
from resnet_dsl.language.spec import BlockKeys
from resnet_dsl.reader import ReadSpec, combined
from resnet_dsl.reader.overrides import setting_span
from resnet_dsl.reader.tree import Entries, Entry, Node

_MOST: Final = 40
"""Keys that are taken away in turn: each costs an elaboration."""
_BLOCKS: Final = 2_000
"""Blocks that are elaborated to find a cause, all keys together."""
_MOST_STAGES: Final = 100
"""Stages of a spec that is written by hand."""


class _Suspect(NamedTuple):
    """A key that may be the cause, where it stands, and the spec without it."""

    span: Span
    path: SpecPath
    without: Callable[[], ReadSpec]


def blamed(error: SpecError, read: ReadSpec) -> SpecError:
    """The same error, with its faults at the author's keys that cause them, where that shows.

    Faults in the author's own text stay where they are, unless one key breaks several layers.
    """
    if len(read.spec.stages) > _MOST_STAGES:
        return error
    kept, moved = list[Diagnostic](), dict[_Kind, list[Diagnostic]]()
    own = {"--set"} if read.overrides else {read.own.span.source.name}
    counts = Counter(map(_kind, error.diagnostics))
    is_whole = read.base is None and not read.overrides
    for each in error.diagnostics:
        is_own = each.span is not None and each.span.source.name in own
        if is_own and not (is_whole and counts[_kind(each)] > 1):
            kept.append(each)
        else:
            moved.setdefault(_kind(each), []).append(each)
    suspects = _suspects(read)
    for kind, faults in moved.items():
        culprit = next((each for each in suspects if _cures(each.without, kind)), None)
        culprit = culprit or _last(kind, read, suspects)
        kept += faults if culprit is None else [_at(culprit, faults)]
    return SpecError(_each_place_once(kept))


_Kind = tuple[str, str]
"""What faults of one cause share: their code, and their message without its numbers and stage."""


def _kind(fault: Diagnostic) -> _Kind:
    stage = str(fault.path[1]) if fault.path[:1] == ("stages",) and len(fault.path) > 1 else ""
    message = re.sub(rf"\b{re.escape(stage)}\b", "", fault.message) if stage else fault.message
    return fault.code, re.sub(r"\d+", "", message)


def _cures(without: Callable[[], ReadSpec], kind: _Kind) -> bool:
    """Whether a spec without a key can be read, and has no fault of a kind."""
    try:
        spec = without().spec
    except SpecError:
        return False
    try:
        elaboration_of(spec)
    except SpecError as error:
        return kind not in map(_kind, error.diagnostics)
    return True


def _each_place_once(faults: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Of the faults that one place has of one kind, the first."""
    seen = set[object]()
    for each in faults:
        key = each.span, _kind(each)
        if each.span is None or key not in seen:
            seen.add(key)
            yield each


def _suspects(read: ReadSpec) -> list[_Suspect]:
    """The settings, if there are any; else the keys of the text that may be left out. Of a large
    spec there are fewer: each costs an elaboration."""
    blocks = sum(row.repeats for stage in read.spec.stages.values() for row in stage.rows)
    most = max(2, min(_MOST, _BLOCKS // max(1, blocks)))
    if read.overrides:
        return [_setting(read, i) for i in range(len(read.overrides))][:most]
    paths = _paths(read.own)
    if read.base is None:
        return [_key(read, path) for path in paths if _may_be_left_out(path)][:most]
    kept = {"name", "extends", "expect"}
    return [_key(read, path) for path in paths if path[0] not in kept][:most]


def _setting(read: ReadSpec, i: int) -> _Suspect:
    kept = [text for j, text in enumerate(read.overrides) if j != i]
    key = read.overrides[i].partition("=")[0]
    path = tuple(key.split("."))
    return _Suspect(
        setting_span(read.overrides[i]), path, lambda: combined(read.own, read.base, kept)
    )


def _key(read: ReadSpec, path: SpecPath) -> _Suspect:
    node: Node = read.own
    span = node.span
    for step in path:
        assert isinstance(node, Entries)
        entry = node.entries[str(step)]
        node, span = entry.node, entry.key if isinstance(entry.node, Entries) else entry.node.span
    return _Suspect(span, path, lambda: combined(_less(read.own, path), read.base))


def _last(kind: _Kind, read: ReadSpec, suspects: list[_Suspect]) -> _Suspect | None:
    """Where no key is the cause alone: the last one that must go, with all after it."""
    if read.base is None and not read.overrides:
        return None
    own, kept = read.own, list(read.overrides)
    for suspect in reversed(suspects):
        if read.overrides:
            kept.pop()
        else:
            own = _less(own, suspect.path)
        if _cures(partial(combined, own, read.base, tuple(kept)), kind):
            return suspect
    return None


def _at(suspect: _Suspect, faults: Sequence[Diagnostic]) -> Diagnostic:
    """The first fault, at the key that is its cause, with the name of the stage that it breaks."""
    first = next((fault for fault in faults if fault.path[:1] == ("stages",)), faults[0])
    message = first.message
    part = str(first.path[1] if first.path[:1] == ("stages",) else (*first.path, "")[0])
    if part and not re.search(rf"\b{re.escape(part)}\b", message) and part != suspect.path[0]:
        message += f", in {part}"
    return replace(
        first, message=message, path=suspect.path, span=suspect.span, within=None, fix=None
    )


def _paths(node: Node, path: SpecPath = ()) -> list[SpecPath]:
    """The paths of all values, those of mappings after all that have none below them."""
    if not isinstance(node, Entries) or not node.entries:
        return [path]
    inner = [
        each for key, entry in node.entries.items() for each in _paths(entry.node, (*path, key))
    ]
    return sorted([*inner, *([path] if path else [])], key=len, reverse=True)[:_MOST]


_STAGE_KEYS: Final = {*BlockKeys.__dataclass_fields__, "stride", "dilation"}
"""The keys that a stage may leave out."""


def _may_be_left_out(path: SpecPath) -> bool:
    """Whether a whole spec is one without this key."""
    if path[0] == "stages":
        return len(path) > 2 and path[2] in _STAGE_KEYS
    return path[0] in ("block", "drop_path", "output_stride")


def _less(tree: Entries, path: SpecPath) -> Entries:
    """A tree without the value at a path, and without mappings that are empty then."""
    step, *rest = path
    entries = dict(tree.entries)
    entry = entries.pop(str(step), None)
    if entry is None:
        return tree
    if rest and isinstance(entry.node, Entries):
        inner = _less(entry.node, tuple(rest))
        if inner.entries:
            entries = {
                key: Entry(each.key, inner) if key == step else each
                for key, each in tree.entries.items()
            }
    return tree._replace(entries=entries)
