"""A file of weights into a model: by the names of its library, or by the network in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from resnet_dsl.checkpoint.networks import networks_in
from resnet_dsl.checkpoint.opened import (
    OpenedFile,
    assert_floats,
    chosen_part,
    open_file,
    remarks_on,
)
from resnet_dsl.checkpoint.state_keys import unwrapped
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.weights import COUNTER, TensorShape
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import Naming, has_whole_files, state_keys
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.pytorch.weights import stored_tensors
from resnet_dsl.report.differences import diff
from resnet_dsl.sources.lifted import Lifted
from resnet_dsl.sources.resolve import Resolved
from resnet_dsl.weight_files.formats import printable

_LISTED: Final = 5
_MOSTLY: Final = 0.9
"""Of a model's keys: where more of them fit, the others are the fault, not the network."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """Which tensor of a file each key of a model gets, and what does not fit."""

    place: str
    keys: Mapping[str, str]
    faults: tuple[str, ...] = ()

    @property
    def names(self) -> Set[str]:
        return set(self.keys.values())

    @property
    def label(self) -> str:
        return "such a network"


def load_weights(
    model: Net,
    path: Path,
    naming: Naming = "torchvision",
    *,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
) -> tuple[str, ...]:
    """Fill a model from a file; what is beside its weights there is told in remarks.

    Wrappings, `prefix` and `ignore` are those of `lift_checkpoint`. The names are those of the
    model, or of any other library with the same network. Counters of batches may be missing, and
    what files of a library do not have stays as it is. Raises `SpecError` that says which network
    the file has instead, or which keys do not fit; then the model is as it was.
    """
    file = open_file(path, prefix=prefix, ignore=ignore)
    own = model.state_dict()
    required = {key for key in stored_tensors(model, naming) if not _is_counter(key)}
    fit = _by_names(file, own, required)
    if fit.faults:
        fit = _by_network(file, model, naming, fit)
    assert_floats(file, (name for key, name in fit.keys.items() if not _is_counter(key)))
    state = tensors_of(file.contents, fit.keys.values())
    model.load_state_dict({key: state[name] for key, name in fit.keys.items()}, strict=False)
    return (*file.remarks, *remarks_on(file, fit.place, fit.names))


def build_loaded(
    resolved: Resolved,
    weights: str | Path | None,
    prefix: str | None,
    ignore: Sequence[str],
    **options: Any,
) -> Net:
    """`resnet_dsl.build`, of a source that is resolved already; `options` are `build_model`'s."""
    if weights is None:
        return build_model(resolved, **options)
    naming, features = options["naming"], options.pop("features")
    options["init"] = not has_whole_files(naming)
    model = build_model(resolved, **options)
    load_weights(model, Path(weights), naming, prefix=prefix, ignore=ignore)
    if features is None:
        return model
    part = build_model(resolved, features=features, **options | {"init": False})
    state = model.state_dict()
    part.load_state_dict({key: state[key] for key in part.state_dict()})
    return part


def _is_counter(key: str) -> bool:
    return key.rpartition(".")[2] == COUNTER


def _by_names(file: OpenedFile, own: Mapping[str, Tensor], required: set[str]) -> _Fit:
    """The scope whose names are the model's; where there is none, the nearest and its faults."""
    bare = {name: unwrapped(name) for name in file.tensors}
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
        key for key in inside if key not in own and not key.endswith(("total_ops", "total_params"))
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


def _by_network(file: OpenedFile, model: Net, naming: Naming, fit: _Fit) -> _Fit:
    """The names of the same network in a file, however they are called there.

    Raises `SpecError`: the file has another network, or keys that do not fit.
    """
    try:
        networks = networks_in(file.tensors, ordered=file.contents.ordered)
    except SpecError:
        raise _misfits(file, fit) from None
    keys = {tensor: key for key, tensor in state_keys(model.network).items()}
    ours = {key: keys[t] for key, t in state_keys(model.network, naming).items()}
    sizes = {ours[key]: tuple(value.shape) for key, value in model.state_dict().items()}
    fitting = [n for n in networks if _fits(n.recognized.lifted, file.tensors, sizes)]
    if fitting:
        network = chosen_part(file, fitting)[0]
        theirs = network.recognized.lifted.weights
        return _Fit(network.place, {k: theirs[o] for k, o in ours.items() if o in theirs})
    alike = [k for k, name in fit.keys.items() if file.tensors[name] == sizes[ours[k]]]
    if len(alike) > _MOSTLY * len(ours):
        raise _misfits(file, fit)
    network = chosen_part(file, networks)[0]
    difference = _first_difference(network.recognized.lifted.spec, model.spec)
    if difference is None:
        raise _misfits(file, fit)
    message = f"{file.path}: is {network.label}, not the network of the spec: {difference}"
    help = f"resnet-dsl lift {file.path} prints its spec"
    raise SpecError([Diagnostic(code="weights", message=message, help=help)])


def _fits(
    lifted: Lifted, shapes: Mapping[str, TensorShape], sizes: Mapping[str, TensorShape]
) -> bool:
    """Whether the weights of a lifted network are those of a model, key by key."""
    theirs = {k: shapes[n] for k, n in lifted.weights.items() if not _is_counter(k)}
    return theirs == {key: size for key, size in sizes.items() if not _is_counter(key)}


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
