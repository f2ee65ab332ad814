"""What does a network cost? The counts of its layers, measured once for each object and size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import groupby
from typing import TypeAlias

from resnet_dsl.folds.count import (
    activations,
    blur_macs,
    buffers,
    depth,
    leaf_buffers,
    leaf_params,
    macs,
    params,
)
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.ir import Layer, LayerPath, Network, Parallel, Residual, Shape, Size

Indexed: TypeAlias = tuple[int, Layer]
"""A layer with its index in its network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Blocks; weighted layers by the paper's rule; learnable scalars; multiply-accumulates, and
    those of blurs; buffers; numbers that convolutions give."""

    blocks: int = 0
    layers: int = 0
    params: int = 0
    macs: int = 0
    buffers: int = 0
    activations: int = 0
    blur_macs: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            blocks=self.blocks + other.blocks,
            layers=self.layers + other.layers,
            params=self.params + other.params,
            macs=self.macs + other.macs,
            buffers=self.buffers + other.buffers,
            activations=self.activations + other.activations,
            blur_macs=self.blur_macs + other.blur_macs,
        )

    def times(self, count: int) -> Cost:
        """The cost of so many of the same."""
        return Cost(**{key.name: count * getattr(self, key.name) for key in fields(Cost)})


CostCache: TypeAlias = IdentityCache[tuple[Cost, Size]]
"""For a layer and the size before it, its cost and the size after it."""


class Costs:
    """Costs of layers one after the other; `size` is the size so far."""

    def __init__(self, size: Size, cache: CostCache | None = None) -> None:
        self.size = size
        self._cache = CostCache() if cache is None else cache

    def of(self, layers: Iterable[Indexed]) -> Cost:
        """The cost of the next layers, all together; may raise `ShapeError`."""
        cost = Cost()
        for _, run in groupby(layers, key=lambda indexed: id(indexed[1])):
            cost += self._repeated(list(run))
        return cost

    def _repeated(self, run: list[Indexed]) -> Cost:
        """One layer again and again: from where it leaves the size alone it costs the same."""
        cost = Cost()
        for number, (i, layer) in enumerate(run):
            before = self.size
            once = self._next(i, layer)
            if self.size == before:
                return cost + once.times(len(run) - number)
            cost += once
        return cost

    def _next(self, i: int, layer: Layer) -> Cost:
        known = self._cache.get(layer, self.size)
        if known is None:
            visits, after = sized_visits(layer, self.size, LayerPath((i,)))
            nodes = [visit.node for visit in visits]
            leaves = [node for node in nodes if not isinstance(node, Residual | Parallel)]
            cost = Cost(
                layers=depth(layer),
                params=sum(map(leaf_params, leaves)),
                macs=macs(visits),
                buffers=sum(map(leaf_buffers, leaves)),
                activations=activations(visits),
                blur_macs=blur_macs(visits),
            )
            known = self._cache.put(layer, (cost, after), self.size)
        cost, self.size = known
        return cost


def network_cost(
    network: Network, input: Shape | None = None, cache: CostCache | None = None
) -> Cost:
    """The cost of a network for one image, at its own input or another one.

    Auxiliary classifiers, which run in training only, count with params and buffers alone. May
    raise `ShapeError`.

    >>> from resnet_dsl import elaborate, load
    >>> network_cost(elaborate(load("resnet18"))).layers
    18
    """
    cost = Costs(input or network.input, cache).of(enumerate(network.layers))
    for auxiliary in network.auxiliaries:
        for layer in auxiliary.layers:
            cost += Cost(params=params(layer), buffers=buffers(layer))
    return cost
