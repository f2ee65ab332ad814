"""Maps that live at once: the memory that one image needs on its way through a network.

Layers run in order, in evaluation, and each writes a new map. A map lives until its last reader
has run: what enters a residual block waits for the addition, and branches wait for one another.
Views, and layers that do nothing in evaluation, write none. What a layer needs for itself (the gate
of an attention) does not count.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple, assert_never

from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.folds.shape import concatenated_size, leaf_size
from resnet_dsl.ir import (
    ROOT,
    Activation,
    AdaptivePool,
    Attention,
    BlurPool,
    Dropout,
    DropPath,
    Flatten,
    Identity,
    L2Normalize,
    Layer,
    Leaf,
    LearnedScale,
    Linear,
    Network,
    Norm,
    Normalize,
    Padding,
    Parallel,
    Residual,
    Scale,
    Sequence,
    Shape,
    Size,
    Softmax,
    Window,
)


def peak_activations(network: Network, input: Shape | None = None) -> int:
    """The most numbers that live at once for one image: times 4, bytes in float32.

    >>> from resnet_dsl import elaborate, load
    >>> peak_activations(elaborate(load("resnet18")))
    1605632
    """
    return _Runs().of(Sequence(network.layers), input or network.input, keeps=False).peak


class _Run(NamedTuple):
    """A layer at work: the most numbers that live meanwhile, its input's among them; what it gives,
    and whether that is a map of its own."""

    peak: int
    size: Size
    own_map: bool


class _Runs:
    """Runs of layers, measured once for each object and size."""

    def __init__(self) -> None:
        self._cache = IdentityCache[_Run]()

    def of(self, layer: Layer, size: Size, *, keeps: bool) -> _Run:
        """The run of a layer; where it `keeps` its input, something reads that later."""
        run = self._cache.get(layer, (size, keeps))
        if run is None:
            run = self._cache.put(layer, self._measured(layer, size, keeps), (size, keeps))
        return run

    def _measured(self, layer: Layer, size: Size, keeps: bool) -> _Run:
        match layer:
            case Sequence(layers):
                return self._sequence(layers, size, keeps)
            case Residual(body=body, shortcut=shortcut, after=after):
                total = self._joined((body, shortcut), size, keeps, concatenated=False)
                last = self.of(after, total.size, keeps=False)
                kept = prod(size) if keeps else 0
                return _Run(max(total.peak, kept + last.peak), last.size, own_map=True)
            case Parallel(branches):
                return self._joined(branches, size, keeps, concatenated=True)
            case _:
                return _leaf_run(layer, size)

    def _sequence(self, layers: tuple[Layer, ...], size: Size, keeps: bool) -> _Run:
        """One after the other; an input that is kept waits beside them."""
        input, peak, own_map = prod(size), prod(size), False
        for layer in layers:
            run = self.of(layer, size, keeps=keeps and not own_map)
            peak = max(peak, run.peak + (input if keeps and own_map else 0))
            size, own_map = run.size, own_map or run.own_map
        return _Run(peak, size, own_map)

    def _joined(
        self, branches: tuple[Layer, ...], size: Size, keeps: bool, *, concatenated: bool
    ) -> _Run:
        """Branch by branch, each beside what those before it gave; then all of them, and the map
        that they are joined in."""
        peak = held = 0
        sizes = []
        for i, branch in enumerate(branches):
            run = self.of(branch, size, keeps=keeps or i + 1 < len(branches))
            peak = max(peak, held + run.peak)
            held += prod(run.size) if run.own_map else 0
            keeps |= not run.own_map  # what passes the input on reads it when all are joined
            sizes.append(run.size)
        after = concatenated_size(sizes, ROOT) if concatenated else sizes[0]
        kept = prod(size) if keeps else 0
        return _Run(max(peak, kept + held + prod(after)), after, own_map=True)


def _leaf_run(leaf: Leaf, size: Size) -> _Run:
    after = leaf_size(leaf, size)
    match leaf:
        case Dropout() | DropPath() | Flatten() | Identity():
            return _Run(prod(size), after, own_map=False)
        case (
            Window()
            | Linear()
            | Norm()
            | Attention()
            | Activation()
            | Scale()
            | LearnedScale()
            | Normalize()
            | L2Normalize()
            | AdaptivePool()
            | BlurPool()
            | Padding()
            | Softmax()
        ):
            return _Run(prod(size) + prod(after), after, own_map=True)
        case _:
            assert_never(leaf)
