"""Values computed once for each object: repeated blocks of a network are one object."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class IdentityCache(Generic[V]):
    """A cache by the identity of an object, and by a key beside it.

    Objects are kept alive, so that no other one takes their identity.

    >>> cache = IdentityCache[int]()
    >>> block = [1, 2]
    >>> cache.put(block, 3)
    3
    >>> cache.get(block), cache.get([1, 2])
    (3, None)
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[int, Hashable], tuple[object, V]] = {}

    def get(self, item: object, key: Hashable = None) -> V | None:
        """The value of an object, None where it has none yet."""
        entry = self._entries.get((id(item), key))
        return None if entry is None else entry[1]

    def put(self, item: object, value: V, key: Hashable = None) -> V:
        """Keep the value of an object, and return it."""
        self._entries[id(item), key] = item, value
        return value
