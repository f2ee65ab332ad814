"""The order in which the reference constructors create layers, and so draw their first weights.

torchvision creates a block's projection before its body, and everything else in the order of
computation. It differs from the order of registration, which `resnet_dsl.folds.naming` gives.
"""

from __future__ import annotations

from collections.abc import Iterator

from resnet_dsl.ir import Layer, Leaf, Parallel, Path, Residual, Sequence


def creation(layer: Layer, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Every leaf with its path, in order of creation."""
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                yield from creation(inner, (*path, i))
        case Residual(body=body, shortcut=shortcut, after=after):
            yield from creation(shortcut, (*path, "shortcut"))
            yield from creation(body, (*path, "body"))
            yield from creation(after, (*path, "after"))
        case Parallel(branches):
            for i, branch in enumerate(branches):
                yield from creation(branch, (*path, i))
        case _:
            yield path, layer
