"""Weights under TensorFlow's names, as Google's BiT stores them, to names and shapes of torch.

A kernel is stored as height, width, inputs, outputs; torch's weight has the same numbers in another
order of axes, so nothing is copied.

>>> from resnet_dsl.weight_files.values import contiguous
>>> kernel = contiguous("float32", (3, 3, 16, 32), memoryview(bytes(4 * 9 * 16 * 32)))
>>> [(name, tensor.shape) for name, tensor in torch_names({"root/conv2d/kernel": kernel}).items()]
[('root.conv2d.weight', (32, 16, 3, 3))]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from resnet_dsl.weight_files.values import StoredTensor

_NAMES: Final = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_AXES: Final = {4: (3, 2, 0, 1), 2: (1, 0)}


def torch_names(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The same tensors under torch's names; others as they are."""
    if not any(name.endswith("/kernel") for name in tensors):
        return dict(tensors)
    renamed: dict[str, StoredTensor] = {}
    for name, tensor in tensors.items():
        scope, _, last = name.rpartition("/")
        key = _NAMES.get(last, last)
        renamed[f"{scope.replace('/', '.')}.{key}"] = (
            _as_weight(tensor) if key == "weight" else tensor
        )
    return renamed if len(renamed) == len(tensors) else dict(tensors)


def _as_weight(tensor: StoredTensor) -> StoredTensor:
    axes = _AXES.get(len(tensor.shape))
    if axes is None:
        return tensor
    shape, strides = (tuple(values[a] for a in axes) for values in (tensor.shape, tensor.strides))
    return replace(tensor, shape=shape, strides=strides)
