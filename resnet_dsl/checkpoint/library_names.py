"""The keys of a network in each library's naming, and whose names a file has."""

from __future__ import annotations

from collections.abc import Set
from typing import TypeAlias

from resnet_dsl.folds.weights import COUNTER, weight_shapes
from resnet_dsl.ir import Network, Path
from resnet_dsl.naming import NAMINGS, Naming, NamingError, members, named

At: TypeAlias = tuple[Path, str]
"""A tensor of a network: its leaf, and our key for it."""


def keys_of(network: Network, naming: Naming = "torchvision") -> dict[str, At]:
    """The keys of a network in a library's naming, or `NamingError`."""
    return {
        f"{name}.{key}": (path, key)
        for name, member in members(named(network, naming))
        for key in weight_shapes(member.leaf)
        for path in member.paths
    }


def libraries(network: Network, names: Set[str]) -> tuple[Naming, ...]:
    """The libraries that have such a network and give its weights these names."""
    return tuple(naming for naming in NAMINGS if _are(network, naming, names))


def _are(network: Network, naming: Naming, names: Set[str]) -> bool:
    try:
        expected = set(keys_of(network, naming))
    except NamingError:
        return False
    return not {key for key in expected ^ names if not key.endswith(f".{COUNTER}")}
