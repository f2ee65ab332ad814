"""The order in which the reference constructors create layers, and so draw their first weights.

torchvision creates a block's projection before its body, and everything else in the order of
computation. It differs from the order of registration, which `resnet_dsl.naming` gives.
"""

from __future__ import annotations

from collections.abc import Iterator

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import Layer, LayerPath, Leaf, Network, Parallel, Residual, Sequence


def creation_order(network: Network) -> Iterator[tuple[LayerPath, Leaf]]:
    """Every leaf with its path, in order of creation; auxiliaries come before the head."""
    head = anatomy(network).head
    end = head[0].start if head else len(network.layers)
    for i, layer in enumerate(network.layers[:end]):
        yield from _creation(layer, LayerPath((i,)))
    for number, auxiliary in enumerate(network.auxiliaries):
        for i, layer in enumerate(auxiliary.layers):
            yield from _creation(layer, LayerPath(("aux", number, i)))
    for i, layer in enumerate(network.layers[end:], end):
        yield from _creation(layer, LayerPath((i,)))


def _creation(layer: Layer, path: LayerPath) -> Iterator[tuple[LayerPath, Leaf]]:
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                yield from _creation(inner, LayerPath((*path, i)))
        case Residual(body=body, shortcut=shortcut, after=after):
            yield from _creation(shortcut, LayerPath((*path, "shortcut")))
            yield from _creation(body, LayerPath((*path, "body")))
            yield from _creation(after, LayerPath((*path, "after")))
        case Parallel(branches):
            for i, branch in enumerate(branches):
                yield from _creation(branch, LayerPath((*path, i)))
        case _:
            yield path, layer
