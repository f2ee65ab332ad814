"""YAML to Spec and back, with the place of everything.

Reading goes through a tree of values that know where they stand: duplicate keys, limits and
`extends:` are settled on the tree. Plain data is then validated by `resnet_dsl.language`, whose
complaints are placed by walking the tree again. How rows fit each other is not checked here.

>>> read_spec("resnet50").spec.stages["conv2_x"].rows[0].repeats
3
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resnet_dsl.diagnostics import Source, fail, nearest
from resnet_dsl.language.shipped import is_shipped, zoo, zoo_path
from resnet_dsl.language.spec import Spec
from resnet_dsl.language.validation import validated
from resnet_dsl.reader.places import placing
from resnet_dsl.reader.tree import Entries, Items, Node, Scalar, compose, read_file
from resnet_dsl.reader.variants import with_base


class ReadSpec(NamedTuple):
    """A spec, and the tree that knows where its values stand."""

    spec: Spec
    tree: Entries


def read_spec(where: str | Path, overrides: Sequence[str] = ()) -> ReadSpec:
    """Read a spec by zoo name or by file; `SpecError` says all that is wrong with it.

    `overrides` are settings like `stem.1.pad=0`: see `resnet_dsl.reader.overrides`.
    """
    path = find_spec(where)
    return _read(read_file(path), path, overrides)


def read_text(text: str, name: str = "<text>", overrides: Sequence[str] = ()) -> ReadSpec:
    """Read a spec from a text; its `extends:` may name specs of the zoo only."""
    return _read(Source(name, text), None, overrides)


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
    guess = nearest(where, zoo())
    raise fail(
        "unknown-spec",
        f"{where!r} is not a spec of the zoo, and not a file",
        help=f"did you mean {guess!r}?" if guess else "`resnet-dsl zoo` lists the names",
    )


def _read(source: Source, path: Path | None, overrides: Sequence[str] = ()) -> ReadSpec:
    tree = with_base(compose(source), path)
    if overrides:
        from resnet_dsl.reader.overrides import overridden

        tree = overridden(tree, overrides)
    with placing(tree):
        return ReadSpec(validated(_plain(tree)), tree)


def _plain(node: Node) -> Any:
    match node:
        case Scalar(value=value):
            return value
        case Items(items=items):
            return [_plain(item) for item in items]
        case Entries(entries=entries):
            return {key: _plain(entry.node) for key, entry in entries.items()}
