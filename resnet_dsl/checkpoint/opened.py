"""A file of weights opened: the network that it holds, chosen among all, and what is beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Protocol, TypeVar

from resnet_dsl.checkpoint import Recognized
from resnet_dsl.checkpoint.alternatives import with_alternatives, with_overrides
from resnet_dsl.checkpoint.networks import NetworkInFile, networks_in
from resnet_dsl.checkpoint.state_keys import NOT_WEIGHTS, unwrapped
from resnet_dsl.diagnostics import SpecError, fail, nearest
from resnet_dsl.folds.weights import COUNTER, TensorShape
from resnet_dsl.ir import Shape
from resnet_dsl.sources.lifted import Lifted, Undetermined
from resnet_dsl.weight_files import Contents, FoldedTensor, StoredTensor, read_contents
from resnet_dsl.weight_files.formats import printable
from resnet_dsl.weight_files.values import FLOATS

WRAPPINGS: Final = (
    *("state_dict", "model", "model_state", "model_state_dict", "net", "network"),
    *("ema", "model_ema", "state_dict_ema", "ema_state_dict"),
)
"""Where training code keeps the weights in a file; of several copies, the first is taken."""

_OF_OPTIMIZERS: Final = frozenset(
    {"momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step", "square_avg", "sum"}
)
_AVERAGES: Final = re.compile(r"ema|averag|momentum|target|teacher", re.IGNORECASE)
_LISTED: Final = 12
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """The tensors of a file that may be weights, by name, and what stands beside them."""

    path: Path
    contents: Contents
    prefix: str = ""
    tensors: Mapping[str, TensorShape] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedWeights:
    """A file with the network that was recognized in it."""

    file: OpenedFile
    recognized: Recognized

    @property
    def lifted(self) -> Lifted:
        return self.recognized.lifted


def open_file(path: Path, *, prefix: str | None = None, ignore: Sequence[str] = ()) -> OpenedFile:
    """The tensors of a file: those under the scope `prefix`, without names that match `ignore`.

    Raises `SpecError` where nothing is under that scope or matches a pattern.
    """
    contents = read_contents(path)
    place = _place(path, contents, prefix) if prefix else ""
    shapes = {n: s for n, s in contents.shapes.items() if not place or n.startswith(f"{place}.")}
    kept = dict(shapes)
    for pattern in ignore:
        cut = len(place) + 1 if place else 0
        matching = [n for n in shapes if any(_matches(form, pattern) for form in (n, n[cut:]))]
        if not matching:
            raise fail("weights", f"{path}: no tensor's name matches --ignore {pattern!r}")
        for name in matching:
            kept.pop(name, None)
    if not kept:
        raise fail("weights", f"{path}: --ignore leaves no tensors")
    remarks = _carried_code(contents)
    return OpenedFile(path=path, contents=contents, prefix=place, tensors=kept, remarks=remarks)


def _matches(name: str, pattern: str) -> bool:
    """Whether a name, or the end of it from a dot on, matches."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def _place(path: Path, contents: Contents, prefix: str) -> str:
    """The full name of the scope that a user means by its last names."""
    prefix = prefix.strip(".")
    scopes = dict.fromkeys(scope for name in contents.tensors for scope in _scopes(name))
    if prefix in scopes:
        return prefix
    matching = [scope for scope in scopes if scope.endswith(f".{prefix}")]
    outermost = [s for s in matching if not any(s.startswith(f"{o}.") for o in matching)]
    if len(outermost) == 1:
        return outermost[0]
    if outermost:
        places = listed(outermost)
        raise fail("weights", f"{path}: several scopes end in {prefix!r}: {places}")
    guess = nearest(prefix, list(scopes))
    near = [scope for scope in scopes if prefix in scope.rpartition(".")[2]] or _tops(scopes)
    help = f"did you mean {guess!r}?" if guess else f"the file has {listed(near)}"
    raise fail("weights", f"{path}: no tensor is under {prefix!r}", help=help)


def _scopes(name: str) -> Iterator[str]:
    steps = name.split(".")
    for n in range(1, len(steps)):
        yield ".".join(steps[:n])


def _tops(scopes: Mapping[str, None]) -> list[str]:
    return [scope for scope in scopes if scope.count(".") < 2]


def _carried_code(contents: Contents) -> tuple[str, ...]:
    if not contents.code:
        return ()
    return (f"the file carries code, which was not run: {listed(contents.code)}",)


# ---------------------------------------------------------------- the network in it


def open_weights(
    path: Path,
    *,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    input: Shape | None = None,
    overrides: Sequence[str] = (),
) -> OpenedWeights:
    """The network in a file of weights; `overrides` choose among what its weights do not show.

    Raises `SpecError` where there is none, and where there are several: the message lists them.
    """
    file = open_file(path, prefix=prefix, ignore=ignore)
    try:
        networks = networks_of(file, input)
    except SpecError as error:
        raise _without_network(file, error) from None
    network, copies = chosen_part(file, networks)
    lifted = network.recognized.lifted
    assert_readable(file, lifted.weights)
    if copies:
        others = ", ".join(printable(other.place) for other in copies)
        taken = Undetermined(
            "weights of", printable(network.place), f"the file also holds {others}"
        )
        lifted = replace(lifted, undetermined=(taken, *lifted.undetermined))
    remarks = (*file.remarks, *remarks_on(file, network.place, network.names, network.label))
    lifted = with_alternatives(with_overrides(replace(lifted, remarks=remarks), overrides))
    return OpenedWeights(file=file, recognized=replace(network.recognized, lifted=lifted))


def networks_of(file: OpenedFile, input: Shape | None = None) -> list[NetworkInFile]:
    """All networks of a file; `SpecError` where there is none."""
    ordered, whole = file.contents.ordered, not file.prefix
    return networks_in(file.tensors, ordered=ordered, whole=whole, input=input)


def _without_network(file: OpenedFile, error: SpecError) -> SpecError:
    if file.contents.unreadable:
        name, kind = next(iter(file.contents.unreadable.items()))
        help = "save the model before it is quantized" if "quantized" in kind else None
        return fail("weights", f"{file.path}: {printable(name)} is a {kind}", help=help)
    if whole := _foreign_numbers(file):
        return whole
    last = {name.rpartition(".")[2] for name in file.tensors}
    if last and all(step.isdigit() for step in last):
        message = f"{file.path}: its tensors have no names: it is a list of parameters"
        return fail("weights", message, help="save model.state_dict()")
    if last and last <= _OF_OPTIMIZERS:
        message = f"{file.path}: holds the state of an optimizer, and no weights"
        return fail("weights", message, help="save model.state_dict()")
    return SpecError(
        replace(each, message=f"{file.path}: {printable(each.message)}")
        for each in error.diagnostics
    )


def _foreign_numbers(file: OpenedFile) -> SpecError | None:
    """Weights that are stored as whole numbers."""
    tensors = file.contents.tensors
    for name in file.tensors:
        if len(tensors[name].shape) > 1 and tensors[name].dtype in {"int8", "uint8"}:
            return _no_float(file, name)
    return None


def _no_float(file: OpenedFile, name: str) -> SpecError:
    kind = file.contents.tensors[name].dtype
    message = f"{file.path}: {printable(name)} is {kind}: a weight is a floating-point number"
    return fail("weights", message, help="save the model before it is quantized")


def assert_readable(file: OpenedFile, weights: Mapping[str, str]) -> None:
    """Refuse weights that are whole numbers, and layers of which a tensor is left out because it
    is of a kind that no layer has; `weights` are names in the file by ours."""
    for key, name in weights.items():
        if not key.endswith(COUNTER) and file.contents.tensors[name].dtype not in FLOATS:
            raise _no_float(file, name)
    layers = {name.rpartition(".")[0] for name in weights.values()}
    for name, kind in file.contents.unreadable.items():
        if name.rpartition(".")[0] in layers:
            raise fail("weights", f"{file.path}: {printable(name)} is a {kind}")


class _Part(Protocol):
    """Some weights of a file: where they stand, and their names."""

    @property
    def place(self) -> str: ...

    @property
    def names(self) -> Set[str]: ...

    @property
    def label(self) -> str: ...


_P = TypeVar("_P", bound=_Part)


def chosen_part(file: OpenedFile, parts: Sequence[_P]) -> tuple[_P, list[_P]]:
    """The one part that is meant, and the copies of it that training keeps.

    Raises `SpecError` with the list where nothing tells which one is meant.
    """
    distinct: list[_P] = []
    for part in parts:
        if not any(_same_tensors(file, part, other) for other in distinct):
            distinct.append(part)
    if len(distinct) == 1:
        return distinct[0], []
    steps = [part.place.split(".") for part in distinct]
    shared = 0
    while all(len(s) > shared and s[shared] == steps[0][shared] for s in steps):
        shared += 1
    kinds = [s[shared] if len(s) > shared else "" for s in steps]
    if all(kind in WRAPPINGS for kind in kinds) and _are_copies(file, distinct, shared + 1):
        order = sorted(zip(kinds, distinct, strict=True), key=lambda p: WRAPPINGS.index(p[0]))
        first, *copies = (part for _, part in order)
        return first, copies
    places = [f"{printable(part.place) or 'the file'} is {part.label}" for part in distinct]
    likeliest = sorted(distinct, key=lambda part: bool(_AVERAGES.search(part.place)))
    first_place, second = (printable(part.place) for part in likeliest[:2])
    help = f"say which one: --weights-key {first_place}"
    if not first_place:
        help = f"leave the other one out: --ignore '{second}.*'"
    message = f"{file.path}: holds {len(distinct)} networks: {listed(places)}"
    raise fail("weights", message, help=help)


def _are_copies(file: OpenedFile, parts: Sequence[_Part], depth: int) -> bool:
    """Whether parts have the same names and shapes below so many scopes; a classifier may be
    missing in some."""
    tensors = file.contents.tensors
    below = [
        {unwrapped(".".join(n.split(".")[depth:])): tensors[n].shape for n in part.names}
        for part in parts
    ]
    places = {part.place.split(".")[depth - 1] for part in parts}
    fewest = min(below, key=len)
    alike = all(
        fewest.items() <= names.items() and len(names) - len(fewest) <= len(("weight", "bias"))
        for names in below
    )
    return len(places) == len(parts) and alike


def _same_tensors(file: OpenedFile, part: _Part, other: _Part) -> bool:
    """Whether two parts are one, of which a file has two names."""
    tensors = file.contents.tensors
    mine, theirs = ({_bytes_of(tensors[name]) for name in e.names} for e in (part, other))
    return mine == theirs


def _bytes_of(tensor: StoredTensor | FoldedTensor) -> tuple[object, ...]:
    """Where the numbers of a tensor lie."""
    if isinstance(tensor, FoldedTensor):
        return tuple(_bytes_of(part) for part in tensor.parts)
    return id(tensor.data), tensor.offset, tensor.shape, tensor.strides


def remarks_on(
    file: OpenedFile, place: str, names: Set[str], label: str | None = None
) -> Iterator[str]:
    """Which weights of a file were taken, what else is in it, and what was computed."""
    tensors = file.contents.tensors
    own = {_bytes_of(tensors[name]) for name in names}
    others = (n for n in tensors if n not in names and n.rpartition(".")[2] not in NOT_WEIGHTS)
    left = [name for name in others if _bytes_of(tensors[name]) not in own]
    if left:
        yield f"weights of: {printable(place) or 'the file'}" + (f", {label}" if label else "")
        scopes = {scope for name in names for scope in _scopes(name)}
        yield f"left out: {len(left)} tensors: {listed(_outermost(left, scopes))}"
    unreadable = [f"{name} ({kind})" for name, kind in file.contents.unreadable.items()]
    if unreadable:
        yield f"not readable: {listed(unreadable)}"
    rules = [tensor.rule for n in names if isinstance(tensor := tensors[n], FoldedTensor)]
    for rule in sorted(set(rules)):
        yield f"folded: {rules.count(rule)} weights ({rule})"
    inside = {*file.contents.unreadable, *(s for name in tensors for s in _scopes(name))}
    beside = [f"{n} ({kind})" for n, kind in file.contents.beside(place) if n not in inside]
    if beside:
        yield f"beside the weights: {listed([printable(text) for text in beside])}"


def _outermost(names: Iterable[str], scopes: Set[str]) -> list[str]:
    """Names by the outermost scope of theirs that is none of these."""
    groups = (next((s for s in _scopes(name) if s not in scopes), name) for name in names)
    return list(dict.fromkeys(groups))


def listed(names: Sequence[str]) -> str:
    """Some of the names in a file, as a terminal may see them."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(printable(name[:_SHOWN]) for name in names[:_LISTED]) + more
