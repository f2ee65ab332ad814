"""Models of ONNX in 8-bit integers: onnxruntime's static quantization.

Weights have a scale for each output channel, activations one scale each, which images decide:
Jacob et al. 2018. The batch norms are fused first, so that a convolution is one integer operation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from resnet_dsl.onnx_files.arrays import Array
from resnet_dsl.onnx_files.files import temporary_model


def quantized(model: onnx.ModelProto, batches: Sequence[Array]) -> onnx.ModelProto:
    """The model in 8-bit integers, with the ranges of activations that batches of images have."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self._remaining: Iterator[Array] = iter(batches)

        def get_next(self) -> dict[str, Array] | None:
            batch = next(self._remaining, None)
            return None if batch is None else {"input": batch}

    with TemporaryDirectory() as folder, temporary_model(model) as path, _quiet():
        result = Path(folder) / "quantized.onnx"
        quantize_static(
            path,
            result,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(result)


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime advises to fuse batch norms, which is done."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
