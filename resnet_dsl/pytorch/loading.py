"""A file of weights into a model: by the names of its library, or by the network in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from torch import Tensor

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
from resnet_dsl.folds.weights import COUNTER, TensorShape
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import Naming, has_whole_files, state_keys
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.modules import Device, DType, Net
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.pytorch.weights import stored_tensors
from resnet_dsl.sources.lifted import Lifted
from resnet_dsl.sources.resolve import Resolved
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

    @property
    def names(self) -> Set[str]:
        return set(self.keys.values())

    @property
    def label(self) -> str:
        return "the spec's network"


def load_weights(
    model: Net,
    path: Path,
    naming: Naming = "torchvision",
    *,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    needed: Set[str] | None = None,
) -> tuple[str, ...]:
    """Fill a model from a file; what is beside its weights there is told in remarks.

    Wrappings, `prefix` and `ignore` are those of `lift_checkpoint`. The names are those of the
    model, or of any other library with the same network. Counters of batches may be missing, and
    what files of a library do not have stays as it is; of the others, the `needed` keys must be
    there, all by default. Raises `SpecError` that says which network the file has instead, or which
    keys do not fit; then the model is as it was.
    """
    file = open_file(path, prefix=prefix, ignore=ignore)
    own = model.state_dict()
    if any(tensor.is_meta for tensor in own.values()):
        raise fail("device", "the meta device has no weights to load")
    required = {key for key in stored_tensors(model, naming) if not _is_counter(key)}
    required &= needed if needed is not None else required
    fit = _by_names(file, own, required)
    if fit.faults:
        fit = _by_network(file, model, naming, fit, required)
    assert_readable(file, fit.keys)
    state = tensors_of(file.contents, fit.keys.values())
    model.load_state_dict({key: state[name] for key, name in fit.keys.items()}, strict=False)
    return (*file.remarks, *fit.remarks, *remarks_on(file, fit.place, fit.names))


def build_loaded(
    resolved: Resolved,
    weights: str | Path | None,
    prefix: str | None,
    ignore: Sequence[str],
    seed: int | None,
    init: bool,
    naming: Naming,
    features: Sequence[str] | str | None,
    device: Device | None,
    dtype: DType | None,
) -> Net:
    """`resnet_dsl.build`; a model for features needs the weights of their layers alone."""
    build = partial(build_model, resolved, naming=naming, device=device, dtype=dtype)
    if weights is None:
        return build(seed=seed, init=init, features=features)
    file = Path(weights)
    model = build(seed=seed, init=not has_whole_files(naming))
    if features is None:
        load_weights(model, file, naming, prefix=prefix, ignore=ignore)
        return model
    part = build(init=False, features=features)
    keys = set(part.state_dict())
    load_weights(model, file, naming, prefix=prefix, ignore=ignore, needed=keys)
    part.load_state_dict({key: value for key, value in model.state_dict().items() if key in keys})
    return part


def _is_counter(key: str) -> bool:
    return key.rpartition(".")[2] == COUNTER


def _by_names(file: OpenedFile, own: Mapping[str, Tensor], required: set[str]) -> _Fit:
    """The scope whose names are the model's; where there is none, the nearest and its faults."""
    bare = {name: unwrapped(name) for name in file.tensors}
    by_key: dict[str, str] = {}
    for name, key in bare.items():
        if by_key.setdefault(key, name) != name:
            text = f"{by_key[key]} and {name} become one key when wrappers are removed"
            raise fail("weights", f"{file.path}: {printable(text)}")
    fits = [_fit(scope, bare, file, own, required) for scope in _scopes(bare, required)]
    whole = [fit for fit in fits if not fit.faults]
    if whole:
        return chosen_part(file, whole)[0]
    return max(fits, key=lambda fit: len(fit.keys))


def _scopes(bare: Mapping[str, str], required: set[str]) -> list[str]:
    """The scopes, without wrappers, in which a name of the model's stands."""
    for key in sorted(required, key=lambda key: -key.count(".")):
        ending = f".{key}"
        scopes = (name[: -len(key)] for name in bare.values() if f".{name}".endswith(ending))
        if several := list(dict.fromkeys(scopes)):
            return several
    return [""]


def _fit(
    scope: str,
    bare: Mapping[str, str],
    file: OpenedFile,
    own: Mapping[str, Tensor],
    required: set[str],
) -> _Fit:
    inside = {b[len(scope) :]: name for name, b in bare.items() if b.startswith(scope)}
    keys = {key: inside[key] for key in own if key in inside}
    missing = [key for key in own if key in required and key not in inside]
    unknown = [
        key for key in inside if key not in own and key.rpartition(".")[2] not in NOT_WEIGHTS
    ]
    faults = []
    if missing:
        faults.append(f"{len(missing)} of {len(own)} keys are missing: {_few(missing)}")
    if unknown:
        faults.append(f"{len(unknown)} keys are not the network's: {_few(unknown)}")
    faults += list(_sizes(own, keys, file.tensors))
    return _Fit(_place(scope, keys.values()), keys, tuple(faults))


def _place(scope: str, names: Iterable[str]) -> str:
    """The full name of a scope that is given without wrappers."""
    depth = scope.count(".")
    first = next(iter(names), "")
    steps = first.split(".")
    for length in range(len(steps)):
        if unwrapped(".".join([*steps[:length], ""])).count(".") == depth:
            return ".".join(steps[:length])
    return ""


def _sizes(
    own: Mapping[str, Tensor], names: Mapping[str, str], shapes: Mapping[str, TensorShape]
) -> Iterator[str]:
    wrong = [key for key, name in names.items() if tuple(own[key].shape) != shapes[name]]
    for key in wrong[:_LISTED]:
        given, expected = shapes[names[key]], tuple(own[key].shape)
        yield f"{key} is {_shown(given)}, the network's is {_shown(expected)}"
    if len(wrong) > _LISTED:
        yield f"{len(wrong) - _LISTED} more have other sizes"


def _shown(shape: TensorShape) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _few(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(printable(key) for key in keys[:_LISTED]) + more


# ---------------------------------------------------------------- by the network in the file


def _by_network(
    file: OpenedFile, model: Net, naming: Naming, fit: _Fit, required: Set[str]
) -> _Fit:
    """The names of the same network in a file, however they are called there.

    Raises `SpecError`: the file has another network, or keys that do not fit.
    """
    try:
        networks = networks_of(file)
    except SpecError:
        raise _misfits(file, fit) from None
    by_tensor = {tensor: key for key, tensor in state_keys(model.network).items()}
    ours = {key: by_tensor[t] for key, t in state_keys(model.network, naming).items()}
    sizes = {ours[key]: tuple(value.shape) for key, value in model.state_dict().items()}
    needed = {ours[key]: sizes[ours[key]] for key in required}
    fitting = [n for n in networks if _fits(n.recognized.lifted, file.tensors, sizes, needed)]
    if fitting:
        network = chosen_part(file, fitting)[0]
        lifted = network.recognized.lifted
        keys = {key: lifted.weights[o] for key, o in ours.items() if o in lifted.weights}
        orders = (str(entry) for entry in lifted.undetermined if entry.choice == "order")
        remarks = tuple(f"undetermined: {order}" for order in orders)
        return _Fit(network.place, keys, remarks=remarks)
    network = chosen_part(file, networks)[0]
    alike = [k for k, name in fit.keys.items() if file.tensors[name] == sizes[ours[k]]]
    if len(alike) > _MOSTLY * len(ours):
        raise _misfits(file, fit)
    difference = _first_difference(network.recognized.lifted.spec, model.spec)
    if difference is None:
        raise _misfits(file, fit)
    message = f"{file.path}: is {network.label}, not the network of the spec: {difference}"
    part = f" --weights-key {file.prefix}" if file.prefix else ""
    help = f"resnet-dsl lift {file.path}{part} prints its spec"
    raise SpecError([Diagnostic(code="weights", message=message, help=help)])


def _fits(
    lifted: Lifted,
    shapes: Mapping[str, TensorShape],
    sizes: Mapping[str, TensorShape],
    needed: Mapping[str, TensorShape],
) -> bool:
    """Whether the weights of a lifted network are those of a model, at least the needed ones; a
    classifier that the model does not have is left out."""
    theirs = {k: shapes[n] for k, n in lifted.weights.items() if not _is_counter(k)}
    body = {key: size for key, size in theirs.items() if not key.startswith(_CLASSIFIER)}
    return needed.items() <= theirs.items() and body.items() <= sizes.items()


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
    help = None
    if any("are not the network's" in text for text in fit.faults):
        help = "--weights-key takes one part of a file, --ignore leaves names out"
    return SpecError(
        Diagnostic(code="weights", message=f"{file.path}: {text}", help=help) for text in fit.faults
    )
