"""Arrays of numpy: `.npy`, `.npz`, and those inside of pickles."""

from __future__ import annotations

import re
import struct
from typing import Any, Final

from resnet_dsl.weight_files.archives import Archive
from resnet_dsl.weight_files.torch_files import Loaded, read_pickle
from resnet_dsl.weight_files.values import (
    ITEM_SIZES,
    MOST_DIMENSIONS,
    FormatError,
    GlobalName,
    Record,
    StoredTensor,
    contiguous,
    row_strides,
)

MAGIC: Final = b"\x93NUMPY"
_HEADERS: Final = {b"\1\0": "<H", b"\2\0": "<I", b"\3\0": "<I"}
"""How the length of a header is written, by the version of the format."""
_HEADER: Final = {
    "type": re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]*)['"]"""),
    "columns": re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)"""),
    "shape": re.compile(r"""['"]shape['"]\s*:\s*\(([\d\sL,]*)\)"""),
}
_LONGEST_HEADER: Final = 10_000
_SIZE: Final = re.compile(r"\d{1,19}")
_TYPE: Final = re.compile(r"([<|=]?)([fiubc])(\d{1,2})|([<|=]?)(\?)", re.ASCII)
_KINDS: Final = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
_ARRAYS: Final = ("numpy.core.multiarray", "numpy._core.multiarray")
_JOBLIB: Final = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
_OF_DEVICES: Final = {
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_device_tensor_from_cpu_tensor",
}
_BUFFERS: Final = ("numpy.core.numeric", "numpy._core.numeric")


def read_npz(entries: Archive) -> Loaded:
    """Each array of an archive by its name."""
    names = [name for name in entries.entries if name.endswith(".npy")]
    arrays, code = {}, list[str]()
    for name in names:
        loaded = read_npy(entries.content(name))
        arrays[name.removesuffix(".npy")] = loaded.value
        code += loaded.code
    if len(arrays) == 1 and not isinstance(value := next(iter(arrays.values())), StoredTensor):
        return Loaded(value, tuple(code))
    return Loaded(arrays, tuple(code))


def read_npy(view: memoryview) -> Loaded:
    """An array; one of objects has a pickle in it."""
    place = len(MAGIC) + 2
    form = _HEADERS.get(bytes(view[len(MAGIC) : place]))
    start = place + struct.calcsize(form or "")
    if form is None or len(view) < start:
        raise FormatError("it is no array of numpy: a version that numpy never had")
    [length] = struct.unpack_from(form, view, place)
    header = str(view[start : start + min(length, _LONGEST_HEADER)], "latin1")
    parts = {name: pattern.search(header) for name, pattern in _HEADER.items()}
    data = view[start + length :]
    match parts:
        case {"type": re.Match() as code, "columns": re.Match() as order, "shape": re.Match() as n}:
            shape = tuple(int(size) for size in _SIZE.findall(n[1])[: MOST_DIMENSIONS + 1])
            if code[1] == "|O":
                loaded = read_pickle(data)
                items = _object_items(loaded.value)
                return Loaded(items[0] if len(items) == 1 else items, loaded.code)
            return Loaded(_array(code[1], shape, order[1] == "True", data))
        case {"type": None, "shape": re.Match()}:
            return Loaded(Record(GlobalName("numpy", "ndarray")))  # of records
        case _:
            raise FormatError("it is no array of numpy: its header has no sizes")


def _object_items(value: object) -> list[object]:
    """The objects of an array of objects."""
    match value:
        case Record(state=(_, _, _, _, list() as items)):
            return items
        case _:
            return [value]


def array_of(record: Record) -> object:
    """The tensor of an array that a pickle has; the record itself where it is something else."""
    maker, args = record.maker, record.args
    if maker.module in _ARRAYS and maker.name == "_reconstruct":
        match record.state:
            case (_, tuple() as shape, Record() as dtype, by_columns, bytes() | str() as data):
                return _array(_type_of(dtype), shape, bool(by_columns), _view(data), record)
            case (_, tuple(), _, _, list() as items) if len(items) == 1:
                return items[0]
    if maker.module in _BUFFERS and maker.name == "_frombuffer":
        match args:
            case (bytes() | bytearray() as content, Record() as dtype, tuple() as shape, order):
                return _array(_type_of(dtype), shape, order == "F", _view(content), record)
    if maker == _JOBLIB:
        return _joblib_array(record)
    if maker.name in _OF_DEVICES and isinstance(args, tuple) and args:
        first = args[0]
        return array_of(first) if isinstance(first, Record) else first
    return record


def _joblib_array(record: Record) -> object:
    attributes = record.attributes
    match attributes.get("dtype"), attributes.get("shape"), record.items:
        case Record() as dtype, tuple() as shape, [memoryview() as data, *_]:
            by_columns = attributes.get("order") == "F"
            return _array(_type_of(dtype), shape, by_columns, data, record)
    return record


def _view(data: str | bytes | bytearray) -> memoryview:
    """The bytes of an array; Python 2 wrote them as a text."""
    try:
        return memoryview(data.encode("latin1") if isinstance(data, str) else data)
    except UnicodeEncodeError:
        raise FormatError("it has an array whose bytes are no bytes") from None


def _type_of(dtype: Record) -> str:
    """`<f4` of `dtype("f4")` and its state, which has the order of bytes."""
    code = dtype.args[0] if isinstance(dtype.args, tuple) and dtype.args else ""
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "<"
    return f"{order}{code}" if isinstance(code, str) and isinstance(order, str) else ""


def _array(
    code: str, shape: tuple[Any, ...], by_columns: bool, data: memoryview, record: object = None
) -> object:
    kind = _torch_type(code)
    if kind is None:
        return record or Record(GlobalName("numpy", "ndarray"), (code,))
    if not by_columns:
        return contiguous(kind, shape, data)
    return StoredTensor(kind, shape, row_strides(shape[::-1])[::-1], 0, data)


def _torch_type(code: str) -> str | None:
    """`float32` of `<f4`; None for texts, dates, and the other order of bytes."""
    match = _TYPE.fullmatch(code)
    if match is None:
        return None
    if match[5] or code[-2:] == "b1":
        return "bool"
    kind = f"{_KINDS.get(match[2])}{8 * int(match[3])}"
    return kind if kind in ITEM_SIZES else None
