"""What is in the zoo? Names, a phrase for each, and the numbers that each states and checks."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.language.shipped import zoo, zoo_path

_EXPECT: Final = re.compile(
    r"^expect: \{layers: (\d+), params: (\d+), macs: (\d+)\}$", re.MULTILINE
)
_TOP: Final = "torchvision"
"""The family of the specs without a folder."""


class ZooEntry(NamedTuple):
    """A shipped spec: what it is, in a phrase, and its numbers at its own size of image."""

    name: str
    family: str
    phrase: str
    layers: int
    params: int
    macs: int


def zoo_entries(family: str | None = None) -> list[ZooEntry]:
    """The shipped specs, or those of a family: a folder, or the letters that names begin with.

    Their numbers are those that the specs state, which are checked whenever one is read. Raises
    `SpecError` where there is no such family.

    >>> entry = zoo_entries("resnext")[0]
    >>> entry.name, entry.layers, entry.params
    ('resnext50_32x4d', 50, 25028904)
    """
    names = zoo()
    if family is not None:
        names = [name for name in names if _is_in(name, family)]
        if not names:
            raise _unknown(family)
    return [_entry(name) for name in names]


def _family(name: str) -> str:
    return name.rpartition("/")[0] or _TOP


def _is_in(name: str, family: str) -> bool:
    wanted = family.lower().rstrip("/")
    own = name.rpartition("/")[2]
    beginning = re.compile(rf"{re.escape(wanted)}(?![a-z])")
    return wanted in (_family(name), name, own) or any(map(beginning.match, (own, name)))


def _unknown(family: str) -> Exception:
    folders = list(dict.fromkeys(map(_family, zoo())))
    words = dict.fromkeys(re.match(r"[a-z]+(?:v2)?", name.rpartition("/")[2]) for name in zoo())
    known = [*folders, *dict.fromkeys(word[0] for word in words if word)]
    guess = nearest(family.lower(), known)
    help = (
        f"did you mean {guess}?"
        if guess
        else f"folders: {', '.join(folders)}; or the beginning of names: resnext"
    )
    return fail("value", f"{family!r} is not a family of the zoo", help=help)


def _entry(name: str) -> ZooEntry:
    text = zoo_path(name).read_text(encoding="utf-8")
    comment = text.splitlines()[1].removeprefix("# ")
    stated = _EXPECT.search(text)
    assert stated is not None, name
    layers, params, macs = map(int, stated.groups())
    return ZooEntry(name, _family(name), comment, layers, params, macs)
