"""What the functions that pickles name would make: tensors, dicts, bytes. None of them is called.

The rules are those of torch's formats since 0.1 (`torch._utils`), of `copyreg` and of `codecs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from resnet_dsl.weight_files.values import (
    FormatError,
    GlobalName,
    Record,
    Storage,
    StoredTensor,
    are_sizes,
)

if TYPE_CHECKING:
    from resnet_dsl.weight_files.unpickling import Unpickler

_OF_ENTRY: Final = 2
"""How many values an entry of a dict that is copied counts as."""
_STORAGE_TYPES: Final = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "int8",
    "QUInt8": "uint8",
    "QInt32": "int32",
}
"""The type of numbers of a storage's class, without `Storage`."""

_VARIABLES: Final = {
    GlobalName("torch.nn.parameter", "Parameter"),
    GlobalName("torch.autograd.variable", "Variable"),
}


def storage_type(name: GlobalName) -> str | None:
    """The type of numbers of a storage's class; None for bytes of any type.

    >>> storage_type(GlobalName("torch", "FloatStorage"))
    'float32'
    """
    kind = name.name.rpartition(".")[2].removesuffix("Storage")
    if kind in {"Untyped", "Typed"}:
        return None
    if kind not in _STORAGE_TYPES:
        raise FormatError(f"it has numbers of an unknown type: {name}")
    return _STORAGE_TYPES[kind]


def variable(record: Record) -> object:
    """The tensor of a variable or parameter of torch before 0.4; of others the record itself."""
    match record.state:
        case (StoredTensor() as tensor, _, _, _, _) if record.maker in _VARIABLES:
            return tensor
        case _:
            return record


def rebuilt(maker: GlobalName, args: Any, machine: Unpickler) -> object:
    """What a function or class would make of these arguments; None where no rule knows it."""
    rule = _RULES.get((maker.module, maker.name))
    if rule is None:
        return None
    try:
        return rule(args, machine)
    except (ValueError, TypeError, LookupError, AttributeError):
        raise FormatError(f"it calls {maker} with what that does not take") from None


# ---------------------------------------------------------------- tensors


def _tensor(args: Any, _: Unpickler, dtype: object = None) -> object:
    storage, offset, shape, strides = args[:4]
    if not isinstance(storage, Storage):
        return None
    if isinstance(dtype, GlobalName):
        kind: str | None = dtype.name
    else:
        kind = storage.dtype
    sizes, steps = (_sizes(value) for value in (shape, strides))
    return StoredTensor(kind or "uint8", sizes, steps, storage.start + offset, storage.data)


def _sizes(value: Any) -> tuple[int, ...]:
    if isinstance(value, Record):  # torch.Size
        [value] = value.args  # type: ignore[misc]
    if not isinstance(value, tuple | list) or not are_sizes(value):
        raise FormatError("it has a tensor of impossible sizes")
    return tuple(value)


def _tensor_of_type(args: Any, machine: Unpickler) -> object:
    return _tensor(args, machine, args[6])


def _parameter(args: Any, _: Unpickler) -> object:
    return args[0]


def _of_class(args: Any, machine: Unpickler) -> object:
    """A tensor of a subclass, or with attributes: the plain tensor in it."""
    maker, _, arguments = args[:3]
    return rebuilt(maker, arguments, machine)


def _storage_in_bytes(args: Any, machine: Unpickler) -> object:
    [content] = args
    return machine.nested(content)


# ---------------------------------------------------------------- other values


def _dict(args: Any, machine: Unpickler) -> object:
    value: dict[object, object] = {}
    if args:
        pairs = args[0].items() if isinstance(args[0], dict) else args[0]
        machine.make(_OF_ENTRY * len(pairs))
        for key, item in pairs:
            machine.set_entries(value, [key, item])
    return value


def _defaulting(args: Any, machine: Unpickler) -> object:
    return _dict(args[1:], machine)


def _encoded(args: Any, machine: Unpickler) -> object:
    text, encoding = args
    machine.copy(len(text))
    if encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError(encoding)
    encoded: bytes = text.encode(encoding)
    return encoded


def _bytes(args: Any, _: Unpickler) -> object:
    return b"" if not args else None


def _instance(args: Any, machine: Unpickler) -> object:
    """`copyreg._reconstructor(class, base, state)`: how protocols 0 and 1 store objects."""
    maker, _, state = args
    entries = state if isinstance(state, dict) else {}
    return _record(maker, (), entries, machine)


def _new_object(args: Any, machine: Unpickler) -> object:
    maker, *rest = args
    return _record(maker, tuple(rest), {}, machine)


def _record(
    maker: object, args: tuple[object, ...], entries: dict[object, object], machine: Unpickler
) -> Record:
    if not isinstance(maker, GlobalName):
        raise TypeError("no class")
    machine.make(len(args) + _OF_ENTRY * len(entries))
    return Record(maker, args, entries=dict(entries))


_RULES: Final[dict[tuple[str, str], Callable[[Any, Unpickler], object]]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_of_type,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _of_class,
    ("torch._tensor", "_rebuild_from_type"): _of_class,
    ("torch.storage", "_load_from_bytes"): _storage_in_bytes,
    ("collections", "OrderedDict"): _dict,
    ("collections", "defaultdict"): _defaulting,
    ("_codecs", "encode"): _encoded,
    ("builtins", "dict"): _dict,
    ("__builtin__", "dict"): _dict,
    ("builtins", "bytes"): _bytes,
    ("__builtin__", "bytes"): _bytes,
    **dict.fromkeys((("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")), _instance),
    **dict.fromkeys((("copyreg", "__newobj__"), ("copy_reg", "__newobj__")), _new_object),
}
