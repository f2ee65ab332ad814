"""YAML to Spec and back, with the place of everything.

Reading goes through a tree of values that know where they stand: duplicate keys, limits and
`extends:` are settled on the tree. Plain data is then validated by `resnet_dsl.language`, whose
complaints are placed by walking the tree again. How rows fit each other is not checked here.

>>> read_spec("resnet50").spec.stages["conv2_x"].rows[0].repeats
3
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from resnet_dsl.diagnostics import Diagnostic, Source, SpecError, nearest
from resnet_dsl.language.part_names import meant_part
from resnet_dsl.language.shipped import is_shipped, zoo_path
from resnet_dsl.language.spec import Spec
from resnet_dsl.language.validation import validated
from resnet_dsl.reader.look_alikes import naming_look_alikes
from resnet_dsl.reader.places import placing
from resnet_dsl.reader.tree import Entries, Items, Node, Scalar, compose, read_file
from resnet_dsl.reader.variants import base_of, unknown_spec, with_base


class ReadSpec(NamedTuple):
    """A spec, and the tree that knows where its values stand.

    `own` is the tree of the text alone, `base` that of what it extends; `overrides` came last.
    """

    spec: Spec
    tree: Entries
    own: Entries
    base: Entries | None = None
    overrides: tuple[str, ...] = ()


def read_spec(where: str | Path, overrides: Sequence[str] = ()) -> ReadSpec:
    """Read a spec by zoo name or by file; `SpecError` says all that is wrong with it.

    `overrides` are settings like `stem.1.pad=0`: see `resnet_dsl.reader.overrides`.
    """
    path = find_spec(where)
    return _read(read_file(path), path, overrides)


def read_text(
    text: str,
    name: str = "<text>",
    overrides: Sequence[str] = (),
    path: Path | None = None,
) -> ReadSpec:
    """Read a spec from a text; without a path, its `extends:` may name specs of the zoo only."""
    return _read(Source(name, text), path, overrides)


def read(text: str) -> Spec:
    """The spec of a text: the inverse of `resnet_dsl.reader.write.write`.

    >>> from resnet_dsl.reader.write import write
    >>> spec = read_spec("resnet50").spec
    >>> read(write(spec)) == spec
    True
    """
    return read_text(text).spec


def find_spec(where: str | Path) -> Path:
    """The file that a zoo name or a path means."""
    if isinstance(where, str) and is_shipped(where):
        return zoo_path(where)
    path = Path(where)
    if isinstance(where, Path) or path.suffix in {".yaml", ".yml"} or os.path.exists(where):
        return path
    raise unknown_spec(str(where))


def _read(source: Source, path: Path | None, overrides: Sequence[str] = ()) -> ReadSpec:
    with naming_look_alikes():
        return _validated(source, path, overrides)


def _validated(source: Source, path: Path | None, overrides: Sequence[str]) -> ReadSpec:
    own = compose(source)
    return combined(own, base_of(own, path), overrides)


def combined(own: Entries, base: Entries | None, overrides: Sequence[str] = ()) -> ReadSpec:
    """The spec of a tree, of what it extends, and of the settings that override both."""
    tree = with_base(own, base)
    if overrides:
        from resnet_dsl.reader.overrides import overridden

        tree = overridden(tree, overrides)
    with _naming_inherited(own, base), placing(tree):
        return ReadSpec(validated(plain_data(tree)), tree, own, base, tuple(overrides))


@contextmanager
def _naming_inherited(own: Entries, base: Entries | None) -> Iterator[None]:
    """A stage of a variant that lacks its rows was meant to be an inherited one."""
    try:
        yield
    except SpecError as error:
        if base is None:
            raise
        stages = base.entries["stages"].node if base and "stages" in base.entries else None
        names = list(stages.entries) if isinstance(stages, Entries) else []
        faults = (_as_inherited(each, names) for each in error.diagnostics)
        raise SpecError(_as_removed(each, own) for each in faults) from None


def _as_removed(diagnostic: Diagnostic, own: Entries) -> Diagnostic:
    """A key that is missing since the author's null removes it."""
    for key, entry in own.entries.items():
        is_null = isinstance(entry.node, Scalar) and entry.node.value is None
        if is_null and diagnostic.code == "missing" and repr(key) in diagnostic.message:
            help = f"{key} is empty here, which removes what is inherited: leave the line out"
            return replace(diagnostic, span=entry.key, help=help)
    return diagnostic


def _as_inherited(diagnostic: Diagnostic, names: list[str]) -> Diagnostic:
    match diagnostic.path:
        case ("stages", str(name)) if names and name not in names and diagnostic.code == "missing":
            meant = meant_part(name, names) or nearest(name, names)
            help = f"did you mean {meant}?" if meant in names else f"it has {', '.join(names)}"
            message = f"{name} is not a stage of the base, and has no rows"
            return replace(diagnostic, message=message, help=help)
        case _:
            return diagnostic


def plain_data(node: Node) -> Any:
    """The values of a tree, without their places."""
    match node:
        case Scalar(value=value):
            return value
        case Items(items=items):
            return [plain_data(item) for item in items]
        case Entries(entries=entries):
            return {key: plain_data(entry.node) for key, entry in entries.items()}
