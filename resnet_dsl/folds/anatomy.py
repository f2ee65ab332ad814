"""Which layers of a network are its stem, its stages and its head?

Papers draw stages; a network has layers only. One rule finds the stages again: a stage starts
where the resolution changes or, between residual blocks, the width does, and where plain layers
and residual blocks meet. Reports, naming and `recover` all use this rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.folds.shape import Sizes
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import (
    Act,
    ActiveNorm,
    AdaptivePool,
    BlurPool,
    Conv,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LayerPath,
    Linear,
    Network,
    Norm,
    Parallel,
    Pool,
    Residual,
    Size,
    Softmax,
    ZeroPad,
    steps,
)


class Unit(NamedTuple):
    """Layers that belong together: a block, or one plain layer with its norm and activation.

    `start` and `stop` are indices into `network.layers`; `main` is the layer that the others
    belong to.
    """

    start: int
    stop: int
    main: Layer
    before: Size
    after: Size


class Anatomy(NamedTuple):
    """A network in its parts."""

    stem: tuple[Unit, ...]
    stages: tuple[tuple[Unit, ...], ...]
    head: tuple[Unit, ...]

    @property
    def units(self) -> tuple[Unit, ...]:
        """All units, in order."""
        return (*self.stem, *(unit for stage in self.stages for unit in stage), *self.head)


def anatomy(network: Network) -> Anatomy:
    """The parts of a network, by the rule above."""
    units = _units(network)
    head = _head_start(units)
    stem = _stem_end(units[:head])
    stages: list[list[Unit]] = []
    for i in range(stem, head):
        if i == stem or _starts_stage(stages[-1], units[i]):
            stages.append([])
        stages[-1].append(units[i])
    return Anatomy(tuple(units[:stem]), tuple(map(tuple, stages)), tuple(units[head:]))


def _units(network: Network) -> list[Unit]:
    units: list[Unit] = []
    layers, sizes = network.layers, Sizes()
    size: Size = network.input
    start = 0
    while start < len(layers):
        stop = start + unit_length(layers[start : start + 4])
        before = size
        for i in range(start, stop):
            size = sizes.after(layers[i], size, LayerPath((i,)))
        main = layers[stop - 1] if isinstance(layers[stop - 1], Residual) else layers[start]
        units.append(Unit(start, stop, main, before, size))
        start = stop
    return units


def unit_length(ahead: Sequence[Layer]) -> int:
    """How many of the next layers are one unit: a convolution with the norm and the activation
    after it, a pre-activated block with those before it that its body and its projection share."""
    if opening := opening_length(ahead):
        return opening + _shares_opening(ahead[opening:])
    rest = ahead[1:]
    if not isinstance(ahead[0], Conv) or _shares_opening(rest[opening_length(rest) :]):
        return 1
    return 1 + (opening_length(rest) or isinstance(rest[0] if rest else None, Norm))


def is_pre_activated(block: Residual) -> bool:
    """Whether nothing follows the addition of a block: He et al. 2016, figure 1b."""
    return block.after == Identity()


def is_bottleneck(kernels: Sequence[int]) -> bool:
    """Whether a body is 1x1, any kernel, 1x1: He et al. 2015, figure 5, right."""
    return len(kernels) == 3 and kernels[0] == kernels[2] == 1


def opening_length(ahead: Sequence[Layer]) -> int:
    """How many layers a norm and its activation are, or an activation alone; 0 for others."""
    match ahead:
        case [ActiveNorm() | Act(), *_]:
            return 1
        case [Norm(), Act(), *_]:
            return 2
        case _:
            return 0


def _shares_opening(ahead: Sequence[Layer]) -> bool:
    """Whether a pre-activated block comes next that projects what is activated before it."""
    match ahead:
        case [Residual(body=body, shortcut=shortcut, after=Identity()), *_]:
            return shortcut != Identity() and not opening_length(steps(body))
        case _:
            return False


def _head_start(units: list[Unit]) -> int:
    """After all blocks, the first layer that ends the maps or classifies them, and the pools and
    dropouts right before it; in any case the norm and activation of a last pre-activated block."""
    blocks = [i for i, unit in enumerate(units) if isinstance(unit.main, Residual | Parallel)]
    after = blocks[-1] + 1 if blocks else 0
    start = next((i for i in range(after, len(units)) if _ends_maps(units[i])), len(units))
    if start < len(units):
        while start > 1 and isinstance(units[start - 1].main, Pool | BlurPool | Dropout):
            start -= 1
    if not blocks or any(isinstance(unit.main, Conv) for unit in units[after:start]):
        return start
    return next((i for i in range(after, start) if is_closing(units[i])), start)


def _ends_maps(unit: Unit) -> bool:
    bare = isinstance(unit.main, Conv) and unit.stop - unit.start == 1
    return bare or isinstance(unit.main, AdaptivePool | Flatten | Linear | Softmax)


def _stem_end(units: list[Unit]) -> int:
    """All before the first block; in a plain network a first convolution that shrinks the map,
    with the pools after it, as long as a stage is left."""
    for i, unit in enumerate(units):
        if isinstance(unit.main, Residual | Parallel):
            return i
    if not units or not isinstance(units[0].main, Conv) or not _resizes(units[0]):
        return 0
    end = 1
    while end < len(units) and isinstance(units[end].main, Pool | BlurPool | ZeroPad):
        end += 1
    return end if end < len(units) else 0


UnitKind: TypeAlias = Literal["residual", "plain", "bare"]


def _kind(unit: Unit) -> UnitKind:
    match unit.main:
        case Residual():
            return "residual"
        case Conv() | Parallel() if any(isinstance(leaf, Conv) for _, leaf in leaves(unit.main)):
            return "plain"
        case _:
            return "bare"


def is_closing(unit: Unit) -> bool:
    """Whether a unit is the norm and activation after the last of several pre-activated blocks."""
    return isinstance(unit.main, Norm | Act)


def _starts_stage(stage: list[Unit], unit: Unit) -> bool:
    if all(map(is_closing, stage)):
        return False
    if _resizes(unit) or is_closing(unit):
        return True
    earlier = next((kind for kind in map(_kind, stage) if kind != "bare"), "bare")
    kind = _kind(unit)
    if "bare" not in {kind, earlier} and kind != earlier:
        return True
    return kind == earlier == "residual" and unit.before[0] != unit.after[0]


def _resizes(unit: Unit) -> bool:
    return unit.before[1:] != unit.after[1:]
