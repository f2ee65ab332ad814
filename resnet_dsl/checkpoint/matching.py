"""Which weights of a file belong to which leaf of a network? Its parts beside those of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TypeAlias, assert_never

from resnet_dsl import ir
from resnet_dsl.checkpoint.block_scopes import Group, Parts
from resnet_dsl.checkpoint.state_keys import Weights
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.folds.walk import leaves
from resnet_dsl.folds.weights import COUNTER, weight_shapes
from resnet_dsl.ir import LayerPath, Leaf, Network

Grouped: TypeAlias = dict[str, list[tuple[LayerPath, Leaf]]]
"""The leaves with weights of a block, or of all that is in none, by the fields of `Group`."""


class MismatchError(Exception):
    """The weights are not those of the network; `place` says where they differ first."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


def pair(network: Network, parts: Parts) -> dict[LayerPath, dict[str, str]]:
    """For each leaf with weights its keys, and their names in the file; or `MismatchError`."""
    loose, *blocks = _groups(network)
    if len(blocks) != len(parts.blocks):
        raise MismatchError(f"{len(parts.blocks)} blocks for {len(blocks)}")
    matched: dict[LayerPath, dict[str, str]] = {}
    for ours, theirs in zip((loose, *blocks), (parts.loose, *parts.blocks), strict=True):
        for field in fields(Group):
            matched |= _paired(ours[field.name], getattr(theirs, field.name))
    return matched


def _paired(
    ours: Sequence[tuple[LayerPath, Leaf]], theirs: Sequence[Weights]
) -> Iterator[tuple[LayerPath, dict[str, str]]]:
    """Leaf by leaf, the first weights that have its shapes."""
    left = list(theirs)
    for path, leaf in ours:
        weights = next((w for w in left if fits(leaf, w.shapes)), None)
        if weights is None:
            raise MismatchError(next((w.name for w in (*left, *theirs)), "a layer"))
        left.remove(weights)
        yield path, weights.keys
    if left:
        raise MismatchError(left[0].name)


def fits(leaf: Leaf, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether tensors are those of a leaf; a counter may be missing."""
    expected = weight_shapes(leaf)
    return {COUNTER: (), **shapes} == {COUNTER: (), **expected}


def _groups(network: Network) -> Iterator[Grouped]:
    """What is in no block, and then every block."""
    parts = anatomy(network)
    loose = _empty()
    blocks = []
    for unit in parts.units:
        group = loose
        if isinstance(unit.main, ir.Residual):
            blocks.append(group := _empty())
        for i in range(unit.start, unit.stop):
            for path, leaf in leaves(network.layers[i], LayerPath((i,))):
                _add(group, path, leaf)
    yield loose
    yield from blocks


def _empty() -> Grouped:
    return {field.name: [] for field in fields(Group)}


def _add(group: Grouped, path: LayerPath, leaf: Leaf) -> None:
    in_shortcut = "shortcut" in path
    match leaf:
        case ir.Conv():
            group["projection" if in_shortcut else "convs"].append((path, leaf))
        case ir.Norm():
            group["projection_norms" if in_shortcut else "norms"].append((path, leaf))
        case ir.Attention():
            group["attention"].append((path, leaf))
        case ir.Linear():
            group["linears"].append((path, leaf))
        case ir.PReLU() | ir.LearnedScale():
            group["linears"].append((path, leaf))
        case ir.Parameterless():
            pass
        case _:
            assert_never(leaf)
