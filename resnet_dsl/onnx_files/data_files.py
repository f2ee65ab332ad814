"""Where the weights of a large file of ONNX are."""

from __future__ import annotations

from pathlib import Path


def data_path(path: Path) -> Path:
    """The file beside a file of ONNX that has its weights, where it would be too large.

    >>> data_path(Path("net.onnx")).name
    'net.onnx.data'
    """
    return path.with_name(path.name + ".data")
