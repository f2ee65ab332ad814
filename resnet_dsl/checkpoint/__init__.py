"""Which network has these weights? Their names and shapes, and the defaults of its family.

The parts come from the names, the terms of each from the shapes. What weights do not show is
taken from the spec of the zoo with the same weights, or from He et al. 2015, and listed as
undetermined. Nothing is returned whose weights would not fit, tensor by tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from resnet_dsl.checkpoint.block_scopes import Parts, parts_of
from resnet_dsl.checkpoint.families import plain_family, residual_family
from resnet_dsl.checkpoint.library_names import libraries
from resnet_dsl.checkpoint.matching import MismatchError, pair
from resnet_dsl.checkpoint.spec_from_shapes import orders, spec_of
from resnet_dsl.checkpoint.state_keys import Weights, natural_order, stripped, weights_of
from resnet_dsl.checkpoint.undetermined import choices
from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.elaboration import elaborate
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import TensorShape, weight_shapes
from resnet_dsl.ir import Network, Shape
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import Naming, Tensor, state_keys
from resnet_dsl.notation.terms import Conv, Fc
from resnet_dsl.recovery import recover
from resnet_dsl.sources.lifted import Lifted, Undetermined

_CLASSES: Final = 1000  # of ImageNet, which a name of the zoo stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """The spec of weights, the libraries whose names they have, and what to call the network."""

    lifted: Lifted
    namings: tuple[Naming, ...]
    label: str


def recognize(
    shapes: Mapping[str, TensorShape], *, ordered: bool = True, input: Shape | None = None
) -> Recognized:
    """The network whose weights have these names and shapes.

    `ordered` says that the names stand in the order in which the layers were created. Raises
    `SpecError` where no spec has such weights, with the first that fits nowhere.
    """
    names = stripped(shapes)
    if not names:
        raise fail("weights", "no weights", help="save model.state_dict()")
    if not ordered:
        names = {bare: names[bare] for bare in sorted(names, key=natural_order)}
    layers = weights_of(names, shapes)
    parts = parts_of(layers, ordered=ordered)
    family = residual_family(parts, set(names)) if parts else plain_family(layers)
    spec = family.spec if family else _own_spec(layers, parts)
    if input is not None:
        spec = replace(spec, input=input)
    network = _elaborated(spec)
    namings = libraries(network, set(names))
    theirs = _by_name(network, namings[0], names) if namings else _beside(network, parts)
    _assert_fit(network, theirs, shapes)
    spec = recover(network)
    named = parts is None or bool(namings)
    told = parts is None or bool({*namings} - {"timm"})
    unknown = (
        *_ambiguous(parts, namings, ordered=ordered),
        *choices(spec, projection_told=told, named=named),
    )
    lifted = Lifted(
        spec=spec,
        network=network,
        weights={key: theirs[t] for key, t in state_keys(network).items() if t in theirs},
        undetermined=tuple(c for c in unknown if input is None or c.choice != "input"),
    )
    label = _label(family.name if family else None, lifted.spec)
    return Recognized(lifted=lifted, namings=namings, label=label)


def _own_spec(layers: Sequence[Weights], parts: Parts | None) -> Spec:
    """The spec of a network that is of no known family."""
    if parts:
        return spec_of(parts)
    raise fail(
        "weights",
        f"{layers[0].name}, …: neither a residual network nor a known plain network",
        help="lift the model itself: resnet-dsl lift package.module:function",
    )


def _label(name: str | None, spec: Spec) -> str:
    """How a message calls the network of a file: by its name in the zoo, or by its size."""
    blocks = sum(row.repeats for stage in spec.stages.values() for row in stage.rows)
    text = name or f"a network of {blocks} blocks"
    classifier = next((layer for layer in spec.head[::-1] if isinstance(layer, Fc | Conv)), None)
    if classifier is None:
        return f"{text} without fc"
    classes = classifier.features if isinstance(classifier, Fc) else classifier.channels
    return text if name and classes == _CLASSES else f"{text} for {classes} classes"


def _elaborated(spec: Spec) -> Network:
    try:
        return elaborate(spec)
    except SpecError as error:
        message = error.diagnostics[0].message
        raise fail("weights", f"weights of a network that no spec can express: {message}") from None


def _assert_fit(
    network: Network, theirs: Mapping[Tensor, str], shapes: Mapping[str, TensorShape]
) -> None:
    """Hold each tensor to the shape of its place."""
    for path, leaf in network_leaves(network):
        for key, size in weight_shapes(leaf).items():
            name = theirs.get(Tensor(path, key))
            if name is not None and shapes[name] != size:
                raise _unfit(name)


def _unfit(place: str) -> SpecError:
    return fail("weights", f"{place}: weights of a network that no spec can express")


def _by_name(network: Network, naming: Naming, names: Mapping[str, str]) -> dict[Tensor, str]:
    """The name of each weight in the file, by its name in a library."""
    keys = state_keys(network, naming)
    return {tensor: names[key] for key, tensor in keys.items() if key in names}


def _beside(network: Network, parts: Parts | None) -> dict[Tensor, str]:
    """The name of each weight in the file, by the order of layers and their shapes."""
    assert parts is not None, "plain networks are known by their names"
    try:
        matched = pair(network, parts)
    except MismatchError as error:
        raise _unfit(error.place) from None
    return {Tensor(path, key): name for path, keys in matched.items() for key, name in keys.items()}


def _ambiguous(
    parts: Parts | None, namings: Sequence[Naming], *, ordered: bool
) -> Iterator[Undetermined]:
    """The order of layers, where neither the file nor their channels tell it."""
    if parts is None:
        return
    if not namings and not ordered:
        yield Undetermined(
            "order",
            "that of the names",
            "of layers with equal shapes: the file does not store an order",
        )
    possible = orders(parts)
    if len(possible) > 1:
        yield Undetermined("order", possible[0], f"or {possible[1]}")
