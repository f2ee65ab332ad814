"""Where a network's stem ends, where its stages start, and what its head is.

The papers draw stages; a graph shows layers only. One rule finds the stages again: a stage starts
where the resolution changes or, between residual blocks, the width does, and where plain layers
and residual blocks meet. Naming and `recover` read a network by this rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.folds.count import leaves
from resnet_dsl.folds.shape import Sizes
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    EvoNorm,
    FilterResponseNorm,
    Flatten,
    GroupNorm,
    Identity,
    Layer,
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


def anatomy(network: Network) -> Anatomy:
    """The parts of a network, found by the rule above."""
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
            size = sizes.after(layers[i], size, (i,))
        main = layers[stop - 1] if isinstance(layers[stop - 1], Residual) else layers[start]
        units.append(Unit(start, stop, main, before, size))
        start = stop
    return units


def unit_length(ahead: Sequence[Layer]) -> int:
    """A convolution takes the norm and the activation behind it along, a pre-activated block
    those in front of it that its body and its projection share."""
    if opened := opening_length(ahead):
        return opened + _shares(ahead[opened:])
    behind = ahead[1:]
    if not isinstance(ahead[0], Conv) or _shares(behind[opening_length(behind) :]):
        return 1
    return 1 + (opening_length(behind) or isinstance(behind[0] if behind else None, Norm))


def is_pre_activated(block: Residual) -> bool:
    """A block with nothing behind its addition: He et al. 2016, figure 1b."""
    return block.after == Identity()


def is_bottleneck(kernels: Sequence[int]) -> bool:
    """A body of 1x1, anything and 1x1: He et al. 2015, figure 5, right."""
    return len(kernels) == 3 and kernels[0] == kernels[2] == 1


def opening_length(ahead: Sequence[Layer]) -> int:
    """How many layers a norm and its activation are, or an activation alone."""
    match ahead:
        case [EvoNorm() | FilterResponseNorm() | Act(), *_]:
            return 1
        case [BatchNorm() | GroupNorm(), Act(), *_]:
            return 2
        case _:
            return 0


def _shares(ahead: Sequence[Layer]) -> bool:
    """A pre-activated block that projects what is normalized and activated in front of it."""
    match ahead:
        case [Residual(body=body, shortcut=shortcut, after=Identity()), *_]:
            return shortcut != Identity() and not opening_length(steps(body))
        case _:
            return False


def _head_start(units: list[Unit]) -> int:
    """Behind all blocks, the first layer that ends the maps or classifies them, and the pools and
    dropouts right before it; in any case what a last pre-activated block leaves to it."""
    blocks = [i for i, unit in enumerate(units) if isinstance(unit.main, Residual | Parallel)]
    behind = blocks[-1] + 1 if blocks else 0
    start = next((i for i in range(behind, len(units)) if _ends(units[i])), len(units))
    if start < len(units):
        while start > 1 and isinstance(units[start - 1].main, Pool | BlurPool | Dropout):
            start -= 1
    if not blocks or any(isinstance(unit.main, Conv) for unit in units[behind:start]):
        return start
    return next((i for i in range(behind, start) if closes(units[i])), start)


def _ends(unit: Unit) -> bool:
    bare = isinstance(unit.main, Conv) and unit.stop - unit.start == 1
    return bare or isinstance(unit.main, AdaptivePool | Flatten | Linear | Softmax)


def _stem_end(units: list[Unit]) -> int:
    """All before the first block; in a plain network a first convolution that shrinks the map,
    with the pools behind it, as long as a stage is left."""
    for i, unit in enumerate(units):
        if isinstance(unit.main, Residual | Parallel):
            return i
    if not units or not isinstance(units[0].main, Conv) or not _resizes(units[0]):
        return 0
    end = 1
    while end < len(units) and isinstance(units[end].main, Pool | BlurPool | ZeroPad):
        end += 1
    return end if end < len(units) else 0


Manner: TypeAlias = Literal["residual", "plain", "bare"]


def _manner(unit: Unit) -> Manner:
    match unit.main:
        case Residual():
            return "residual"
        case Conv() | Parallel() if any(isinstance(leaf, Conv) for _, leaf in leaves(unit.main)):
            return "plain"
        case _:
            return "bare"


def closes(unit: Unit) -> bool:
    """What a run of pre-activated blocks leaves to the layer behind it: its norm, activation."""
    return isinstance(unit.main, Norm | Act)


def _starts_stage(stage: list[Unit], unit: Unit) -> bool:
    if all(map(closes, stage)):
        return False
    if _resizes(unit) or closes(unit):
        return True
    earlier = next((found for found in map(_manner, stage) if found != "bare"), "bare")
    manner = _manner(unit)
    if "bare" not in {manner, earlier} and manner != earlier:
        return True
    return manner == earlier == "residual" and unit.before[0] != unit.after[0]


def _resizes(unit: Unit) -> bool:
    return unit.before[1:] != unit.after[1:]
