"""A file of weights into a model: by the names of its library, or by the network in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial
from pathlib import Path
from typing import NamedTuple

from resnet_dsl.checkpoint.opened import (
    assert_readable,
    open_file,
    remarks_on,
)
from resnet_dsl.diagnostics import fail
from resnet_dsl.folds.interface import Number
from resnet_dsl.ir import Network
from resnet_dsl.naming import Naming, has_whole_files, state_keys
from resnet_dsl.pytorch.adapted_weights import (
    Free,
    adapted,
    free_keys,
    remarks_on_adapted,
)
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.fitting import Keys, few, fit_of, is_counter
from resnet_dsl.pytorch.modules import Device, DType, Net
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.pytorch.weights import stored_tensors
from resnet_dsl.sources.chosen_numbers import Chosen


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
    fit = fit_of(file, model, naming, keys)
    assert_readable(file, fit.keys)
    state = tensors_of(file.contents, fit.keys.values())
    taken = adapted({key: state[name] for key, name in fit.keys.items()}, own, keys.free)
    model.load_state_dict(taken, strict=False)
    loaded = own.keys() if needed is None else needed
    shapes = {key: file.tensors[name] for key, name in fit.keys.items()}
    return (
        *remarks_on_adapted(shapes, own, {k: n for k, n in keys.free.items() if k in loaded}),
        *_remarks_on_auxiliaries(keys.optional - shapes.keys()),
        *file.remarks,
        *fit.remarks,
        *remarks_on(file, fit.place, fit.names),
    )


def _keys_of(model: Net, naming: Naming, needed: Set[str] | None, numbers: Set[Number]) -> Keys:
    both = free_keys(model.network, {"num_classes", "in_channels"}, naming)
    free: Free = {key: number for key, number in both.items() if number in numbers}
    required = {key for key in stored_tensors(model, naming) if not is_counter(key)}
    required &= needed if needed is not None else required
    required -= {key for key, number in free.items() if number == "num_classes"}
    optional = _of_auxiliaries(model.network, naming) if "num_classes" in numbers else set()
    optional &= required
    sizes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    return Keys(sizes, required - optional, free, both.keys(), optional)


def _of_auxiliaries(network: Network, naming: Naming) -> set[str]:
    """The keys of auxiliary classifiers, which files without classes lack as well."""
    keys = state_keys(network, naming).items()
    return {key for key, tensor in keys if tensor.leaf[0] == "aux"}


def _remarks_on_auxiliaries(missing: Set[str]) -> Iterator[str]:
    if missing:
        yield f"left as drawn: {few(sorted(missing))} (the file has no auxiliary classifiers)"


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
    keys = _keys_in(part, model, naming)
    remarks = load(needed=set(keys.values()))
    state = model.state_dict()
    part.load_state_dict({key: state[own] for key, own in keys.items()})
    if features is None:
        dropped = [key for key in state if key not in keys.values() and not is_counter(key)]
        remarks = (f"left out: {few(dropped)}", *remarks)
    return part, remarks


def _keys_in(part: Net, whole: Net, naming: Naming) -> dict[str, str]:
    """The keys of a part, and those of the same tensors in the whole: `fc` may have been `fc1`."""
    tensors, kept = state_keys(part.network, naming), part.state_dict()
    theirs = {tensor: key for key, tensor in state_keys(whole.network, naming).items()}
    return {key: theirs[tensor] for key, tensor in tensors.items() if key in kept}
