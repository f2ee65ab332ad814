"""The order in which the reference constructors create layers, and so draw their first weights.

torchvision creates a block's projection before its body, and everything else in the order of
computation. It differs from the order of registration, which `resnet_dsl.naming` gives.
"""

from __future__ import annotations

from collections.abc import Iterator

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import Layer, Leaf, Network, Parallel, Path, Residual, Sequence


def creation(network: Network) -> Iterator[tuple[Path, Leaf]]:
    """Every leaf with its path, in order of creation; auxiliaries come before the head."""
    head = anatomy(network).head
    behind = head[0].start if head else len(network.layers)
    for i, layer in enumerate(network.layers[:behind]):
        yield from _creation(layer, (i,))
    for number, aux in enumerate(network.auxiliaries):
        for i, layer in enumerate(aux.layers):
            yield from _creation(layer, ("aux", number, i))
    for i, layer in enumerate(network.layers[behind:], behind):
        yield from _creation(layer, (i,))


def _creation(layer: Layer, path: Path) -> Iterator[tuple[Path, Leaf]]:
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                yield from _creation(inner, (*path, i))
        case Residual(body=body, shortcut=shortcut, after=after):
            yield from _creation(shortcut, (*path, "shortcut"))
            yield from _creation(body, (*path, "body"))
            yield from _creation(after, (*path, "after"))
        case Parallel(branches):
            for i, branch in enumerate(branches):
                yield from _creation(branch, (*path, i))
        case _:
            yield path, layer
