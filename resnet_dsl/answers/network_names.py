"""What are networks called that stand beside each other?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from resnet_dsl.diagnostics import fail
from resnet_dsl.sources.resolve import Resolved, Source


def several(sources: Source | Iterable[Source], verb: str) -> list[Source]:
    """One source or several, as a list; `SpecError` where there is none.

    >>> several("resnet18", "draw")
    ['resnet18']
    """
    if not isinstance(sources, Iterable) or isinstance(sources, str):
        return [sources]
    listed = list(sources)
    if not listed:
        help = "give the name of a spec: resnet50"
        raise fail("value", f"there is nothing to {verb}", help=help)
    return listed


def network_names(sources: Sequence[Source], resolved: Iterable[Resolved]) -> list[str]:
    """Their own names, or those of their files; where two are the same, what was typed.

    >>> from resnet_dsl.sources.resolve import resolve
    >>> names = ["resnet50", "timm/resnet50", "paper/resnet50"]
    >>> network_names(names, map(resolve, names))
    ['resnet50', 'timm/resnet50', 'resnet50-v1']
    """
    names = []
    for i, (source, each) in enumerate(zip(sources, resolved, strict=True), 1):
        typed = _printable(str(source)) if isinstance(source, str | Path) else f"network {i}"
        own = each.name or (Path(typed).stem if isinstance(source, str | Path) else typed)
        names.append((own, typed))
    owns = [own for own, _ in names]
    return [own if owns.count(own) == 1 else typed for own, typed in names]


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name)


def files_of(sources: Iterable[Source]) -> list[Path]:
    """The files that networks are read from, which nothing may be written over."""
    paths = (Path(source) for source in sources if isinstance(source, str | Path))
    return [path for path in paths if path.is_file()]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
