"""Files of ONNX: written whole, checked, and run by onnxruntime."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx

from resnet_dsl.onnx_files.arrays import Array
from resnet_dsl.onnx_files.data_files import data_path
from resnet_dsl.reader.files import whole

if TYPE_CHECKING:
    import onnxruntime

LARGEST_FILE: Final = 2**31 - 2**20
"""Bytes that one file of protocol buffers may have; larger weights are in a file beside it."""


def write_model(model: onnx.ModelProto, path: Path, largest: int = LARGEST_FILE) -> int:
    """Write a model, and give the number of bytes written; `onnx.checker` finds no fault in it."""
    if model.ByteSize() <= largest:
        onnx.checker.check_model(model, full_check=True)
        text = model.SerializeToString()
        with whole(path) as draft:
            draft.write_bytes(text)
        return len(text)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:80]}.") as folder:
        inner = Path(folder) / path.name
        onnx.save_model(
            model,
            inner,
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=data_path(path).name,
            size_threshold=1024,
        )
        onnx.checker.check_model(inner, full_check=True)
        total = sum(file.stat().st_size for file in Path(folder).iterdir())
        for file in (data_path(inner), inner):
            os.replace(file, path.with_name(file.name))
    return total


def session(model: onnx.ModelProto | Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """A model of ONNX, ready to run on the CPU by so many threads; 0 are as many as cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    source: Any = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def outputs(session: onnxruntime.InferenceSession, images: Array) -> Array:
    """What a model gives for a batch of images."""
    (output,) = session.run(None, {"input": np.ascontiguousarray(images, np.float32)})
    result: Array = np.asarray(output)
    return result


@contextmanager
def temporary_model(model: onnx.ModelProto) -> Iterator[Path]:
    """A model as a file, for tools that read one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_model(model, path)
        yield path
