"""Layers and blocks in a row: equal ones as a loop, units that recur by a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from resnet_dsl.emission.expressions import Call, Expression, Repeated, skeleton
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.ir import Activation, Leaf, Norm, Parameterless

_FEW: Final = 3
"""So many equal blocks in a row are a loop, and so many units alike get a function."""

MakeFunction = Callable[[Expression, str], Call]
"""From what a function gives and its name to its call."""


def looped(items: Sequence[Expression]) -> Iterator[Expression]:
    """Items in a row, those that are equal as a loop."""
    for item, run in groupby(items):
        times = len(list(run))
        if times >= _FEW and not isinstance(item, Repeated):
            yield Repeated(item, times)
        else:
            yield from [item] * times


def grouped(
    items: Sequence[Expression], leaves: Sequence[Leaf], function: MakeFunction
) -> Iterator[Expression]:
    """Layers in a row; units of a convolution, its norm and its activation that recur are made by
    a function."""
    units = dict(_units(leaves))
    forms = {start: _form(items[start:stop]) for start, stop in units.items()}
    i = 0
    while i < len(items):
        if i in units and list(forms.values()).count(forms[i]) >= _FEW:
            unit = range(i, units[i])
            name = "_".join(leaf_terms(leaves[j]).role for j in unit)
            yield Repeated(function(Call("", tuple(items[j] for j in unit)), name))
            i = units[i]
        else:
            yield items[i]
            i += 1


def _form(unit: Sequence[Expression]) -> tuple[Expression, ...]:
    return tuple(map(skeleton, unit))


def _units(leaves: Sequence[Leaf]) -> Iterator[tuple[int, int]]:
    """Where units of several layers start and stop."""
    for start, leaf in enumerate(leaves):
        if isinstance(leaf, Norm | Parameterless):
            continue
        stop = start + 1
        while stop < len(leaves) and isinstance(leaves[stop], Norm | Activation):
            stop += 1
        if stop - start > 1:
            yield start, stop
