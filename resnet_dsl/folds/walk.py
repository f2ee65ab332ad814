"""All that computes in a layer, in order: leaves, additions and concatenations.

A value runs along the connections (a size, a receptive field, nothing at all), and `Rules` say what
each node makes of it. The rules of sizes and of receptive fields are
in `folds.shape` and `folds.field`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from resnet_dsl.ir import (
    ROOT,
    Identity,
    Layer,
    LayerPath,
    Leaf,
    Network,
    Parallel,
    Residual,
    Sequence,
)

T = TypeVar("T")
Node: TypeAlias = Leaf | Residual | Parallel
"""What computes: a leaf, the addition of a residual block, the concatenation of branches."""


class Visit(NamedTuple, Generic[T]):
    """A node with its path, and the values before and after it."""

    path: LayerPath
    node: Node
    before: T
    after: T


@dataclass(frozen=True, slots=True)
class Rules(Generic[T]):
    """What a leaf, an addition and a concatenation make of the values that reach them."""

    leaf: Callable[[Leaf, T, LayerPath], T]
    add: Callable[[T, T, LayerPath], T]
    concatenate: Callable[[list[T], LayerPath], T]


def walk(
    layer: Layer, value: T, rules: Rules[T], path: LayerPath = ROOT
) -> tuple[list[Visit[T]], T]:
    """Every node in the order of computation, and the value after the layer.

    Identities compute nothing and are left out.

    >>> from resnet_dsl.ir import Act, Conv
    >>> block = Residual(body=Conv(in_channels=8, out_channels=8, kernel=1), after=Act("relu"))
    >>> [type(visit.node).__name__ for visit in walk(block, None, WITHOUT_VALUES)[0]]
    ['Conv', 'Residual', 'Act']
    """
    visits: list[Visit[T]] = []
    return visits, _walk(layer, value, rules, path, visits)


def _walk(layer: Layer, value: T, rules: Rules[T], path: LayerPath, visits: list[Visit[T]]) -> T:
    match layer:
        case Sequence(layers):
            for i, inner in enumerate(layers):
                value = _walk(inner, value, rules, LayerPath((*path, i)), visits)
            return value
        case Residual(body=body, shortcut=shortcut, after=after):
            left = _walk(body, value, rules, LayerPath((*path, "body")), visits)
            right = _walk(shortcut, value, rules, LayerPath((*path, "shortcut")), visits)
            value = rules.add(left, right, path)
            visits.append(Visit(path, layer, value, value))
            return _walk(after, value, rules, LayerPath((*path, "after")), visits)
        case Parallel(branches):
            values = [
                _walk(branch, value, rules, LayerPath((*path, i)), visits)
                for i, branch in enumerate(branches)
            ]
            value = rules.concatenate(values, path)
            visits.append(Visit(path, layer, value, value))
            return value
        case Identity():
            return value
        case _:
            after_leaf = rules.leaf(layer, value, path)
            visits.append(Visit(path, layer, value, after_leaf))
            return after_leaf


WITHOUT_VALUES: Rules[None] = Rules(lambda *_: None, lambda *_: None, lambda *_: None)
"""For those who ask for the nodes alone."""


def leaves(layer: Layer, path: LayerPath = ROOT) -> Iterator[tuple[LayerPath, Leaf]]:
    """Every leaf with its path, in the order of computation."""
    for visit in walk(layer, None, WITHOUT_VALUES, path)[0]:
        if not isinstance(visit.node, Residual | Parallel):
            yield visit.path, visit.node


def leaves_of(layers: Iterable[Layer], start: int = 0) -> Iterator[tuple[LayerPath, Leaf]]:
    """The leaves of layers one after the other, the first of which is a network's `start`-th."""
    for i, layer in enumerate(layers, start):
        yield from leaves(layer, LayerPath((i,)))


def network_leaves(network: Network) -> Iterator[tuple[LayerPath, Leaf]]:
    """Every leaf of a network, those of auxiliary classifiers after the others."""
    yield from leaves_of(network.layers)
    for number, auxiliary in enumerate(network.auxiliaries):
        yield from leaves(Sequence(auxiliary.layers), LayerPath(("aux", number)))
