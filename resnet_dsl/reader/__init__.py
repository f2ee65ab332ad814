"""YAML to Spec and back, with the place of everything.

Reading goes through a tree of values that know where they stand: duplicate keys, limits and
`extends:` are settled on the tree, then pydantic validates plain data, and its complaints are
placed by walking the tree again. What relates rows to each other is not checked here.

>>> read(write(spec)) == spec if (spec := read_page("resnet50").spec) else None
True
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resnet_dsl.diagnostics import Diagnostic, Source, SpecError, fail, nearest
from resnet_dsl.reader.faults import faults, place
from resnet_dsl.reader.tree import Entries, Items, Node, Scalar, compose, read_file
from resnet_dsl.reader.variants import resolve
from resnet_dsl.reader.write import write as write
from resnet_dsl.spec import Spec
from resnet_dsl.zoo import zoo, zoo_path


@dataclass(frozen=True, slots=True)
class Page:
    """A spec, and the tree that knows where its words stand."""

    spec: Spec
    tree: Entries

    def place(self, diagnostic: Diagnostic) -> Diagnostic:
        """The diagnostic with its place in the text."""
        return place(self.tree, diagnostic)


def read_page(where: str | Path) -> Page:
    """Read a page by zoo name or by file; `SpecError` says all that is wrong with it."""
    path = find(where)
    return _page(read_file(path), path)


def read_text(text: str, name: str = "<text>") -> Page:
    """Read a page from a text; its `extends:` may name pages of the zoo only."""
    return _page(Source(name, text), None)


def read(text: str) -> Spec:
    """The spec that a text says: the inverse of `write`."""
    return read_text(text).spec


def find(where: str | Path) -> Path:
    """The file that a zoo name or a path means."""
    if isinstance(where, str) and where in (names := zoo()):
        return zoo_path(where)
    path = Path(where)
    if isinstance(where, Path) or path.suffix in {".yaml", ".yml"} or os.path.exists(where):
        return path
    guess = nearest(where, names)
    raise fail(
        "unknown-spec",
        f"{where!r} is no spec of the zoo and no file",
        help=f"did you mean {guess!r}?" if guess else "`resnet-dsl zoo` lists the names",
    )


def _page(source: Source, path: Path | None) -> Page:
    tree = resolve(compose(source), path)
    return Page(_validate(tree), tree)


def _validate(tree: Entries) -> Spec:
    try:
        return Spec.model_validate(_plain(tree))
    except ValidationError as error:
        details = error.errors(include_url=False)
        placed = [place(tree, fault) for fault in faults(details)]
        raise SpecError(sorted(placed, key=lambda d: (d.line or 0, d.column or 0))) from None


def _plain(node: Node) -> Any:
    match node:
        case Scalar(value=value):
            return value
        case Items(items=items):
            return [_plain(item) for item in items]
        case Entries(entries=entries):
            return {key: _plain(entry.node) for key, entry in entries.items()}
