"""A network without the batch norms that a convolution before them can compute.

In evaluation a batch norm multiplies and adds fixed numbers, which a convolution or a fully
connected layer does as well: Jacob et al. 2018, §3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from resnet_dsl import ir
from resnet_dsl.folds.walk import leaves, network_leaves
from resnet_dsl.ir import ROOT, BatchNorm, Conv, Layer, LayerPath, Linear, Network


class Fused(NamedTuple):
    """A network without batch norms after convolutions, and where each of its leaves comes from.

    A leaf comes from one leaf of the original, or from a convolution and the norm after it.
    Auxiliary classifiers, which are for training, are left out.
    """

    network: Network
    origins: dict[LayerPath, tuple[LayerPath, ...]]


def fused(network: Network) -> Fused:
    """The network that computes the same in evaluation.

    >>> from resnet_dsl import elaborate, load
    >>> before = elaborate(load("resnet18"))
    >>> len(before.layers), len(fused(before).network.layers)
    (15, 14)
    """
    layers, origins = _row(network.layers, ROOT)
    result = Network(network.input, layers)
    paths = (path for path, _ in network_leaves(result))
    return Fused(result, dict(zip(paths, origins, strict=True)))


_Origins = list[tuple[LayerPath, ...]]


def _row(layers: Sequence[Layer], path: LayerPath) -> tuple[tuple[Layer, ...], _Origins]:
    """Layers in a row, and the origins of their leaves in the order of computation."""
    result: list[Layer] = []
    origins: _Origins = []
    numbered = iter(enumerate(layers))
    for i, layer in numbered:
        own = LayerPath((*path, i))
        after = layers[i + 1] if i + 1 < len(layers) else None
        if isinstance(layer, Conv | Linear) and isinstance(after, BatchNorm):
            next(numbered)
            result.append(_with_bias(layer))
            origins.append((own, LayerPath((*path, i + 1))))
        else:
            fused_layer, inner = _layer(layer, own)
            result.append(fused_layer)
            origins += inner
    return tuple(result), origins


def _layer(layer: Layer, path: LayerPath) -> tuple[Layer, _Origins]:
    match layer:
        case ir.Sequence(layers):
            row, origins = _row(layers, path)
            return ir.sequence(*row), origins
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            parts = {"body": body, "shortcut": shortcut, "after": after}
            fused_parts = {
                key: _layer(part, LayerPath((*path, key))) for key, part in parts.items()
            }
            block = ir.Residual(**{key: part for key, (part, _) in fused_parts.items()})
            return block, [origin for _, own in fused_parts.values() for origin in own]
        case ir.Parallel(branches):
            inner = [_layer(each, LayerPath((*path, i))) for i, each in enumerate(branches)]
            joined = ir.Parallel(tuple(branch for branch, _ in inner))
            return joined, [origin for _, own in inner for origin in own]
        case _:
            return layer, [(own,) for own, _ in leaves(layer, path)]


def _with_bias(layer: Conv | Linear) -> Layer:
    """The filters of a standardized convolution are fixed too."""
    if isinstance(layer, Conv):
        return replace(layer, bias=True, standardization=None)
    return replace(layer, bias=True)
