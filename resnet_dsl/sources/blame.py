"""Which key of an author breaks a spec that they extend, override or repeat a value in?

A fault shows where its layer is written. Where that is a text of another author, or where one key
breaks many layers, the fault is the key's: each key is taken away in turn, and the one without
which the spec can be used is named, once. Which fault it is does not matter here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from resnet_dsl.diagnostics import Diagnostic, Span, SpecError, SpecPath
from resnet_dsl.elaboration import elaboration_of
from resnet_dsl.language.spec import BlockKeys, Spec
from resnet_dsl.reader import ReadSpec, combined
from resnet_dsl.reader.tree import Entries, Entry, Node

_MOST: Final = 40
"""Keys that are taken away in turn: each costs an elaboration."""
_MOST_STAGES: Final = 100
"""Stages of a spec that is written by hand."""


class _Suspect(NamedTuple):
    """A key that may be the cause, where it stands, and the spec without it and the keys so far."""

    span: Span
    path: SpecPath
    without: Callable[[], ReadSpec]


def blamed(error: SpecError, read: ReadSpec) -> SpecError:
    """The same error, at the author's key that is its cause where that shows."""
    if len(read.spec.stages) > _MOST_STAGES:
        return error
    suspects = _suspects(error, read)
    for suspect in [*suspects, *_from_the_end(read, suspects)]:
        if _is_sound(suspect.without):
            return SpecError([_at(suspect, error.diagnostics)])
    return error


def _suspects(error: SpecError, read: ReadSpec) -> list[_Suspect]:
    """The settings, if there are any; else the keys of a variant whose base shows the fault, or of
    a spec that shows it more than once."""
    own = read.own.span.source
    places = {each.span.source for each in error.diagnostics if each.span}
    if read.overrides:
        if all(source.name == "--set" for source in places):
            return []
        return [_setting(read, i) for i in range(len(read.overrides))][:_MOST]
    if read.base is not None and any(source != own for source in places):
        kept = {"name", "extends", "expect"}
        return [_key(read, path) for path in _paths(read.own) if path[0] not in kept]
    kinds = {(each.code, re.sub(r"\d+", "", each.message)) for each in error.diagnostics}
    if read.base is None and len(error.diagnostics) > 1 == len(kinds):
        return [_key(read, path) for path in _paths(read.own) if _may_be_left_out(path)]
    return []


def _setting(read: ReadSpec, i: int) -> _Suspect:
    from resnet_dsl.reader.overrides import setting_span

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


def _from_the_end(read: ReadSpec, suspects: list[_Suspect]) -> Iterator[_Suspect]:
    """Where no key is the cause alone: more and more of them taken away, from the last on."""
    if read.overrides:
        for count in range(len(suspects) - 1, -1, -1):
            kept = read.overrides[:count]
            yield suspects[count]._replace(
                without=lambda kept=kept: combined(read.own, read.base, kept)  # type: ignore[misc]
            )
        return
    own = read.own
    for suspect in reversed(suspects if read.base is not None else []):
        own = _less(own, suspect.path)
        yield suspect._replace(without=lambda own=own: combined(own, read.base))  # type: ignore[misc]


def _is_sound(without: Callable[[], ReadSpec]) -> bool:
    try:
        elaboration_of(without().spec)
    except SpecError:
        return False
    return True


def _at(suspect: _Suspect, faults: tuple[Diagnostic, ...]) -> Diagnostic:
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


_BLOCK_KEYS: Final = frozenset(BlockKeys.__dataclass_fields__)
_SPEC_KEYS: Final = {"drop_path", "output_stride"} & set(Spec.__dataclass_fields__)


def _may_be_left_out(path: SpecPath) -> bool:
    """Whether a whole spec is one without this key."""
    if path[0] == "stages":
        return len(path) > 2 and path[2] in _BLOCK_KEYS | {"stride", "dilation"}
    return path[0] == "block" or path[0] in _SPEC_KEYS


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
