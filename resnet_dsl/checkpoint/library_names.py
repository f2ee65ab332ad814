"""Whose names has a file of weights?"""

from __future__ import annotations

from collections.abc import Set

from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.ir import Network
from resnet_dsl.naming import NAMINGS, Naming, NamingError, stored_keys


def libraries(network: Network, names: Set[str]) -> tuple[Naming, ...]:
    """The libraries that have such a network and give its weights these names."""
    return tuple(naming for naming in NAMINGS if _are_names_of(network, naming, names))


def _are_names_of(network: Network, naming: Naming, names: Set[str]) -> bool:
    try:
        expected = set(stored_keys(network, naming))
    except NamingError:
        return False
    return not {key for key in expected ^ names if not key.endswith(f".{COUNTER}")}
