"""A new spec that starts a variant: what it extends and, as comments, all that it inherits."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from resnet_dsl.diagnostics import fail
from resnet_dsl.language.shipped import is_shipped
from resnet_dsl.language.spec import Spec
from resnet_dsl.reader import read_text
from resnet_dsl.reader.files import check_place, real, whole
from resnet_dsl.reader.scalars import scalar
from resnet_dsl.reader.write import SCHEMA_LINE, write
from resnet_dsl.sources.specs import load

_OWN: Final = re.compile(r"(?:name|expect|    output): ")
"""The lines of a base that speak of it alone."""


def new(name: str, like: str = "resnet50", output: Path | None = None) -> Path:
    """Write the spec NAME.yaml, or `output`, of a variant of `like`, and return where it is.

    Nothing is written over. Raises `SpecError` where that place is taken, where no spec there can
    extend `like`, and where `like` cannot be used itself.
    """
    name = re.sub(r"\.ya?ml$", "", name)
    path = output or _place(name)
    spec = load(like)
    text = variant(name, _reference(like, path.parent), spec)
    check_place(path)
    if os.path.lexists(path):
        raise fail("file", f"{path}: exists", help="take another name, or another place with -o")
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    return path


def variant(name: str, base: str, spec: Spec) -> str:
    """The text of a variant of `base`, whose spec is given; it differs in its name alone.

    >>> from resnet_dsl import load
    >>> text = variant("mine", "cifar/resnet20", load("cifar/resnet20"))
    >>> print("\\n".join(text.splitlines()[1:7]))
    # A variant of cifar/resnet20: uncomment and change what differs
    name: mine
    extends: cifar/resnet20
    # input: 3x32x32
    # stem:
    #   - 3x3, 16
    """
    name_line = f"name: {scalar(name)}"
    shared = [line for line in write(spec).splitlines() if not _OWN.match(line)]
    read_text("\n".join([name_line, *shared]))  # a bad name is refused
    lines = [
        SCHEMA_LINE,
        f"# A variant of {base}: uncomment and change what differs",
        name_line,
        f"extends: {scalar(base)}",
        *(f"# {line}" for line in shared),
    ]
    return "\n".join(lines) + "\n"


def _place(name: str) -> Path:
    """The file of a name, in the current folder and nowhere else."""
    if name in {"", ".", ".."} or set(name) & set("/\\:"):
        raise fail(
            "value",
            f"{name[:60]!r} is not a name of a file",
            help="a name like resnet50-wide; -o sets where to write the spec",
        )
    return Path(f"{name}.yaml")


def _reference(like: str, folder: Path) -> str:
    """What `extends:` has for a base in a spec of a folder."""
    if is_shipped(like):
        return like
    base = real(Path(like))
    if not base.is_relative_to(real(folder)):
        raise fail(
            "extends",
            f"{like!r} lies outside the new spec's folder",
            help="extend a zoo name, or a spec in the same folder or below",
        )
    reference = base.relative_to(real(folder)).as_posix()
    if not reference.endswith((".yaml", ".yml")) or not reference.isprintable():
        raise fail("extends", f"{like!r} cannot be extended", help="a file ends in .yaml")
    return reference
