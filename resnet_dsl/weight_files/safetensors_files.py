"""Files of safetensors: a header in JSON, and the numbers after it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Final

from resnet_dsl.weight_files.values import FormatError, GlobalName, Record, contiguous

_TYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


def opens_safetensors(start: bytes) -> bool:
    """Whether a file begins as one of safetensors: the length of the header, and its brace."""
    return start[8:9] == b"{"


def read_safetensors(path: Path, view: memoryview) -> dict[str, object]:
    """Each tensor by name, in the order in which the numbers lie; the library checks the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, ValueError) as error:
        raise FormatError(f"it is cut off or damaged: {error}") from None
    [length] = struct.unpack_from("<Q", view)
    try:
        header = json.loads(bytes(view[8 : 8 + length]))
    except (ValueError, RecursionError):  # of what the library skips
        raise FormatError("its header has more than tensors") from None
    data = view[8 + length :]
    header.pop("__metadata__", None)
    tensors: dict[str, object] = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, end = entry["data_offsets"]
        kind = _TYPES.get(entry["dtype"])
        tensors[name] = (
            contiguous(kind, tuple(entry["shape"]), data[start:end])
            if kind
            else Record(GlobalName("safetensors", entry["dtype"]))
        )
    return tensors
