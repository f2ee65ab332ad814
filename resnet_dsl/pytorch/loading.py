"""A file of weights into a model: by the names of its library, or by the network in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from resnet_dsl.answers.differences import diff
from resnet_dsl.checkpoint.opened import (
    OpenedFile,
    assert_readable,
    chosen_part,
    networks_of,
    open_file,
    remarks_on,
)
from resnet_dsl.checkpoint.state_keys import NOT_WEIGHTS, unwrapped
from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.folds.interface import Number
from resnet_dsl.folds.weights import COUNTER, TensorShape
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import Naming, has_whole_files, state_keys
from resnet_dsl.pytorch.adapted_weights import (
    Free,
    adapted,
    agrees,
    free_keys,
    remarks_on_adapted,
)
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.modules import Device, DType, Net
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.pytorch.weights import stored_tensors
from resnet_dsl.sources.chosen_numbers import Chosen
from resnet_dsl.sources.lifted import Lifted
from resnet_dsl.weight_files.formats import printable

_LISTED: Final = 5
_CLASSIFIER: Final = "fc."
_MOSTLY: Final = 0.9
"""Of a model's keys: where more of them fit, the others are the fault, not the network."""


@dataclass(frozen=True, slots=True)
class _Fit:
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
class _Keys:
    """The keys of a model: their shapes, those that a file must have, those of another shape."""

    sizes: Mapping[str, TensorShape]
    required: Set[str]
    free: Free
    could_be_free: Set[str] = frozenset()

    def takes(self, key: str, shape: TensorShape) -> bool:
        """Whether a tensor of this shape is for the key."""
        return agrees(shape, self.sizes[key], self.free.get(key))


class WeightFile(NamedTuple):
    """A file of weights, the scope of it that has the network, and the names that it leaves out."""

    path: Path
    prefix: str | None = None
    ignore: Sequence[str] = ()


def weight_file(
    path: str | Path | None, prefix: str | None, ignore: Sequence[str]
) -> WeightFile | None:
    """A file of weights, where there is one."""
    return None if path is None else WeightFile(Path(path), prefix, ignore)


def load_weights(
    model: Net,
    path: Path,
    naming: Naming = "torchvision",
    *,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    needed: Set[str] | None = None,
    numbers: Set[Number] = frozenset(),
) -> tuple[str, ...]:
    """Fill a model from a file; what is beside its weights there is told in remarks.

    Wrappings, `prefix` and `ignore` are those of `lift_checkpoint`. The names are those of the
    model, or of any other library with the same network. Counters of batches may be missing, and
    what files of a library do not have stays as it is; of the others, the `needed` keys must be
    there, all by default. What follows the classes or channels, where these `numbers` were chosen,
    may have other shapes, and a classifier may be missing: it stays as it is, filters of images are
    adapted. Raises `SpecError` that says which network the file has instead, or which keys do not
    fit; then the model is as it was.
    """
    file = open_file(path, prefix=prefix, ignore=ignore)
    own = model.state_dict()
    if any(tensor.is_meta for tensor in own.values()):
        raise fail("device", "the meta device has no weights to load")
    keys = _keys_of(model, naming, needed, numbers)
    fit = _by_names(file, keys)
    if fit.faults:
        fit = _by_network(file, model, naming, fit, keys)
    assert_readable(file, fit.keys)
    state = tensors_of(file.contents, fit.keys.values())
    taken = adapted({key: state[name] for key, name in fit.keys.items()}, own, keys.free)
    model.load_state_dict(taken, strict=False)
    loaded = own.keys() if needed is None else needed
    shapes = {key: file.tensors[name] for key, name in fit.keys.items()}
    return (
        *remarks_on_adapted(shapes, own, {k: n for k, n in keys.free.items() if k in loaded}),
        *file.remarks,
        *fit.remarks,
        *remarks_on(file, fit.place, fit.names),
    )


def _keys_of(model: Net, naming: Naming, needed: Set[str] | None, numbers: Set[Number]) -> _Keys:
    both = free_keys(model.network, {"num_classes", "in_channels"}, naming)
    free: Free = {key: number for key, number in both.items() if number in numbers}
    required = {key for key in stored_tensors(model, naming) if not _is_counter(key)}
    required &= needed if needed is not None else required
    required -= {key for key, number in free.items() if number == "num_classes"}
    sizes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    return _Keys(sizes, required, free, both.keys())


def loaded_model(
    chosen: Chosen,
    weights: WeightFile | None,
    *,
    seed: int | None = None,
    init: bool = True,
    naming: Naming = "torchvision",
    features: Sequence[str] | str | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> tuple[Net, tuple[str, ...]]:
    """A model with the weights of a file, or drawn ones, and what is remarked of the file.

    One for features, or without classes, needs the weights of its own layers alone.
    """
    build = partial(build_model, naming=naming, device=device, dtype=dtype)
    if weights is None:
        return build(chosen.resolved, seed=seed, init=init, features=features), ()
    drawn = bool(chosen.free) or not has_whole_files(naming)
    model = build(chosen.whole, seed=seed, init=drawn)
    load = partial(load_weights, model, weights.path, naming, numbers=chosen.free)
    load = partial(load, prefix=weights.prefix, ignore=weights.ignore)
    if features is None and chosen.resolved is chosen.whole:
        return model, load()
    part = build(chosen.resolved, init=False, features=features)
    keys = set(part.state_dict())
    remarks = load(needed=keys)
    part.load_state_dict({key: value for key, value in model.state_dict().items() if key in keys})
    return part, remarks


def _is_counter(key: str) -> bool:
    return key.rpartition(".")[2] == COUNTER


def _by_names(file: OpenedFile, keys: _Keys) -> _Fit:
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


def _fit(scope: str, bare: Mapping[str, str], file: OpenedFile, wanted: _Keys) -> _Fit:
    own = wanted.sizes
    inside = {b[len(scope) :]: name for name, b in bare.items() if b.startswith(scope)}
    keys = {key: inside[key] for key in own if key in inside}
    missing = [key for key in own if key in wanted.required and key not in inside]
    unknown = [
        key for key in inside if key not in own and key.rpartition(".")[2] not in NOT_WEIGHTS
    ]
    faults = []
    if missing:
        faults.append(f"{len(missing)} of {len(own)} keys are missing: {_few(missing)}")
    if unknown:
        faults.append(f"{len(unknown)} keys are not the network's: {_few(unknown)}")
    wrong = [key for key, name in keys.items() if not wanted.takes(key, file.tensors[name])]
    help = None
    if unknown:
        help = "--weights-key takes one part of a file, --ignore leaves names out"
    elif wrong and not missing and wanted.could_be_free >= set(wrong):
        help = "--classes and --in-channels keep all other weights"
    faults += list(_sizes(wanted.sizes, {key: file.tensors[keys[key]] for key in wrong}))
    return _Fit(_place(scope, keys.values()), keys, tuple(faults), help=help)


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


def _few(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(printable(key) for key in keys[:_LISTED]) + more


# ---------------------------------------------------------------- by the network in the file


def _by_network(file: OpenedFile, model: Net, naming: Naming, fit: _Fit, wanted: _Keys) -> _Fit:
    """The names of the same network in a file, however they are called there.

    Raises `SpecError`: the file has another network, or keys that do not fit.
    """
    try:
        networks = networks_of(file)
    except SpecError:
        raise _misfits(file, fit) from None
    by_tensor = {tensor: key for key, tensor in state_keys(model.network).items()}
    ours = {key: by_tensor[t] for key, t in state_keys(model.network, naming).items()}
    translated = _Keys(
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
        return _Fit(network.place, keys, remarks=remarks)
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


def _fits(lifted: Lifted, shapes: Mapping[str, TensorShape], keys: _Keys) -> bool:
    """Whether the weights of a lifted network are those of a model, at least the needed ones; a
    classifier that the model does not have is left out."""
    theirs = {k: shapes[n] for k, n in lifted.weights.items() if not _is_counter(k)}
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


def _misfits(file: OpenedFile, fit: _Fit) -> SpecError:
    return SpecError(
        Diagnostic(code="weights", message=f"{file.path}: {text}", help=fit.help)
        for text in fit.faults
    )
