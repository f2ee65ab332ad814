"""Files of weights of anybody's: read without running anything in them, in bounded memory."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, UntypedStorage
from torch.overrides import TorchFunctionMode

from resnet_dsl.diagnostics import fail

_LISTED: Final = 20
_SHOWN: Final = 100
_DEPTH: Final = 50
_REPEATS: Final = 10
_SAFE_FORMAT_HELP: Final = "write model.state_dict() with safetensors or torch"

# what torch writes for tensors in dicts, since 0.1; its reader would make other things too,
# such as a bytearray of any length
_PLAIN = re.compile(
    r"collections (OrderedDict|Counter)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|torch\.nn\.parameter Parameter"
    r"|torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool|Complex\w+)Storage"
    r"|torch (device|bool|b?float\d+|u?int\d+|complex\d+)"
)

# what the readers raise for a file that is no state dict: torch's has no error of its own
_UNREADABLE = (
    SafetensorError,
    BadZipFile,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    struct.error,
    MemoryError,
    OverflowError,
)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name: safetensors, or torch's format without its code."""
    content = read_checkpoint(path)
    tensors = {k: v.detach() for k, v in content.items() if isinstance(v, Tensor)}
    if len(tensors) < len(content):
        others = [key for key in content if key not in tensors]
        raise fail(
            "weights",
            f"{path}: {listed(others)} hold no tensors",
            help="save model.state_dict() alone",
        )
    return tensors


def read_checkpoint(path: Path) -> dict[str, object]:
    """What a file holds by name: tensors, or dicts and lists of tensors and plain values.

    Nothing in the file runs, and no more memory is taken than a few times the file's size.
    """
    if not os.path.isfile(path):
        raise fail("file", f"{path}: {'not a' if os.path.exists(path) else 'no such'} file")
    try:
        with warnings.catch_warnings(action="ignore"):  # the readers remark on odd files
            content = _read(path)
    except OSError as error:
        raise fail("file", f"{path}: {(error.strerror or 'unreadable').lower()}") from None
    except _UNREADABLE as error:
        reason = first_line(error)
        if isinstance(error, pickle.UnpicklingError):  # torch advises to run the code
            reason = "torch reads no such pickle"
        raise fail(
            "weights", f"{path}: no file of weights", help=f"{reason}; {_SAFE_FORMAT_HELP}"
        ) from None
    if not isinstance(content, dict) or not all(isinstance(k, str) for k in content):
        raise fail("weights", f"{path}: no state dict", help="save model.state_dict()")
    if not content:
        raise fail("weights", f"{path}: holds no tensors", help="save model.state_dict()")
    return dict(dict.items(content))  # a subclass from a file may have an `items` of its own


def _read(path: Path) -> Any:
    """The content of a file, whose first bytes show the format: people rename files."""
    with path.open("rb") as file:
        start = file.read(9)
        file.seek(0)
        if _opens_header(start):
            return load_file(path)
        if start[:4] == b"PK\x03\x04":
            stream, pickles = _repacked(file)
        else:
            stream = io.BytesIO(file.read())
            pickles = [stream] * 5  # a number, a version, the machine, the content, the storages
    size = stream.getbuffer().nbytes
    foreign = sorted(set().union(*(_PickleScan(part, size).foreign for part in pickles)))
    if foreign:
        raise fail(
            "weights", f"{path}: holds more than tensors: {listed(foreign)}", help=_SAFE_FORMAT_HELP
        )
    stream.seek(0)
    with _Assembly():
        content = torch.load(stream, map_location=_storages(size), mmap=False, weights_only=True)
    if any(tensor.nbytes > tensor.untyped_storage().nbytes() for tensor in _tensors(content)):
        raise ValueError("it claims a tensor of more bytes than it has")
    return content


def is_safetensors(path: Path) -> bool:
    """Whether a file is of the format that keeps no order of its tensors."""
    with path.open("rb") as file:
        return _opens_header(file.read(9))


def _opens_header(start: bytes) -> bool:
    return start[8:] == b"{"  # after the length of the header


def _repacked(file: BinaryIO) -> tuple[io.BytesIO, list[io.BytesIO]]:
    """A zip's entries in a new zip, so that torch reads the very bytes checked; its pickles."""
    size, packed, pickles = os.fstat(file.fileno()).st_size, io.BytesIO(), []
    with ZipFile(file) as old, ZipFile(packed, "w") as new:
        entries = old.infolist()
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("it claims more bytes than it has")
        if any(entry.compress_type != ZIP_STORED for entry in entries):
            raise ValueError("it is compressed")
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("it has two entries of one name")
        for entry in entries:
            content = old.read(entry)
            new.writestr(entry.filename, content)
            if entry.filename.lower().endswith(".pkl"):
                pickles.append(io.BytesIO(content))
    return packed, pickles


class _PickleScan:
    """A walk through a pickle that creates nothing, and counts what torch's reader would create.

    A few bytes can express a pair of the same pair twice, of the same pair twice, and so on: to
    print such a value, or to look it up in a dict, would never end.
    """

    def __init__(self, stream: io.BytesIO, size: int) -> None:
        self.left = _REPEATS * size
        self.stacks: list[list[_Value]] = [[]]  # one more for each mark
        self.memo: dict[Any, _Value] = {}
        self.foreign: set[str] = set()  # the names that no plain tensor needs
        for opcode, arg, _ in pickletools.genops(stream):
            self.step(opcode, arg)

    def step(self, opcode: pickletools.OpcodeInfo, arg: Any) -> None:
        if opcode.name in ("PROTO", "STOP"):
            return
        if opcode.name == "MARK":
            self.stacks.append([])
            return
        if opcode.name in ("BINPUT", "LONG_BINPUT"):
            self.memo[arg] = self.stacks[-1][-1]
            return
        if opcode.name in ("BINGET", "LONG_BINGET"):
            value = self.memo[arg]
            value.shared = True
            self.left -= value.size
        else:
            value = self.value_of(opcode, arg)
        if self.left < 0 or value.depth > _DEPTH:
            raise ValueError("it is nested too deeply")
        self.stacks[-1].append(value)

    def value_of(self, opcode: pickletools.OpcodeInfo, arg: object) -> _Value:
        """What an opcode leaves on the stack for what it takes from there."""
        count, items = len(opcode.stack_before), []
        if pickletools.stackslice in opcode.stack_before:
            count, items = count - 2, self.stacks.pop()
        parts = [self.stacks[-1].pop() for _ in range(count)][::-1] + items
        value = _Value(size=len(arg) + 1 if isinstance(arg, str | bytes) else 1)
        self.left -= value.size
        if opcode.name == "GLOBAL":
            value.name = str(arg)
            if not _PLAIN.fullmatch(value.name):
                self.foreign.add(value.name.replace(" ", "."))
        elif opcode.name in ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"):
            value = parts.pop(0)
            if value.shared:
                raise ValueError("it changes what it has repeated")
        elif opcode.name in ("REDUCE", "NEWOBJ") and not parts[0].name:
            raise ValueError("it calls what is no function")
        value.size += sum(part.size for part in parts)
        value.depth = max([value.depth, *(part.depth + 1 for part in parts)])
        return value


@dataclass(slots=True)
class _Value:
    """What stands for a value in a rehearsal."""

    name: str = ""  # of a function
    size: int = 1
    depth: int = 1
    shared: bool = False


def _storages(size: int) -> Callable[[Any, str], Any]:
    """For torch's reader: keeps storages on the CPU, no longer than the file, unable to grow."""
    left = size

    def place(storage: UntypedStorage, _: str) -> UntypedStorage:
        nonlocal left
        left -= storage.nbytes()
        if left < 0:
            raise ValueError("it claims more bytes than it has")
        return _fixed(storage)

    return place


def _fixed(storage: UntypedStorage) -> UntypedStorage:
    """The same bytes in a storage that torch does not resize, as it would to fit a shape."""
    part: UntypedStorage = storage[:]
    return part


class _Assembly(TorchFunctionMode):
    """Tensors are put together, not taken apart: one row expanded to many would never end."""

    def __torch_function__(
        self, func: Callable[..., object], _: object, args: Any = (), kwargs: Any = None
    ) -> object:
        if func in (Tensor.unbind, Tensor.__iter__):
            raise ValueError("it computes with tensors")
        result = func(*args, **(kwargs or {}))
        if func is torch.empty and isinstance(result, Tensor):
            result.set_(_fixed(result.untyped_storage()))
        return result


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for inner in dict.values(value):  # a file may give an OrderedDict a method of its own
            yield from _tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0][:_SHOWN]).rstrip(". ") if lines else type(error).__name__


def printable(text: str) -> str:
    """A text from a file as a terminal may see it."""
    return "".join(c if c.isprintable() else "?" for c in text)


def listed(keys: list[str]) -> str:
    """Some of the names in a file, as a terminal may see them."""
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(map(printable, (key[:_SHOWN] for key in keys[:_LISTED]))) + more
