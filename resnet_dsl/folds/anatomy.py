"""Which layers of a network are its stem, its stages and its head?

Papers draw stages; a network has layers only. One rule finds the stages again: a stage starts
where the resolution changes or, between residual blocks, the width does, and where plain layers
and residual blocks meet. Reports, naming and `recover` all use this rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.folds.shape import Sizes
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import (
    Activation,
    ActiveNorm,
    AdaptivePool,
    Attention,
    BlurPool,
    Conv,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LayerPath,
    LearnedScale,
    Linear,
    Network,
    Norm,
    Normalize,
    Parallel,
    Pool,
    Residual,
    Scale,
    Size,
    Softmax,
    ZeroPad,
    steps,
)


class Unit(NamedTuple):
    """Layers that belong together: a block, or one plain layer with its norm and activation.

    `start` and `stop` are indices into `network.layers`; `main` is the layer that the others
    belong to. A unit that `closes` is the norm and activation after the last of several
    pre-activated blocks.
    """

    start: int
    stop: int
    main: Layer
    before: Size
    after: Size
    closes: bool = False


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
    if _stem_end(units[:head]) == head:  # a convolution alone classifies nothing, but is a stage
        head = next((i for i, unit in enumerate(units) if _ends_alone(unit)), len(units))
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
    start, open_with = 0, tuple[Layer, ...]()
    while start < len(layers):
        stop = start + unit_length(layers[start : start + 4])
        before = size
        for i in range(start, stop):
            size = sizes.after(layers[i], size, LayerPath((i,)))
        main = layers[stop - 1] if isinstance(layers[stop - 1], Residual) else layers[start]
        closes = bool(open_with) and _alike(layers[start:stop], open_with)
        units.append(Unit(start, stop, main, before, size, closes))
        if isinstance(main, Residual):
            open_with = _opening(layers[start : stop - 1], main)
        elif closes or isinstance(main, Conv | Parallel | AdaptivePool | Flatten | Linear):
            open_with = ()
        start = stop
    return units


def _opening(shared: Sequence[Layer], block: Residual) -> tuple[Layer, ...]:
    """The norm and activation before a pre-activated block; none before others."""
    if not is_pre_activated(block):
        return ()
    body = steps(block.body)
    return tuple(shared or body[: opening_length(body)])


def _alike(layers: Sequence[Layer], others: Sequence[Layer]) -> bool:
    """Whether layers are equal but for their channels."""
    return list(map(_without_channels, layers)) == list(map(_without_channels, others))


def _without_channels(layer: Layer) -> list[object]:
    kept = (field.name for field in fields(layer) if field.name != "channels")
    return [type(layer), *(getattr(layer, name) for name in kept)]


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
    """Whether norm and activation come before the convolutions of a block, in its body or before
    its body and its projection, and nothing follows its addition: He et al. 2016, figure 1b."""
    if block.after != Identity():
        return False
    body = steps(block.body)
    if _ends_normed(body):
        return False
    *pools, last = steps(block.shortcut) or (Identity(),)
    projects = isinstance(last, Conv) and all(isinstance(pool, Pool | ZeroPad) for pool in pools)
    return opening_length(body) > 0 or projects


def _ends_normed(path: Sequence[Layer]) -> bool:
    """Whether a norm or an activation comes after the last convolution."""
    kinds = Conv | Parallel | Norm | Activation
    ends = (layer for layer in reversed(path) if isinstance(layer, kinds))
    return isinstance(next(ends, None), Norm | Activation)


def is_bottleneck(kernels: Sequence[int]) -> bool:
    """Whether a body is 1x1, any kernel, 1x1: He et al. 2015, figure 5, right."""
    return len(kernels) == 3 and kernels[0] == kernels[2] == 1


def opening_length(ahead: Sequence[Layer]) -> int:
    """How many layers a norm and its activation are, or an activation alone; 0 for others."""
    match ahead:
        case [ActiveNorm() | Activation(), *_]:
            return 1
        case [Norm(), Activation(), *_]:
            return 2
        case _:
            return 0


def _shares_opening(ahead: Sequence[Layer]) -> bool:
    """Whether a pre-activated block comes next that projects what is activated before it."""
    match ahead:
        case [Residual(body=body, shortcut=shortcut) as block, *_]:
            projects = shortcut != Identity() and not opening_length(steps(body))
            return projects and is_pre_activated(block)
        case _:
            return False


def _head_start(units: list[Unit]) -> int:
    """After all blocks, the first layer that ends the maps or classifies them, and the pools and
    dropouts right before it; in any case norms and activations after the last block, unless the
    block before has the same after it."""
    blocks = [i for i, unit in enumerate(units) if is_block(unit)]
    after = blocks[-1] + 1 if blocks else 0
    start = next((i for i in range(after, len(units)) if _ends_maps(units[i])), len(units))
    if start < len(units):
        while start > 1 and isinstance(units[start - 1].main, Pool | BlurPool | Dropout):
            start -= 1
    if not blocks or any(isinstance(unit.main, Conv) for unit in units[after:start]):
        return start
    own = _added(units, blocks[-1])
    if len(blocks) > 1 and own and own == _added(units, blocks[-2])[: len(own)]:
        after += len(own)
    opens = (i for i in range(after, start) if isinstance(units[i].main, Norm | Activation))
    return next(opens, start)


def _added(units: Sequence[Unit], block: int) -> list[type[Layer]]:
    """The kinds of what follows the addition of a block, where it is not pre-activated."""
    main = units[block].main
    if isinstance(main, Residual) and is_pre_activated(main):
        return []
    kinds = []
    for unit in units[block + 1 :]:
        if not is_added(unit):
            break
        kinds.append(type(unit.main))
    return kinds


def _ends_maps(unit: Unit) -> bool:
    bare = isinstance(unit.main, Conv) and unit.stop - unit.start == 1
    return bare or _ends_alone(unit)


def _ends_alone(unit: Unit) -> bool:
    """Whether a unit pools the whole map, or reads it as a vector."""
    pools = isinstance(unit.main, Parallel) and not is_block(unit)  # one beside the other
    return pools or isinstance(unit.main, AdaptivePool | Flatten | Linear | Softmax)


def _stem_end(units: list[Unit]) -> int:
    """All before the first block; in a plain network what normalizes images, and a first
    convolution that shrinks the map with the pools after it, as long as a stage is left."""
    for i, unit in enumerate(units):
        if is_block(unit):
            return i
    start = next((i for i, u in enumerate(units) if not isinstance(u.main, Normalize)), 0)
    if not units or not isinstance(units[start].main, Conv) or not _resizes(units[start]):
        return start
    end = start + 1
    while end < len(units) and isinstance(units[end].main, Pool | BlurPool | ZeroPad):
        end += 1
    return end if end < len(units) else start


UnitKind: TypeAlias = Literal["residual", "plain", "bare"]


def _kind(unit: Unit) -> UnitKind:
    match unit.main:
        case Residual():
            return "residual"
        case Conv() | Parallel() if any(isinstance(leaf, Conv) for _, leaf in leaves(unit.main)):
            return "plain"
        case _:
            return "bare"


def is_added(unit: Unit) -> bool:
    """Whether a unit may follow the addition of a block: norms, activations, attention, scales."""
    return isinstance(unit.main, Norm | Activation | Attention | Scale | LearnedScale)


def is_block(unit: Unit) -> bool:
    """Whether a unit is a residual block, or branches that do not pool the whole map."""
    if not isinstance(unit.main, Parallel):
        return isinstance(unit.main, Residual)
    branches = (leaves(branch) for branch in unit.main.branches)
    return not all(any(isinstance(leaf, AdaptivePool) for _, leaf in own) for own in branches)


def _starts_stage(stage: list[Unit], unit: Unit) -> bool:
    if all(unit.closes for unit in stage):
        return False
    if _resizes(unit) or unit.closes:
        return True
    earlier = next((kind for kind in map(_kind, stage) if kind != "bare"), "bare")
    kind = _kind(unit)
    if "bare" not in {kind, earlier} and kind != earlier:
        return True
    return kind == earlier == "residual" and unit.before[0] != unit.after[0]


def _resizes(unit: Unit) -> bool:
    return unit.before[1:] != unit.after[1:]
