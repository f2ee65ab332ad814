"""Weights of a PyTorch model for the Keras model of its source.

resnet-dsl export resnet50 --framework keras -o resnet50_keras.py

from resnet_dsl.integrations.keras import carry_weights
model = resnet50_keras.ResNet()
model.build((None, 224, 224, 3))
carry_weights(build("resnet50", weights="w.pth"), model)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from torch import Tensor

from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.naming import leaf_names, state_keys
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.weights import naming_of

_NAMES: Final = {
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_OF_NORMS: Final = {"weight": "gamma", "bias": "beta"}


def carry_weights(source: Net, target: Any) -> int:
    """Give a Keras model that was built the weights of a model of `build`, and count its tensors.

    The Keras model is that of `source(…, framework="keras")`, with the same naming. Auxiliary
    classifiers are left out. Raises `AttributeError` where it has not the same layers.
    """
    naming = naming_of(source)
    names = leaf_names(source.network, naming)
    state, carried = source.state_dict(), 0
    for key, tensor in state_keys(source.network, naming).items():
        if tensor.key.rpartition(".")[2] == COUNTER or tensor.leaf[0] == "aux" or key not in state:
            continue
        layer = target
        for step in names[tensor.leaf].split("."):
            is_row = step.isdigit() and not hasattr(layer, step)
            layer = layer.layers[int(step)] if is_row else getattr(layer, step)
        *inner, last = tensor.key.split(".")
        for step in inner:
            layer = getattr(layer, step)
        variable = _variable(layer, last)
        variable.assign(_channels_last(state[key], variable.shape))
        carried += 1
    return carried


def _variable(layer: Any, name: str) -> Any:
    """The variable of a layer that PyTorch calls by a name."""
    if hasattr(layer, "gamma"):
        return getattr(layer, _NAMES.get(name) or _OF_NORMS[name])
    if name == "weight" and hasattr(layer, "kernel"):
        return layer.kernel
    if name == "weight" and hasattr(layer, "alpha"):
        return layer.alpha
    return getattr(layer, name)


def _channels_last(tensor: Tensor, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Filters with their channels last: of a 1x1 convolution also as a matrix."""
    array: np.ndarray[Any, Any] = tensor.detach().cpu().numpy()
    if array.ndim > 1:
        array = np.moveaxis(array, (0, 1), (-1, -2))
    assert array.size == np.prod(shape), f"{array.shape} for {shape}"
    return array.reshape(shape)
