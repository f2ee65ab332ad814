"""What a file of weights holds: tensors that stay in the file, and records of everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final, TypeAlias

_BY_SIZE: Final = {
    16: "complex128",
    8: "float64 int64 uint64 complex64",
    4: "float32 int32 uint32 complex32",
    2: "float16 bfloat16 int16 uint16",
    1: "int8 uint8 bool float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu",
}
ITEM_SIZES: Final = {name: size for size, names in _BY_SIZE.items() for name in names.split()}
"""The bytes of a number, by the name that torch has for its type."""
FLOATS: Final = {name for name in ITEM_SIZES if name.startswith(("float", "bfloat"))}
LARGEST_NUMBER: Final = 2**63
MOST_DIMENSIONS: Final = 64
"""Of a tensor of torch or numpy."""


class FormatError(Exception):
    """A file that is not what its format says, or claims more than it has."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor of which no number is read yet: where its numbers lie in the bytes of a file.

    `strides` and `offset` count numbers, not bytes. Raises `FormatError` where they point
    outside `data`.
    """

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    data: memoryview

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or self.dtype not in ITEM_SIZES:
            raise FormatError("it has a tensor that is not one of torch's")
        if not are_sizes(self.shape) or not are_sizes((*self.strides, self.offset)):
            raise FormatError("it has a tensor of impossible sizes")
        if prod(n or 1 for n in self.shape) * ITEM_SIZES[self.dtype] >= LARGEST_NUMBER:
            raise FormatError("it has a tensor of impossible sizes")
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        end = self.offset + last + 1 if all(self.shape) else 0
        if end * ITEM_SIZES[self.dtype] > len(self.data):
            raise FormatError("it claims a tensor of more bytes than it has")

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * ITEM_SIZES[self.dtype]

    @property
    def is_repeated(self) -> bool:
        """Whether it has more numbers than are stored, as a row that is expanded to many."""
        return self.nbytes > len(self.data)


def are_sizes(numbers: Sequence[object]) -> bool:
    """Whether numbers are possible as the sizes of a tensor, its strides and its offset."""
    return len(numbers) <= MOST_DIMENSIONS + 1 and all(
        type(number) is int and 0 <= number < LARGEST_NUMBER for number in numbers
    )


def contiguous(dtype: str, shape: tuple[int, ...], data: memoryview) -> StoredTensor:
    """A tensor whose numbers lie row by row, as formats without strides store them.

    >>> contiguous("float32", (2, 3), memoryview(bytes(24))).strides
    (3, 1)
    """
    return StoredTensor(dtype, shape, row_strides(shape), 0, data)


def row_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of numbers that lie row by row."""
    if not are_sizes(shape):
        raise FormatError("it has a tensor of impossible sizes")
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


@dataclass(frozen=True, slots=True)
class GlobalName:
    """What a pickle names by module and name: a class or a function, never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """The bytes that tensors lie in, and the type of their numbers where the storage has one."""

    dtype: str | None
    data: memoryview
    start: int = 0
    """Where in the data it begins, in numbers."""


@dataclass(slots=True, eq=False)
class Record:
    """An object that is not made: its class or the function that would make it, and its state.

    `state` is what the object would get as its attributes, `items` and `entries` what would be
    appended to it or set in it.
    """

    maker: GlobalName
    args: object = ()
    state: object = None
    items: list[object] = field(default_factory=list)
    entries: dict[object, object] = field(default_factory=dict)

    @property
    def attributes(self) -> Mapping[object, object]:
        """The state by name; empty where it is no mapping."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
            state = state[0]  # beside the values of slots
        return state if isinstance(state, dict) else {}


Value: TypeAlias = object
"""A plain value of Python, a dict, list or tuple of values, or one of the classes above."""


def type_name(value: object) -> str:
    """The class of a value, as its author would name it.

    >>> type_name(3), type_name(Record(GlobalName("argparse", "Namespace")))
    ('int', 'argparse.Namespace')
    """
    match value:
        case Record(maker=maker):
            name = str(maker)
            return _CLASSES.get(name, name.removeprefix("builtins.").removeprefix("__builtin__."))
        case StoredTensor():
            return "tensor"
        case GlobalName():
            return f"the name {value}"
        case Storage():
            return "storage"
        case _:
            return type(value).__name__


_CLASSES: Final = {
    "numpy.core.multiarray.scalar": "numpy scalar",
    "numpy._core.multiarray.scalar": "numpy scalar",
    "numpy.ndarray": "numpy array",
    "torch._utils._rebuild_qtensor": "quantized tensor",
    "torch._utils._rebuild_sparse_tensor": "sparse tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "tensor without storage",
    "torch._utils._rebuild_nested_tensor": "nested tensor",
}
