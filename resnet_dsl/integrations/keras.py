"""Weights of a PyTorch model for the Keras model of its source.

resnet-dsl export resnet50 --framework keras -o resnet50_keras.py

from resnet_dsl.integrations.keras import carry_weights
model = resnet50_keras.ResNet()
model.build((None, 224, 224, 3))
carry_weights(build("resnet50", weights="w.pth"), model)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from torch import Tensor

from resnet_dsl.diagnostics import fail
from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.naming import Naming, leaf_names, state_keys
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.weights import naming_of

_Array: TypeAlias = np.ndarray[Any, Any]
_NAMES: Final = {
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_OF_NORMS: Final = {"weight": "gamma", "bias": "beta"}


def carry_weights(source: Net, target: Any) -> int:
    """Give a Keras model that was built the weights of a model of `build`, and count its tensors.

    The Keras model is that of `source(…, framework="keras")`, with the same naming. Auxiliary
    classifiers are left out. Raises `SpecError` where it was not built, or has other layers; then
    it is as it was.
    """
    if not isinstance(source, Net) or not hasattr(target, "weights"):
        help = "carry_weights(build(...), model)"
        raise fail("value", "weights go from a model of build to a Keras model", help=help)
    if not target.weights:
        help = "model.build((None, height, width, channels))"
        raise fail("weights", "the Keras model has no weights yet", help=help)
    naming = naming_of(source)
    if naming is None:
        raise fail("weights", "the model no longer has the layers of its spec")
    pairs = dict(_pairs(source, target, naming))
    carried = {variable.path for variable, _ in pairs.values()}
    others = [each.path for each in target.weights if each.path not in carried]
    others = [path for path in others if "seed_generator" not in path]
    if others:
        raise fail("weights", f"the Keras model has {len(others)} more weights: {others[0]}, …")
    for variable, array in pairs.values():
        variable.assign(array)
    return len(pairs)


def _pairs(source: Net, target: Any, naming: Naming) -> Iterator[tuple[str, tuple[Any, _Array]]]:
    """The variable of each key of a model, and the numbers for it."""
    names, state = leaf_names(source.network, naming), source.state_dict()
    for key, tensor in state_keys(source.network, naming).items():
        if tensor.key.rpartition(".")[2] == COUNTER or tensor.leaf[0] == "aux" or key not in state:
            continue
        *inner, last = tensor.key.split(".")
        try:
            layer = target
            for step in names[tensor.leaf].split("."):
                is_row = step.isdigit() and not hasattr(layer, step)
                layer = layer.layers[int(step)] if is_row else getattr(layer, step)
            for step in inner:
                layer = getattr(layer, step)
            variable = _variable(layer, last)
        except (AttributeError, IndexError, KeyError):
            raise fail("weights", f"the Keras model has no {key}") from None
        yield key, (variable, _channels_last(key, state[key], tuple(variable.shape)))


def _variable(layer: Any, name: str) -> Any:
    """The variable of a layer that PyTorch calls by a name."""
    if hasattr(layer, "gamma"):
        return getattr(layer, _NAMES.get(name) or _OF_NORMS[name])
    if name == "weight" and hasattr(layer, "kernel"):
        return layer.kernel
    return getattr(layer, name)


def _channels_last(key: str, tensor: Tensor, shape: tuple[int, ...]) -> _Array:
    """Filters with their channels last: of a 1x1 convolution also as a matrix."""
    array: _Array = tensor.detach().cpu().float().numpy()
    if array.ndim > 1:
        array = np.moveaxis(array, (0, 1), (-1, -2))
    if [n for n in array.shape if n > 1] != [n for n in shape if n > 1]:
        raise fail("weights", f"{key} is {array.shape}, Keras' is {shape}")
    return array.reshape(shape)
