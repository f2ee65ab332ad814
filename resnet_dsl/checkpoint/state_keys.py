"""The keys of a state dict: without what wraps them, and together by the layer that they are of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.folds.weights import STATISTICS, TensorShape

Kind: TypeAlias = Literal["conv", "linear", "norm", "se", "eca"]

_WRAPPING: Final = re.compile(
    r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
NOT_WEIGHTS: Final = {
    "n_averaged",
    "total_ops",
    "total_params",
}  # what averages and counters leave
_KEYS: Final = {"weight", "bias", "v", "tau"} | STATISTICS
_LISTED: Final = 5
_DEEPEST: Final = 20
_SHOWN: Final = 60
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of one layer: shapes and names in the file, by our keys for them."""

    name: str
    kind: Kind
    shapes: dict[str, TensorShape]
    keys: dict[str, str]

    @property
    def out(self) -> int:
        """The channels or features that it gives."""
        return self.shapes["weight"][0]

    @property
    def incoming(self) -> int:
        """The channels of one of its groups, or its features."""
        return self.shapes["weight"][1]

    @property
    def kernel(self) -> int:
        return self.shapes["weight"][2]

    @property
    def has_bias(self) -> bool:
        return "bias" in self.shapes

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))

    @property
    def scope(self) -> tuple[str, ...]:
        """Where it stands: its path without its own name."""
        return self.path[:-1]


def unwrapped(name: str) -> str:
    """A key without the names of wrappers.

    >>> unwrapped("module.conv1.weight")
    'conv1.weight'
    """
    return _WRAPPING.sub("", name)


def stripped(names: Iterable[str]) -> dict[str, str]:
    """Keys without the names of wrappers and of a prefix that all share, each with its own.

    >>> stripped(["module.net.conv.weight", "module.net.fc.bias"])
    {'conv.weight': 'module.net.conv.weight', 'fc.bias': 'module.net.fc.bias'}
    """
    bare_names: dict[str, str] = {}
    for name in names:
        bare = unwrapped(name)
        if bare.rpartition(".")[2] in NOT_WEIGHTS:
            continue
        if bare.count(".") > _DEEPEST:
            raise fail("weights", f"{bare[:_SHOWN]}…: modules of more than {_DEEPEST} levels")
        if bare in bare_names:
            raise fail(
                "weights", f"{bare_names[bare]} and {name} become one key when prefixes are removed"
            )
        bare_names[bare] = name
    while bare_names and all(bare.count(".") > 1 for bare in bare_names):
        first = next(iter(bare_names)).partition(".")[0]
        if not all(bare.startswith(f"{first}.") for bare in bare_names):
            break
        bare_names = {bare.removeprefix(f"{first}."): n for bare, n in bare_names.items()}
    return bare_names


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """`layer.2` before `layer.10`: the order of names where a file keeps none."""
    pieces = re.split(r"(\d+)", name)
    return [(piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]


def weights_of(names: Mapping[str, str], shapes: Mapping[str, TensorShape]) -> list[Weights]:
    """The layers that have weights; `names` are stripped keys with those of `shapes`.

    Raises `SpecError` where tensors belong to no layer.
    """
    weights, strange = sorted_weights(names, shapes)
    if strange:
        raise SpecError([Diagnostic(code="weights", message=no_layers(strange))])
    return weights


def sorted_weights(
    names: Mapping[str, str], shapes: Mapping[str, TensorShape]
) -> tuple[list[Weights], list[str]]:
    """The layers that have weights, and the tensors that belong to none."""
    layers: dict[str, dict[str, str]] = {}
    for bare, name in names.items():
        layer, _, key = bare.rpartition(".")
        layers.setdefault(layer, {})[key] = name
    weights: list[Weights] = []
    strange: list[str] = []
    for layer, keys in layers.items():
        sizes = {key: shapes[name] for key, name in keys.items()}
        kind = _kind(sizes)
        if kind is None:
            strange += keys.values()
        elif kind == "eca":
            weights.append(Weights(layer, kind, _under("conv", sizes), _under("conv", keys)))
        else:
            weights.append(Weights(layer, kind, sizes, keys))
    return weights, strange


def _under(name: str, values: Mapping[str, _T]) -> dict[str, _T]:
    return {f"{name}.{key}": value for key, value in values.items()}


def _kind(sizes: Mapping[str, TensorShape]) -> Kind | None:
    """What a layer is, by its tensors."""
    if "weight" not in sizes or not set(sizes) <= _KEYS or any(0 in s for s in sizes.values()):
        return None
    rank = len(sizes["weight"])
    if rank == 1 and "bias" in sizes:
        return "norm"
    if set(sizes) - {"weight", "bias"}:
        return None
    if rank == 3 and set(sizes) == {"weight"} and sizes["weight"][:2] == (1, 1):
        return "eca"
    if rank == 4:
        height, width = sizes["weight"][2:]
        return "conv" if height == width else None
    return "linear" if rank == 2 else None


def no_layers(keys: Sequence[str]) -> str:
    """What is said of tensors that belong to no known layer."""
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return f"{', '.join(keys[:_LISTED])}{more}: these weights belong to no supported layer"
