"""Runs of units to stages: where their settings differ, and where their dilation does.

The anatomy cuts a network where its resolution or width changes. A dilated stage has the resolution
of the one before it, and shows its rate only in parts: its first block may have that of the stage
before, and 1x1 convolutions have none. So a dilation is tried, and held against the layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate, product
from typing import get_args

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.folds.anatomy import Unit, is_added
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import FirstDilation, StrideOn
from resnet_dsl.notation.terms import Add
from resnet_dsl.recovery.inferred import BlockContext, BlockTerms, ConflictError, Inferred
from resnet_dsl.recovery.layer_terms import term_of
from resnet_dsl.recovery.stage_rows import StageTerms
from resnet_dsl.recovery.unit_terms import CLOSING, NOTHING, unit_terms


def stages_of(
    network: Network, units: Sequence[Unit], previous: int, *, scheduled: bool
) -> list[StageTerms]:
    """The stages that a run of units is, after one with the dilation `previous`."""
    if any(_dilation(network, unit) != 1 for unit in units):
        stages = _dilated_stages(network, units, previous, scheduled=scheduled)
        if stages is not None:
            return stages
    return list(map(StageTerms.of, _groups(network, units, BlockContext(scheduled=scheduled))))


def _dilated_stages(
    network: Network, units: Sequence[Unit], previous: int, *, scheduled: bool
) -> list[StageTerms] | None:
    """A run as one dilated stage, or cut where dilations change; None where neither gives it."""
    whole = _dilated_stage(network, units, previous, scheduled=scheduled)
    if whole is not None:
        return [whole]
    for cut in _cuts(network, units):
        left, right = units[:cut], units[cut:]
        stages = _undilated_stages(network, left, scheduled=scheduled)
        if stages is None:
            first = _dilated_stage(network, left, previous, scheduled=scheduled)
            stages = None if first is None else [first]
        if stages is None:
            continue
        rest = _dilated_stages(network, right, stages[-1].dilation, scheduled=scheduled)
        rest = rest or _undilated_stages(network, right, scheduled=scheduled)
        if rest is not None:
            return stages + rest
    return None


def _cuts(network: Network, units: Sequence[Unit]) -> list[int]:
    """Where settings change; where a dilation begins to show, or a block before."""
    shown = [_dilation(network, unit) for unit in units]
    changes = [i for i in range(1, len(units)) if shown[i] != shown[i - 1]]
    changes += [i - 1 for i in changes]
    with suppress(SpecError):
        groups = _groups(network, units, BlockContext(dilated=True))
        changes += accumulate(map(len, groups[:-1]))
    return sorted({cut for cut in changes if cut > 0})


def _undilated_stages(
    network: Network, units: Sequence[Unit], *, scheduled: bool
) -> list[StageTerms] | None:
    start, stages = 0, []
    try:
        groups = _groups(network, units, BlockContext(scheduled=scheduled))
    except SpecError:
        return None
    for group in groups:
        if not any(block.branches for block in group):
            return None
        stage, stop = StageTerms.of(group), start + len(group)
        if not stage.reproduces(network, units[start:stop], scheduled=scheduled):
            return None
        stages.append(stage)
        start = stop
    return stages


def _dilated_stage(
    network: Network, units: Sequence[Unit], previous: int, *, scheduled: bool
) -> StageTerms | None:
    for filtered in (True, False):
        context = BlockContext(scheduled=scheduled, dilated=True, filtered=filtered)
        try:
            group, *others = _groups(network, units, context)
        except SpecError:
            continue
        if others:
            continue
        for dilation, on, rule in product(
            _dilations(network, units, group), get_args(StrideOn), get_args(FirstDilation)
        ):
            first = previous if rule == "previous" else dilation
            known = None if previous == dilation else rule
            stage = StageTerms.of(group, dilation, first, known, on)
            if stage.reproduces(network, units, scheduled=scheduled):
                return stage
    return None


def _dilations(network: Network, units: Sequence[Unit], blocks: Sequence[BlockTerms]) -> list[int]:
    """What a stage may be dilated by, the likeliest first: what its last block shows; else what
    any convolution shows; else, where blocks show the stage before, twice as much."""
    shown = {leaf.dilation for unit in units for leaf in _convs(network, unit)}
    candidates = [blocks[-1].dilation, *sorted(shown), 2 * max(shown, default=1)]
    return [dilation for dilation in dict.fromkeys(candidates) if dilation > 1]


def _dilation(network: Network, unit: Unit) -> int:
    """The dilation that a unit shows; 0 where only its projection does, which would be a 1x1."""
    shown = max((conv.dilation for conv in _convs(network, unit)), default=1)
    shortcut = unit.main.shortcut if isinstance(unit.main, ir.Residual) else ir.Identity()
    inside = [leaf for _, leaf in leaves(shortcut)]
    wide = any(isinstance(leaf, ir.Conv) and leaf.kernel > leaf.stride == 1 for leaf in inside)
    moves = wide or any(isinstance(leaf, ir.ZeroPad) for leaf in inside)
    return 0 if moves and shown == 1 else shown


def _convs(network: Network, unit: Unit) -> Iterator[ir.Conv]:
    for layer in network.layers[unit.start : unit.stop]:
        yield from (leaf for _, leaf in leaves(layer) if isinstance(leaf, ir.Conv))


def _groups(
    network: Network, units: Iterable[Unit], context: BlockContext
) -> list[list[BlockTerms]]:
    """Units that can stand in one stage, the longest such runs."""
    read = {auxiliary.position for auxiliary in network.auxiliaries}
    groups: list[list[BlockTerms]] = []
    inferred = Inferred()
    for unit in units:
        layers = network.layers[unit.start : unit.stop]
        if groups and _follows_addition(groups[-1], unit, layers):
            continue
        enters = not groups or not any(b.convolves for b in groups[-1])
        block_terms = CLOSING
        if not unit.closes:
            block_terms = unit_terms(layers, unit.start, replace(context, enters=enters))
        try:
            if not groups:
                raise ConflictError
            inferred &= block_terms.inferred
        except ConflictError:
            if not enters and not unit.closes:
                block_terms = unit_terms(layers, unit.start, replace(context, enters=True))
            inferred = block_terms.inferred
            groups.append([])
        groups[-1].append(replace(block_terms, ends=unit.stop in read))
    return groups


def _follows_addition(group: list[BlockTerms], unit: Unit, layers: Sequence[ir.Layer]) -> bool:
    """Whether a unit follows the addition of the last block of a group; it becomes its terms."""
    if unit.closes or not is_added(unit):
        return False
    i = next((i for i in reversed(range(len(group))) if group[i].branches), None)
    if i is None or group[i].ends or len(group[i].branches) != 1:
        return False
    if "none" in group[i].inferred.choices["shortcut"]:
        return False
    (branch,) = group[i].branches
    written = tuple(term for layer in layers if (term := term_of(layer)) is not None)
    marker = () if any(isinstance(term, Add) for term in branch) else (Add(),)
    group[i] = replace(group[i], branches=((*branch, *marker, *written),))
    group.append(NOTHING)
    return True
