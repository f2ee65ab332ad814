"""The specs shipped with the package, by name: the path in specs/ without its suffix."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from resnet_dsl.diagnostics import nearest

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


def nearest_spec(name: str) -> str | None:
    """The shipped spec that a name is meant to be, by its words first, then by its letters.

    >>> nearest_spec("resnext50"), nearest_spec("seresnet50"), nearest_spec("resnetv2-50")
    ('resnext50_32x4d', 'timm/seresnet50', 'timm/resnetv2_50')
    >>> nearest_spec("ResNet-50"), nearest_spec("mobilenet")
    ('resnet50', None)
    """
    names = zoo()
    folder, _, last = name.rpartition("/")
    typed = _words(last)
    if not typed:
        return None
    joined = "".join(typed)

    def rank(known: str) -> tuple[bool, bool, int]:
        where, _, own = known.rpartition("/")
        return where != folder, bool(where), len(own)

    for fits in (
        lambda own: "".join(own) == joined,
        lambda own: own[: len(typed)] == typed,
        lambda own: "".join(own).startswith(joined) and bool(re.search(r"\d", joined)),
        lambda own: set(typed) <= set(own),
    ):
        if near := [known for known in names if fits(_words(known.rpartition("/")[2]))]:
            return min((known for known in near if known != name), key=rank, default=None)
    own = [known for known in names if "/" not in known]
    guess = nearest(last, own, 0.8) or nearest(last, [n.rpartition("/")[2] for n in names], 0.75)
    same = [known for known in names if known.rpartition("/")[2] == guess]
    return min(same, key=rank, default=None)


def _words(name: str) -> list[str]:
    """The words of a name: `resnext50_32x4d` has resnext50 and 32x4d."""
    name = re.sub(r"\.ya?ml$", "", name.lower())
    name = re.sub(r"^resnet_?(\d+)_?v2$", r"resnetv2_\1", name)  # as Keras has it
    return [
        word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])-(?=\d)", "", name)) if word
    ]


def is_shipped(name: str) -> bool:
    """Whether a spec of that name is shipped, without a look at the others.

    >>> is_shipped("cifar/resnet20"), is_shipped("../specs/resnet50"), is_shipped("resnet5O")
    (True, False, False)
    """
    return bool(re.fullmatch(r"[\w-]+([:/][\w-]+)?(/[\w-]+)*", name)) and os.path.isfile(
        zoo_path(name)
    )


def zoo_name(name: str) -> str:
    """A name with its library as the zoo has it: `timm:` is a folder, torchvision's have none.

    >>> zoo_name("timm:resnet50d"), zoo_name("torchvision/resnet50"), zoo_name("resnet50")
    ('timm/resnet50d', 'resnet50', 'resnet50')
    """
    library, _, rest = name.replace(":", "/", 1).partition("/")
    if library == "torchvision" and rest:
        return rest
    return f"{library}/{rest}" if library == "timm" and rest else name


def zoo_path(name: str) -> Path:
    """The file of a zoo name."""
    return FOLDER / f"{zoo_name(name)}.yaml"


def _reading_order(name: str) -> tuple[bool, list[str | int]]:
    """Top-level specs before folders, and resnet50 before resnet101."""
    pieces = re.split(r"(\d+)", name)
    return "/" in name, [int(piece) if piece.isdigit() else piece for piece in pieces]
