"""All that computes in a network, one after the other: leaves, additions and concatenations.

Sizes and receptive fields come along, each by its own fold. What a layer costs, and why it is
there, is not asked here.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, TypeAlias

from resnet_dsl.folds.field import Field, leaf_field, widest
from resnet_dsl.folds.shape import ShapeError, concatenated, leaf_size
from resnet_dsl.ir import (
    Identity,
    Layer,
    Leaf,
    Parallel,
    Path,
    Residual,
    Sequence,
    Size,
)


class Signal(NamedTuple):
    """What runs between layers: its size, and what a number of it sees of the image."""

    size: Size
    field: Field


Node: TypeAlias = Leaf | Residual | Parallel


class Visit(NamedTuple):
    """A leaf, the addition of a residual block or the concatenation of branches at work."""

    path: Path
    node: Node
    before: Size
    after: Signal


def visits(layer: Layer, at: Signal, path: Path = ()) -> Generator[Visit, None, Signal]:
    """Yield all that computes, in the order of computation; return what leaves the layer.

    May raise `ShapeError`, as `folds.shape.trace` does.

    >>> from resnet_dsl.ir import Conv, Shape
    >>> block = Residual(body=Conv(in_channels=8, out_channels=8, kernel=3, padding=1))
    >>> [type(visit.node).__name__ for visit in visits(block, Signal(Shape(8, 32, 32), Field()))]
    ['Conv', 'Residual']
    """
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                at = yield from visits(inner, at, (*path, i))
            return at
        case Residual(body=body, shortcut=shortcut, after=after):
            left = yield from visits(body, at, (*path, "body"))
            right = yield from visits(shortcut, at, (*path, "shortcut"))
            if left.size != right.size:
                raise ShapeError(path, f"the body gives {left.size}, the shortcut {right.size}")
            met = Signal(left.size, widest([left.field, right.field]))
            yield Visit(path, layer, met.size, met)
            return (yield from visits(after, met, (*path, "after")))
        case Parallel(branches):
            outs = []
            for i, branch in enumerate(branches):
                outs.append((yield from visits(branch, at, (*path, i))))
            sizes = [out.size for out in outs]
            met = Signal(concatenated(sizes, path), widest(out.field for out in outs))
            yield Visit(path, layer, met.size, met)
            return met
        case Identity():
            return at
        case _:
            behind = Signal(leaf_size(layer, at.size, path), leaf_field(layer, at.field))
            yield Visit(path, layer, at.size, behind)
            return behind
