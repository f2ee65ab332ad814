"""The weights of a network whose batch norms are fused into the convolutions before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from resnet_dsl.folds.fused import Fused
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import weight_shapes
from resnet_dsl.ir import BatchNorm, Conv, LayerPath, Leaf, Network
from resnet_dsl.naming import leaf_names
from resnet_dsl.onnx_files.arrays import Array, standardized


def fused_weights(network: Network, fused: Fused, weights: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors of a fused network in torchvision's naming, of those of the original.

    A norm multiplies by `weight / sqrt(running_var + eps)`, where it has no `weight` by
    `1 / sqrt(running_var + eps)`; products are in float64.
    """
    leaves, names = dict(network_leaves(network)), leaf_names(network)
    own_names = leaf_names(fused.network)
    result: dict[str, Array] = {}
    for path, leaf in network_leaves(fused.network):
        origin = fused.origins[path]
        if len(origin) == 1:
            tensors = {key: weights[f"{names[origin[0]]}.{key}"] for key in weight_shapes(leaf)}
        else:
            tensors = dict(_fused(leaves, names, origin, weights))
        result |= {f"{own_names[path]}.{key}": value for key, value in tensors.items()}
    return result


def _fused(
    leaves: Mapping[LayerPath, Leaf],
    names: Mapping[LayerPath, str],
    origin: tuple[LayerPath, ...],
    weights: Mapping[str, Array],
) -> Iterator[tuple[str, Array]]:
    first, second = origin
    layer, norm = leaves[first], leaves[second]
    assert isinstance(norm, BatchNorm)
    filters = weights[f"{names[first]}.weight"]
    if isinstance(layer, Conv) and layer.standardization is not None:
        filters = standardized(filters, layer.standardization)
    statistics = {key: weights[f"{names[second]}.{key}"] for key in weight_shapes(norm)}
    scale = 1 / np.sqrt(statistics["running_var"].astype(np.float64) + norm.eps)
    if norm.affine:
        scale = scale * statistics["weight"]
    bias = -statistics["running_mean"] * scale
    if f"{names[first]}.bias" in weights:
        bias = bias + weights[f"{names[first]}.bias"] * scale
    if norm.affine:
        bias = bias + statistics["bias"]
    scaled = filters * scale.reshape(-1, *[1] * (filters.ndim - 1))
    yield "weight", scaled.astype(filters.dtype)
    yield "bias", bias.astype(filters.dtype)
