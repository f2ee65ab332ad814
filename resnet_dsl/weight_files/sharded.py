"""Weights in several files, with an index beside them that says which file has which tensor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from resnet_dsl.weight_files.values import FormatError

INDEX: Final = ".index.json"
_LARGEST: Final = 20_000_000


def index_of(path: Path) -> Path | None:
    """The index of a file's weights: the file itself, or one beside it that names it."""
    if path.name.endswith(INDEX):
        return path
    if "-of-" not in path.stem:
        return None
    stem = path.name.partition("-")[0]
    beside = path.with_name(f"{stem}{path.suffix}{INDEX}")
    return beside if beside.is_file() and path.name in _files(beside) else None


def read_sharded(index: Path, read: Callable[[Path], object]) -> dict[str, object]:
    """The tensors of all files that an index names, which must lie beside it."""
    tensors: dict[str, object] = {}
    for name in dict.fromkeys(_files(index)):
        if not name or Path(name).name != name or name.endswith(INDEX):
            raise FormatError(f"it names a file elsewhere: {name}")
        shard = index.with_name(name)
        if not shard.is_file():
            raise FormatError(f"{name} is missing beside it")
        content = read(shard)
        if not isinstance(content, dict):
            raise FormatError(f"{name} holds no tensors by name")
        tensors |= content
    return tensors


def _files(index: Path) -> list[str]:
    try:
        if index.stat().st_size > _LARGEST:
            raise ValueError("too large")
        names = json.loads(index.read_bytes())["weight_map"].values()
        if not all(isinstance(name, str) for name in names):
            raise TypeError("no names")
        return list(names)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise FormatError("it is no index of weights: it has no weight_map") from None
