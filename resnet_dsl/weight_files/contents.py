"""What lies in a file by dotted names: tensors, and what stands beside them.

Modules that were saved whole are records of `_parameters`, `_buffers` and `_modules`: their tensors
get the names that a state dict would give them. Other objects are searched by their attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from resnet_dsl.diagnostics import fail
from resnet_dsl.weight_files.folded import FoldedTensor, folded
from resnet_dsl.weight_files.formats import (
    HELP,
    is_file,
    printable,
    read_bytes,
    read_file,
    unreadable,
)
from resnet_dsl.weight_files.numpy_files import array_of
from resnet_dsl.weight_files.rebuilding import variable
from resnet_dsl.weight_files.tensorflow_names import torch_names
from resnet_dsl.weight_files.values import FormatError, Record, StoredTensor, Value, type_name

_DEEPEST: Final = 150
_COST: Final = 2_000_000
"""What a search may cost, beside two for each byte of the file: one for each entry."""
_OF_VALUE: Final = 8
"""What a value costs that may have tensors inside."""
_LONGEST_NAME: Final = 1000
_LISTED: Final = 50_000
_LISTED_DEPTH: Final = 6
_SAVE: Final = "save model.state_dict()"
_INNER_FILES: Final = 8
_SEARCHED: Final = (StoredTensor, Record, dict, list, tuple, bytes)
_TENSOR_LIKE: Final = "torch._utils._rebuild_"


@dataclass(slots=True)
class Contents:
    """The tensors of a file by dotted name, none of them read yet.

    `others` has the class of each value that is no tensor, by its name; `unreadable` those that
    are tensors of a kind that no layer has (quantized, sparse, …); `code` the names of functions
    that reading the file by pickle would call. `ordered` says that tensors stand in the order in
    which they were created.
    """

    path: Path
    ordered: bool
    code: tuple[str, ...] = ()
    tensors: dict[str, StoredTensor | FoldedTensor] = field(default_factory=dict)
    others: dict[tuple[str, str], str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor by its name."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    def beside(self, place: str) -> Iterator[tuple[str, str]]:
        """What stands beside a scope, or beside a scope that it is in: names and classes."""
        for (scope, name), kind in self.others.items():
            around = not scope or place == scope or place.startswith(f"{scope}.")
            full = f"{scope}.{name}" if scope else name
            if around and place != full and not place.startswith(f"{full}."):
                yield full, kind


def read_contents(path: Path) -> Contents:
    """The tensors in a file and what stands beside them; `SpecError` where it has none."""
    loaded = read_file(path)
    contents = Contents(path=path, ordered=loaded.ordered, code=loaded.code)
    try:
        size = path.stat().st_size
        _Walk(contents, _COST + 2 * size).visit(loaded.value, "", 0, ())
        stored = {n: t for n, t in contents.tensors.items() if isinstance(t, StoredTensor)}
        contents.tensors = folded(torch_names(stored))
    except (FormatError, MemoryError, RecursionError) as error:
        raise unreadable(path, error) from None
    if not contents.tensors:
        _fail_without_tensors(path, contents)
    if "" in contents.tensors:
        raise fail("weights", f"{path}: is one tensor, without a name", help=_SAVE)
    return contents


def _fail_without_tensors(path: Path, contents: Contents) -> None:
    kinds = sorted(set(contents.unreadable.values()))
    if kinds:
        raise fail("weights", f"{path}: holds no plain tensors: {', '.join(kinds)}", help=HELP)
    raise fail("weights", f"{path}: holds no tensors", help=_SAVE)


class _Walk:
    """One walk through a file's content; values that refer to themselves end it."""

    def __init__(self, contents: Contents, allowance: int) -> None:
        self.contents = contents
        self.allowance = allowance
        self.inner_files = 0
        self.arrays: dict[int, tuple[Record, object]] = {}

    def visit(self, value: Value, place: str, depth: int, above: tuple[int, ...]) -> None:
        value = self._array(value) if isinstance(value, Record) and not depth else value
        self._spend(_OF_VALUE)
        if len(place) > _LONGEST_NAME:
            raise FormatError("it has a name that is too long")
        if depth > _DEEPEST or place.count(".") > _DEEPEST:
            raise FormatError("it is nested too deeply")
        if isinstance(value, StoredTensor):
            self._spend(len(place) // 4)
            self._add(place, value)
            return
        if id(value) in above:
            return
        above = (*above, id(value))
        match value:
            case Record():
                self._record(value, place, depth, above)
            case dict():
                self._entries(value.items(), place, depth, above)
            case bytes() if depth <= _LISTED_DEPTH and is_file(value):
                self._inner_file(value, place, depth, above)
            case list() if value and all(map(_is_pair, value)):
                self._entries(value, place, depth, above)
            case list() | tuple():
                self._entries(enumerate(value), place, depth, above)

    def _spend(self, cost: int) -> None:
        self.allowance -= cost
        if self.allowance < 0:
            raise FormatError("it repeats too much of what it has")

    def _array(self, record: Record) -> object:
        """The tensor of an array: one, however often the array is met."""
        known, array = self.arrays.get(id(record), (record, None))
        if array is None:
            array = array_of(known)
            array = variable(known) if array is known else array
            if array is not record:
                self.arrays[id(record)] = record, array
        return array

    def _inner_file(self, content: bytes, place: str, depth: int, above: tuple[int, ...]) -> None:
        self.inner_files += 1
        if self.inner_files > _INNER_FILES:
            raise FormatError("it has too many files inside")
        self._spend(2 * len(content))
        try:
            inner = read_bytes(memoryview(content))
        except FormatError:
            return  # bytes that only begin like a file
        self.contents.code += inner.code
        self.visit(inner.value, place, depth + 1, above)

    def _add(self, place: str, tensor: StoredTensor) -> None:
        known = self.contents.tensors.setdefault(place, tensor)
        if known is not tensor:
            raise FormatError(f"it has two tensors named {place}")

    def _record(self, record: Record, place: str, depth: int, above: tuple[int, ...]) -> None:
        attributes = record.attributes
        if isinstance(attributes.get("_modules"), dict):
            hidden = self._names(attributes.get("_non_persistent_buffers_set"))
            for group in ("_parameters", "_buffers", "_modules"):
                members = attributes.get(group)
                if isinstance(members, dict):
                    kept = ((key, m) for key, m in members.items() if key not in hidden)
                    self._entries(kept, place, depth, above, listed=False)
            return
        if str(record.maker).startswith(_TENSOR_LIKE):
            self.contents.unreadable[place] = printable(type_name(record))
            return
        self._spend(len(attributes) + len(record.entries))
        members = {**attributes, **record.entries}
        if not members and isinstance(record.args, tuple):
            members = dict(enumerate(record.args))
        self._entries(members.items(), place, depth, above)
        self._entries(enumerate(record.items), place, depth, above)

    def _entries(
        self,
        entries: Iterable[tuple[object, object]],
        place: str,
        depth: int,
        above: tuple[int, ...],
        *,
        listed: bool = True,
    ) -> None:
        others = self.contents.others
        listed = listed and depth < _LISTED_DEPTH
        for key, value in entries:
            self._spend(1)
            if not isinstance(key, str | int):
                continue
            if isinstance(value, Record):
                value = self._array(value)
            if listed and len(others) < _LISTED and not isinstance(value, StoredTensor):
                others[place, str(key)] = printable(type_name(value))
            if isinstance(value, _SEARCHED):
                self.visit(value, f"{place}.{key}" if place else str(key), depth + 1, above)

    def _names(self, value: object) -> Mapping[object, None]:
        """The texts of a set."""
        match value:
            case Record(items=[_, *_] as items) | Record(args=(list() as items, *_)):
                self._spend(len(items))
                return {item: None for item in items if isinstance(item, str)}
            case _:
                return {}


def _is_pair(value: object) -> bool:
    """Whether a value is a name and what it names."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
