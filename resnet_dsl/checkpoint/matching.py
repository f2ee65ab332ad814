"""Which weights of a file are which of a network: its parts beside the parts of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from typing import TypeAlias

from resnet_dsl import ir
from resnet_dsl.checkpoint.block_scopes import Group, Parts
from resnet_dsl.checkpoint.state_keys import Weights
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.folds.count import leaves
from resnet_dsl.folds.weights import COUNTER, weight_shapes
from resnet_dsl.ir import Leaf, Network, Path

Found: TypeAlias = dict[str, list[tuple[Path, Leaf]]]
"""The leaves with weights of a block, or of all that is in none, by the fields of `Group`."""


class MismatchError(Exception):
    """The weights are not those of the network; `place` says where they differ first."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


def pair(network: Network, parts: Parts) -> dict[Path, dict[str, str]]:
    """For each leaf with weights its keys, and their names in the file; or `MismatchError`."""
    loose, *blocks = _groups(network)
    if len(blocks) != len(parts.blocks):
        raise MismatchError(f"{len(parts.blocks)} blocks for {len(blocks)}")
    found: dict[Path, dict[str, str]] = {}
    for ours, theirs in zip((loose, *blocks), (parts.loose, *parts.blocks), strict=True):
        for field in fields(Group):
            found |= _paired(ours[field.name], getattr(theirs, field.name))
    return found


def _paired(
    ours: Sequence[tuple[Path, Leaf]], theirs: Sequence[Weights]
) -> Iterator[tuple[Path, dict[str, str]]]:
    """Leaf by leaf, the first weights that have its shapes."""
    left = list(theirs)
    for path, leaf in ours:
        weights = next((found for found in left if fits(leaf, found.shapes)), None)
        if weights is None:
            raise MismatchError(next((found.name for found in (*left, *theirs)), "a layer"))
        left.remove(weights)
        yield path, weights.keys
    if left:
        raise MismatchError(left[0].name)


def fits(leaf: Leaf, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether tensors are those of a leaf; a counter may be missing."""
    expected = weight_shapes(leaf)
    return {COUNTER: (), **shapes} == {COUNTER: (), **expected}


def _groups(network: Network) -> Iterator[Found]:
    """What is in no block, and then every block."""
    parts = anatomy(network)
    units = [*parts.stem, *chain.from_iterable(parts.stages), *parts.head]
    loose = _empty()
    blocks = []
    for unit in units:
        group = loose
        if isinstance(unit.main, ir.Residual):
            blocks.append(group := _empty())
        for i in range(unit.start, unit.stop):
            for path, leaf in leaves(network.layers[i], (i,)):
                _add(group, path, leaf)
    yield loose
    yield from blocks


def _empty() -> Found:
    return {field.name: [] for field in fields(Group)}


def _add(group: Found, path: Path, leaf: Leaf) -> None:
    beside = "shortcut" in path
    match leaf:
        case ir.Conv():
            group["projection" if beside else "convs"].append((path, leaf))
        case ir.BatchNorm() | ir.GroupNorm() | ir.EvoNorm() | ir.FilterResponseNorm():
            group["projection_norms" if beside else "norms"].append((path, leaf))
        case ir.SqueezeExcite() | ir.EfficientChannelAttention():
            group["attention"].append((path, leaf))
        case ir.Linear():
            group["linears"].append((path, leaf))
        case _:
            pass
