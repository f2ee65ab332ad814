"""Which format is a file of? By its first bytes, since people rename files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.weight_files.archives import START, archive
from resnet_dsl.weight_files.numpy_files import MAGIC, read_npy, read_npz
from resnet_dsl.weight_files.safetensors_files import opens_safetensors, read_safetensors
from resnet_dsl.weight_files.sharded import index_of, read_sharded
from resnet_dsl.weight_files.streams import mapped
from resnet_dsl.weight_files.torch_files import Loaded, read_pickle, read_torch_zip
from resnet_dsl.weight_files.values import FormatError

HELP: Final = "write model.state_dict() with safetensors or torch"
_SHOWN: Final = 150
_IN_FOLDERS: Final = (
    *("model.safetensors.index.json", "pytorch_model.bin.index.json"),
    *("model.safetensors", "pytorch_model.bin"),
)
_UNPACK: Final = "unpack it first"
_LOAD: Final = "load it with the library that wrote it, and save its state_dict()"
_OTHERS: Final[list[tuple[re.Pattern[bytes], str, str]]] = [
    (re.compile(pattern, re.DOTALL), what, help)
    for pattern, what, help in (
        (rb"\x1f\x8b", "compressed by gzip", _UNPACK),
        (rb"BZh", "compressed by bzip2", _UNPACK),
        (rb"\xfd7zXZ", "compressed by xz", _UNPACK),
        (rb"\x28\xb5\x2f\xfd", "compressed by zstd", _UNPACK),
        (rb"\x04\x22\x4d\x18", "compressed by lz4", _UNPACK),
        (rb"x[\x01\x5e\x9c\xda]", "compressed by zlib, as joblib does", _UNPACK),
        (rb"Rar!", "a rar archive", _UNPACK),
        (rb"7z\xbc\xaf", "a 7z archive", _UNPACK),
        (rb".{257}ustar", "a tar archive", _UNPACK),
        (rb"\x89HDF", "HDF5, as Keras and MATLAB write it", _LOAD),
        (rb"MATLAB 5.0", "a file of MATLAB", _LOAD),
        (rb"GGUF", "GGUF, for quantized language models", _LOAD),
        (rb".{4}TFL3", "TensorFlow Lite", _LOAD),
        (rb"\x08\x01\x12", "a SavedModel of TensorFlow", _LOAD),
        (rb"\x08[\x02-\x20](?:\x12|:|B|\x1a)", "ONNX: a graph", "lift the model it came from"),
        (rb"SQLite format", "a database", HELP),
        (rb"%PDF|\x89PNG|\xff\xd8\xff|GIF8", "a picture or a document", HELP),
        (
            rb"version https://git-lfs",
            "a pointer of git-lfs, not the file itself",
            "git lfs pull fetches the file",
        ),
        (
            rb"\s*(?i:<!doctype|<html|<\?xml)",
            "an HTML or XML document",
            "the download gave an error: fetch the file again",
        ),
        (rb"\s*\{\s*[\"}]", "JSON", HELP),
    )
]


def read_file(path: Path) -> Loaded:
    """What a file holds, without running anything in it, in little more memory than its records.

    Raises `SpecError` where there is no file, or none that holds weights.
    """
    if os.path.isdir(path):
        path = _file_in(path)
    if not os.path.isfile(path):
        raise fail("file", f"{path}: {'not a' if os.path.exists(path) else 'no such'} file")
    try:
        index = index_of(path)
        if index is not None:
            code: dict[str, None] = {}

            def read(shard: Path) -> object:
                loaded = _read(shard)
                code.update(dict.fromkeys(loaded.code))
                return loaded.value

            return Loaded(read_sharded(index, read), tuple(code), ordered=False)
        return _read(path)
    except OSError as error:
        raise fail("file", f"{path}: {(error.strerror or 'unreadable').lower()}") from None
    except (FormatError, MemoryError, RecursionError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> SpecError:
    """The refusal of a file, for the user."""
    reason = printable((str(error) or type(error).__name__)[:_SHOWN])
    return fail("weights", f"{path}: no weights can be read: {reason}", help=HELP)


def _file_in(folder: Path) -> Path:
    """The weights in a folder, under the names that transformers and accelerate give it."""
    for name in _IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    if (folder / ".metadata").is_file():
        raise fail(
            "weights",
            f"{folder}: is a checkpoint of torch.distributed, in many files",
            help="python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE",
        )
    raise fail("file", f"{folder}: a folder without {', '.join(_IN_FOLDERS)}")


def _read(path: Path) -> Loaded:
    view = mapped(path)
    start = bytes(view[:300])
    if not start:
        raise FormatError("it is empty")
    if opens_safetensors(start):
        return Loaded(read_safetensors(path, view), ordered=False)  # sorted by the library
    for pattern, what, help in _OTHERS:
        if pattern.match(start):
            raise fail("weights", f"{path}: no weights can be read: it is {what}", help=help)
    return read_bytes(view)


def read_bytes(view: memoryview) -> Loaded:
    """What bytes hold that torch, pickle or numpy wrote."""
    start = bytes(view[:6])
    if start[:4] == START:
        entries = archive(view)
        if any(name.endswith(".npy") for name in entries.entries):
            return read_npz(entries)
        return read_torch_zip(entries)
    if start == MAGIC:
        return read_npy(view)
    try:
        return read_pickle(view)
    except FormatError:
        if _is_pickle(start) or start[:1] in b"(]}cdl":  # as pickles of protocol 0 and 1 begin
            raise
        raise FormatError("it is of no format that is known") from None


def _is_pickle(start: bytes) -> bool:
    return start[:1] == b"\x80" and start[1:2] <= b"\x05"


def is_file(content: bytes) -> bool:
    """Whether bytes in a file are a file that torch or pickle wrote."""
    return content[:4] == START or (_is_pickle(content) and content[-1:] == b".")


def printable(text: str) -> str:
    """A text from a file as a terminal may see it."""
    return "".join(c if c.isprintable() else "?" for c in text)
