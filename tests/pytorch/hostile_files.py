"""Files of weights, byte by byte: pickles, zips and safetensors that no library writes."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest
import torch
from torch import Tensor

from resnet_dsl import SpecError
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.weight_files import read_contents


def refusal(path: Path) -> str:
    """The one fault of a file, when it is read and its tensors are used."""
    with pytest.raises(SpecError) as caught:
        read_tensors(path)
    [fault] = caught.value.diagnostics
    assert fault.message.startswith(f"{path}: ")
    shown = f"{fault.message.removeprefix(f'{path}: ')}; {fault.help}"
    assert shown.isprintable()
    return shown


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file, by its name there."""
    contents = read_contents(path)
    return tensors_of(contents, contents.tensors)


_MEASURE = """
import resource, sys, time
from pathlib import Path
from resnet_dsl import SpecError
from tests.pytorch.hostile_files import read_tensors
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # should a guard be gone
for name in sys.argv[1:]:
    before, start = peak(), time.process_time()
    try:
        read_tensors(Path(name))
        print(name, "was read")
    except SpecError:
        if peak() - before > 100:
            print(name, "took", peak() - before, "MB")
    if time.process_time() - start > 10:
        print(name, "took", time.process_time() - start, "s")
"""


def measured(paths: Iterable[Path]) -> str:
    """What is wrong with how files are refused: those that are read, or take much."""
    command = [sys.executable, "-c", _MEASURE, *sorted(map(str, paths))]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)  # noqa: S603 - this interpreter
    return ran.stdout + ran.stderr


def word(value: object) -> bytes:
    """The opcodes of a plain value."""
    return pickle.dumps(value, 2)[2:-1]


def call(name: str, *args: bytes) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n(" + b"".join(args) + b"tR"


def storage(numel: int, *more: bytes) -> bytes:
    kind = b"ctorch\nFloatStorage\n"
    place = word("storage") + kind + word("0") + word("cpu") + word(numel)
    return b"(" + place + b"".join(more) + b"tQ"


def tensor(source: bytes, shape: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    args = (word(0), word(shape), word(stride), word(False), call("collections OrderedDict"))
    return call("torch._utils _rebuild_tensor_v2", source, *args)


def mapping(*values: bytes) -> bytes:
    return b"}(" + b"".join(word(f"k{i}") + value for i, value in enumerate(values)) + b"u"


def zipped(content: bytes, record: bytes = bytes(4), method: int = ZIP_STORED) -> bytes:
    """The format of now, around an object and one storage."""
    file = io.BytesIO()
    with ZipFile(file, "w", method) as packed:
        packed.writestr("w/data.pkl", b"\x80\x02" + content + b".")
        packed.writestr("w/version", "3\n")
        packed.writestr("w/data/0", record)
    return file.getvalue()


def legacy(content: bytes, numel: int = 1, keys: tuple[str, ...] = ("0",)) -> bytes:
    """The format until 2020, around an object and one storage of a float."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    start = b"".join(pickle.dumps(value, 2) for value in head) + b"\x80\x02" + content + b"."
    return start + pickle.dumps(list(keys), 2) + struct.pack("<Q", numel) + bytes(4)


def safetensors(header: Mapping[str, object] | str, data: bytes = b"") -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


def torch_file(value: object, *, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def twice() -> bytes:
    """A zip that shows one pickle to some readers, and another one to others."""
    file = io.BytesIO(zipped(mapping(tensor(storage(1), (1,), (1,)))))
    with warnings.catch_warnings(action="ignore"), ZipFile(file, "a") as packed:
        packed.writestr("w/data.pkl", b"\x80\x02}.")
    return file.getvalue()
