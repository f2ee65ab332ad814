"""Which tensor of a file is for each key of a model?

By names, in whatever scope they stand; else by the network that the file has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Final

from resnet_dsl.answers.differences import diff
from resnet_dsl.checkpoint.opened import (
    OpenedFile,
    chosen_part,
    networks_of,
)
from resnet_dsl.checkpoint.state_keys import NOT_WEIGHTS, unwrapped
from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.folds.weights import COUNTER, TensorShape
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import Naming, state_keys
from resnet_dsl.pytorch.adapted_weights import (
    Free,
    agrees,
)
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.sources.lifted import Lifted
from resnet_dsl.weight_files.formats import printable

_LISTED: Final = 5
_CLASSIFIER: Final = "fc."
_MOSTLY: Final = 0.9
"""Of a model's keys: where more of them fit, the others are the fault, not the network."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Which tensor of a file each key of a model gets, and what does not fit."""

    place: str
    keys: Mapping[str, str]
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    help: str | None = None

    @property
    def names(self) -> Set[str]:
        return set(self.keys.values())

    @property
    def label(self) -> str:
        return "the spec's network"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a model: their shapes, those that a file must have, those of another shape."""

    sizes: Mapping[str, TensorShape]
    required: Set[str]
    free: Free
    could_be_free: Set[str] = frozenset()
    optional: Set[str] = frozenset()

    def takes(self, key: str, shape: TensorShape) -> bool:
        """Whether a tensor of this shape is for the key."""
        return agrees(shape, self.sizes[key], self.free.get(key))


def fit_of(file: OpenedFile, model: Net, naming: Naming, keys: Keys) -> Fit:
    """The tensors of a file for a model; `SpecError` says which network the file has instead, or
    which keys do not fit."""
    fit = _by_names(file, keys)
    return _by_network(file, model, naming, fit, keys) if fit.faults else fit


def is_counter(key: str) -> bool:
    return key.rpartition(".")[2] == COUNTER


def _by_names(file: OpenedFile, keys: Keys) -> Fit:
    """The scope whose names are the model's; where there is none, the nearest and its faults."""
    bare = {name: unwrapped(name) for name in file.tensors}
    by_key: dict[str, str] = {}
    for name, key in bare.items():
        if by_key.setdefault(key, name) != name:
            text = f"{by_key[key]} and {name} become one key when wrappers are removed"
            raise fail("weights", f"{file.path}: {printable(text)}")
    fits = [_fit(scope, bare, file, keys) for scope in _scopes(bare, keys.required)]
    whole = [fit for fit in fits if not fit.faults]
    if whole:
        return chosen_part(file, whole)[0]
    return max(fits, key=lambda fit: len(fit.keys))


def _scopes(bare: Mapping[str, str], required: Set[str]) -> list[str]:
    """The scopes, without wrappers, in which a name of the model's stands."""
    for key in sorted(required, key=lambda key: -key.count(".")):
        ending = f".{key}"
        scopes = (name[: -len(key)] for name in bare.values() if f".{name}".endswith(ending))
        if several := list(dict.fromkeys(scopes)):
            return several
    return [""]


def _fit(scope: str, bare: Mapping[str, str], file: OpenedFile, wanted: Keys) -> Fit:
    own = wanted.sizes
    inside = {b[len(scope) :]: name for name, b in bare.items() if b.startswith(scope)}
    keys = {key: inside[key] for key in own if key in inside}
    missing = [key for key in own if key in wanted.required and key not in inside]
    unknown = [
        key for key in inside if key not in own and key.rpartition(".")[2] not in NOT_WEIGHTS
    ]
    faults = []
    if missing:
        faults.append(f"{len(missing)} of {len(own)} keys are missing: {few(missing)}")
    if unknown:
        faults.append(f"{len(unknown)} keys are not the network's: {few(unknown)}")
    wrong = [key for key, name in keys.items() if not wanted.takes(key, file.tensors[name])]
    help = None
    if unknown:
        help = "--weights-key takes one part of a file, --ignore leaves names out"
    elif wrong and not missing and wanted.could_be_free >= set(wrong):
        help = "--classes and --in-channels keep all other weights"
    elif missing and not wrong and wanted.could_be_free >= set(missing):
        help = "--classes draws a classifier, and keeps all other weights"
    faults += list(_sizes(wanted.sizes, {key: file.tensors[keys[key]] for key in wrong}))
    return Fit(_place(scope, keys.values()), keys, tuple(faults), help=help)


def _place(scope: str, names: Iterable[str]) -> str:
    """The full name of a scope that is given without wrappers."""
    depth = scope.count(".")
    first = next(iter(names), "")
    steps = first.split(".")
    for length in range(len(steps)):
        if unwrapped(".".join([*steps[:length], ""])).count(".") == depth:
            return ".".join(steps[:length])
    return ""


def _sizes(own: Mapping[str, TensorShape], wrong: Mapping[str, TensorShape]) -> Iterator[str]:
    for key, shape in islice(wrong.items(), _LISTED):
        yield f"{key} is {_shown(shape)}, the network's is {_shown(own[key])}"
    if len(wrong) > _LISTED:
        yield f"{len(wrong) - _LISTED} more have other sizes"


def _shown(shape: TensorShape) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def few(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(printable(key) for key in keys[:_LISTED]) + more


# ---------------------------------------------------------------- by the network in the file


def _by_network(file: OpenedFile, model: Net, naming: Naming, fit: Fit, wanted: Keys) -> Fit:
    """The names of the same network in a file, however they are called there.

    Raises `SpecError`: the file has another network, or keys that do not fit.
    """
    try:
        networks = networks_of(file)
    except SpecError:
        raise _misfits(file, fit) from None
    by_tensor = {tensor: key for key, tensor in state_keys(model.network).items()}
    ours = {key: by_tensor[t] for key, t in state_keys(model.network, naming).items()}
    translated = Keys(
        {ours[key]: size for key, size in wanted.sizes.items()},
        {ours[key] for key in wanted.required},
        {ours[key]: number for key, number in wanted.free.items()},
    )
    fitting = [n for n in networks if _fits(n.recognized.lifted, file.tensors, translated)]
    if fitting:
        network = chosen_part(file, fitting)[0]
        lifted = network.recognized.lifted
        keys = {key: lifted.weights[o] for key, o in ours.items() if o in lifted.weights}
        orders = (str(entry) for entry in lifted.undetermined if entry.choice == "order")
        remarks = tuple(f"undetermined: {order}" for order in orders)
        return Fit(network.place, keys, remarks=remarks)
    network = chosen_part(file, networks)[0]
    alike = [k for k, name in fit.keys.items() if wanted.takes(k, file.tensors[name])]
    if len(alike) > _MOSTLY * len(ours):
        raise _misfits(file, fit)
    difference = _first_difference(network.recognized.lifted.spec, model.spec)
    if difference is None:
        raise _misfits(file, fit)
    message = f"{file.path}: is {network.label}, not the network of the spec: {difference}"
    part = f" --weights-key {file.prefix}" if file.prefix else ""
    help = f"resnet-dsl lift {file.path}{part} prints its spec"
    raise SpecError([Diagnostic(code="weights", message=message, help=help)])


def _fits(lifted: Lifted, shapes: Mapping[str, TensorShape], keys: Keys) -> bool:
    """Whether the weights of a lifted network are those of a model, at least the needed ones; a
    classifier that the model does not have is left out."""
    theirs = {k: shapes[n] for k, n in lifted.weights.items() if not is_counter(k)}
    body = {k: size for k, size in theirs.items() if k in keys.required or not _classifies(k)}
    return keys.required <= theirs.keys() and all(
        key in keys.sizes and keys.takes(key, shape) for key, shape in body.items()
    )


def _classifies(key: str) -> bool:
    return key.startswith(_CLASSIFIER)


def _first_difference(theirs: Spec, own: Spec) -> str | None:
    """The first stage, stem or head that has other rows or layers."""
    for wanted in ("rows", "layers"):
        for part in diff(theirs, own).parts:
            for key in part.keys:
                if key.key == wanted:
                    a, b = (_row(value) for value in (key.a, key.b))
                    return f"{part.name} has {a} in the file, {b} in the spec"
    return None


def _row(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, tuple) and value else "no layers"


def _misfits(file: OpenedFile, fit: Fit) -> SpecError:
    return SpecError(
        Diagnostic(code="weights", message=f"{file.path}: {text}", help=fit.help)
        for text in fit.faults
    )
