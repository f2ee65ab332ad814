"""The specs shipped with the package, by name: the path in specs/ without its suffix."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_PACKAGE = Path(__file__).resolve().parents[1]

# a wheel carries specs/ inside the package; in a checkout it stands beside it
FOLDER: Final = _PACKAGE / "specs" if (_PACKAGE / "specs").is_dir() else _PACKAGE.parent / "specs"


def zoo() -> list[str]:
    """The names of the shipped specs, in reading order.

    >>> "resnet50" in zoo() and "paper/resnet50" in zoo()
    True
    """
    specs = (path.relative_to(FOLDER).with_suffix("") for path in FOLDER.rglob("*.yaml"))
    return sorted((path.as_posix() for path in specs), key=_reading_order)


def is_shipped(name: str) -> bool:
    """Whether a spec of that name is shipped, without a look at the others.

    >>> is_shipped("cifar/resnet20"), is_shipped("../specs/resnet50"), is_shipped("resnet5O")
    (True, False, False)
    """
    return bool(re.fullmatch(r"[\w-]+(/[\w-]+)*", name)) and os.path.isfile(zoo_path(name))


def zoo_path(name: str) -> Path:
    """The file of a zoo name."""
    return FOLDER / f"{name}.yaml"


def _reading_order(name: str) -> tuple[bool, list[str | int]]:
    """Top-level specs before folders, and resnet50 before resnet101."""
    pieces = re.split(r"(\d+)", name)
    return "/" in name, [int(piece) if piece.isdigit() else piece for piece in pieces]
