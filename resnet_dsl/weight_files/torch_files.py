"""What `torch.save`, `torch.jit.save`, `torch.export.save` and `pickle.dump` write."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from resnet_dsl.weight_files.archives import START, Archive, archive
from resnet_dsl.weight_files.code_names import program_names
from resnet_dsl.weight_files.rebuilding import storage_type
from resnet_dsl.weight_files.streams import ViewStream
from resnet_dsl.weight_files.unpickling import Find, Unpickler
from resnet_dsl.weight_files.values import (
    ITEM_SIZES,
    FormatError,
    GlobalName,
    Record,
    Storage,
    StoredTensor,
)

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_EXPORTED: Final = "data/weights/model_weights_config.json"
_PACKAGED: Final = ".data/"
_STORAGE: Final = ".storage"
_LONGEST_KEY: Final = 300
_EXPORTED_BEFORE: Final = ("serialized_state_dict.pt", "serialized_state_dict.json")
# of torch._export.serde.schema.ScalarType
_EXPORTED_TYPES: Final = (
    *("", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
    *("complex32", "complex64", "complex128", "bool", "bfloat16"),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds, and the names in it that would run code.

    `ordered` says that tensors stand in the order in which they were created.
    """

    value: object
    code: tuple[str, ...] = ()
    ordered: bool = True


def read_torch_zip(entries: Archive, nested: Find | None = None) -> Loaded:
    """A zip that torch wrote: a pickle and its storages, TorchScript, or an exported program.

    `nested` is what the bytes of an inner file mean.
    """
    if _EXPORTED in entries:
        return Loaded(_exported(entries))
    for name in _EXPORTED_BEFORE:
        if name in entries:
            return read_torch_zip(archive(entries.stored(name)), nested)
    if any(name.startswith(_PACKAGED) and name.endswith(_STORAGE) for name in entries.entries):
        return _packaged(entries, nested)
    if "data.pkl" not in entries:
        raise FormatError("it is a zip without weights of torch")
    if "byteorder" in entries and bytes(entries.stored("byteorder")) == b"big":
        raise FormatError("it was written on a machine with the other order of bytes")
    loaded = _unpickled(entries, "data.pkl", nested, "data/")
    if "constants.pkl" in entries:
        if not any(name.startswith("data/") for name in entries.entries):
            raise FormatError(
                "it is a frozen TorchScript archive: its weights are constants without names"
            )
        return Loaded(loaded.value, ("the TorchScript of its forward",))
    return loaded


def _packaged(entries: Archive, nested: Find | None) -> Loaded:
    """A file of `torch.package`: pickles in folders, all storages in one."""
    names = [name for name in entries.entries if name.endswith(".pkl")]
    loaded = {name: _unpickled(entries, name, nested, _PACKAGED, _STORAGE) for name in names}
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    code = tuple(name for each in loaded.values() for name in each.code)
    return Loaded({name.removesuffix(".pkl"): x.value for name, x in loaded.items()}, code)


def _unpickled(
    entries: Archive, name: str, nested: Find | None, folder: str, ending: str = ""
) -> Loaded:
    storages: dict[str, memoryview] = {}

    def find(identity: Any) -> object:
        kind, key, numel, start = _identity(identity)
        if isinstance(kind, GlobalName):
            return kind
        if key not in storages:
            storages[key] = entries.stored(f"{folder}{key.removesuffix(ending)}{ending}")
        data = storages[key]
        if len(data) != numel * ITEM_SIZES[kind or "uint8"]:
            raise FormatError(f"its storage {key} has {len(data)} bytes, and claims another size")
        return Storage(kind, data, start)

    return _load(ViewStream(entries.stored(name)), nested, find)


def _load(stream: ViewStream, nested: Find | None, find: Find | None = None) -> Loaded:
    machine = Unpickler(stream, find=find, nested=nested or _nested)
    value = machine.load()
    return Loaded(value, program_names(machine.calls))


def _identity(identity: Any) -> tuple[Any, str, int, int]:
    """A persistent id of torch: the type of numbers, the key of the storage, its size, a start."""
    match identity:
        case ("storage", GlobalName() as kind, str() | int() as key, _, int() as numel, *rest):
            key = str(key)  # numbers could be chosen to have one hash
            if len(key) > _LONGEST_KEY or numel < 0:
                raise FormatError("it refers to what is no storage of torch")
            return storage_type(kind), key, numel, _start(rest[0] if rest else None)
        case ("module", GlobalName() as name, *_):
            return name, "", 0, 0
        case _:
            raise FormatError("it refers to what is no storage of torch")


def _start(window: Any) -> int:
    """Where a part of a storage begins, as torch before 0.4 stored views."""
    match window:
        case None:
            return 0
        case (str(), int() as start, int()) if start >= 0:
            return start
        case _:
            raise FormatError("it refers to what is no part of a storage")


# ---------------------------------------------------------------- pickles, and torch until 1.5


def read_pickle(view: memoryview, nested: Find | None = None) -> Loaded:
    """A plain pickle, or torch's format until 1.5: pickles, and then the storages."""
    stream = ViewStream(view)
    first = _load(stream, nested)
    if first.value != _MAGIC:
        return first
    if _load(stream, nested).value != _PROTOCOL:
        raise FormatError("it is of a protocol that torch never had")
    machine = _load(stream, nested).value
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise FormatError("it was written on a machine with the other order of bytes")
    start = stream.tell()
    claimed: dict[str, tuple[str | None, int]] = {}

    def note(identity: Any) -> object:
        kind, key, numel, _ = _identity(identity)
        if isinstance(kind, GlobalName):
            return kind
        claimed[key] = (kind, numel)
        return None

    _load(stream, nested, note)
    keys = _load(stream, nested).value
    storages = _storages(view, stream.tell(), keys, claimed)

    def find(identity: Any) -> object:
        kind, key, _, start = _identity(identity)
        if isinstance(kind, GlobalName):
            return kind
        if key not in storages:
            raise FormatError("it refers to a storage that is missing")
        return Storage(kind, storages[key], start)

    stream.seek(start)
    return _load(stream, nested, find)


def _storages(
    view: memoryview, position: int, keys: object, claimed: Mapping[str, tuple[str | None, int]]
) -> dict[str, memoryview]:
    """The bytes of each storage: they follow one another after the list of their keys."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise FormatError("it has no list of storages")
    storages: dict[str, memoryview] = {}
    for key in keys:
        kind, numel = claimed.get(key, (None, -1))
        header = view[position : position + 8]
        if len(header) < 8 or struct.unpack("<q", header)[0] != numel:
            raise FormatError(f"it is cut off, or its storage {key} claims another size")
        size = numel * ITEM_SIZES[kind or "uint8"]
        position += 8 + size
        if position > len(view):
            raise FormatError("it claims more bytes than it has")
        storages[key] = view[position - size : position]
    return storages


def _nested(content: bytes) -> Storage:
    """The storage in the bytes that `pickle.dump` stores for each tensor."""
    view = memoryview(content)
    zipped = content[:4] == START
    inner = read_torch_zip(archive(view), _too_deep) if zipped else read_pickle(view, _too_deep)
    value = inner.value
    if not isinstance(value, Storage):
        raise FormatError("it has a file inside a file")
    return value


def _too_deep(_: object) -> Storage:
    raise FormatError("it has a file inside a file inside a file")


# ---------------------------------------------------------------- programs of torch.export


def _exported(entries: Archive) -> dict[str, object]:
    try:
        config = json.loads(bytes(entries.stored(_EXPORTED)))["config"]
        return {str(name): _exported_tensor(entries, meta) for name, meta in config.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise FormatError("it is no exported program that torch writes") from None


def _exported_tensor(entries: Archive, weight: Any) -> StoredTensor | Record:
    if weight["use_pickle"]:
        return Record(GlobalName("torch", "pickled tensor"))
    meta = weight["tensor_meta"]
    kind = _EXPORTED_TYPES[meta["dtype"]]
    shape, strides = (tuple(n["as_int"] for n in meta[key]) for key in ("sizes", "strides"))
    data = entries.stored(f"data/weights/{weight['path_name']}")
    return StoredTensor(kind, shape, strides, meta["storage_offset"]["as_int"], data)
