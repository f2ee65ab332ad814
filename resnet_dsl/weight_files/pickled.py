"""What pickles put together: names, entries of dicts, and arrays in the middle of joblib's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final

from resnet_dsl.weight_files.streams import ViewStream
from resnet_dsl.weight_files.values import FormatError, GlobalName, Record, are_sizes

_LARGEST_KEY: Final = 1 << 60
_LARGEST_HASHED: Final = 1 << 16
_LONGEST_NAME: Final = 500
_ITEM: Final = re.compile(r"([biufcSUVmM?])(\d{1,9})", re.ASCII)
_OBJECTS: Final = re.compile(r"O\d?")


def global_name(module: object, name: object = "") -> GlobalName:
    if not (isinstance(name, str) and isinstance(module, str)):
        raise FormatError("it is no pickle: a name that is no text")
    if len(module) + len(name) > _LONGEST_NAME:
        raise FormatError("it is no pickle: a name that is too long")
    return GlobalName(module, name)


def attribute_of(record: Record) -> GlobalName:
    """The name of what `getattr` would give; of another call, its own."""
    match record:
        case Record(GlobalName(name="getattr"), (GlobalName() as base, str() as name)):
            return global_name(base.module, f"{base.name}.{name}")
        case _:
            return record.maker


def rest_of_array(
    stream: ViewStream, attributes: Mapping[object, object], load: Callable[[], object]
) -> object:
    """What joblib writes after its record of an array, in the middle of the pickle.

    It is the array's bytes; of objects it is a pickle, which `load` reads.
    """
    match attributes["dtype"]:
        case Record(args=(str() as code, *_)) if _OBJECTS.fullmatch(code):
            return load()
    if attributes.get("numpy_array_alignment_bytes") is not None:
        stream.seek(stream.read(1)[0], 1)
    match attributes["shape"], attributes["dtype"]:
        case tuple() as shape, Record(args=(str() as code, *_)) if are_sizes(shape):
            item = _ITEM.fullmatch(code)
        case _:
            raise FormatError("it has an array of joblib without its sizes")
    if item is None:
        raise FormatError("it has an array of joblib of an unknown type")
    size = prod(shape) * int(item[2]) * (4 if item[1] == "U" else 1)
    start = stream.tell()
    stream.seek(size, 1)
    return stream.view[start : start + size]


def add_items(target: object, items: list[Any]) -> None:
    if isinstance(target, Record):
        target.items.extend(items)
    elif isinstance(target, list):
        target.extend(items)
    else:
        raise FormatError("it is no pickle: items of what is no list")


def set_items(target: object, items: Sequence[Any]) -> None:
    """Keys that are no plain values are kept by identity: to hash them could take for ever.

    Large numbers are kept as texts, since numbers could be chosen to have one place in a dict.
    """
    entries = target.entries if isinstance(target, Record) else target
    if not isinstance(entries, dict) or len(items) % 2:
        raise FormatError("it is no pickle: entries of what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        entries[_hashed(key)] = value


def _hashed(key: object) -> object:
    if isinstance(key, int) and abs(key) < _LARGEST_KEY:
        return key if abs(key) < _LARGEST_HASHED else str(key)
    return key if key is None or isinstance(key, str | bytes) else _Opaque(key)


class _Opaque:
    """A key that is compared by identity."""

    def __init__(self, key: object) -> None:
        self.key = key
