"""All networks in a file: the scopes whose weights are a network, with what else stands there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resnet_dsl.checkpoint import Recognized, recognize
from resnet_dsl.checkpoint.backbones import Backbone, backbone_of
from resnet_dsl.checkpoint.block_scopes import IMAGE, shared_scope
from resnet_dsl.checkpoint.state_keys import (
    Weights,
    natural_order,
    no_layers,
    sorted_weights,
    stripped,
)
from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.folds.weights import TensorShape
from resnet_dsl.ir import Shape
from resnet_dsl.notation.terms import Fc

_FEWEST_CONVS: Final = 2
_MOST_WEIGHTS: Final = 6000
"""Layers of a file that are searched: twice those of ResNet-1202."""
_PROJECTOR: Final = re.compile(r"\b_?(?:proj|pred)(?:ector|ection|iction)?\b|_(?:proj|pred)", re.I)
"""Names of heads that a network is trained by and used without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInFile:
    """A network in a file: the innermost scope that holds all its weights, and their names."""

    place: str
    recognized: Recognized
    names: frozenset[str]

    @property
    def label(self) -> str:
        return self.recognized.label


def networks_in(
    shapes: Mapping[str, TensorShape],
    *,
    ordered: bool = True,
    whole: bool = True,
    input: Shape | None = None,
) -> list[NetworkInFile]:
    """The networks whose weights are among these, in order.

    `ordered` says that the names stand in the order in which the layers were created, `whole` that
    they are those of a whole file: a head of several layers is read there alone, since in a part it
    belongs to what the part was trained by. Raises `SpecError` where there is no network, with what
    fits nowhere.
    """
    names = stripped(shapes)
    weights = sum(name.endswith("weight") for name in names)
    if weights > _MOST_WEIGHTS:
        raise fail("weights", f"{weights} layers: more than any network that is known")
    if not ordered:
        names = {bare: names[bare] for bare in sorted(names, key=natural_order)}
    search = _Search(shapes, ordered, input)
    networks = search.inside(names, whole=whole and not search.has_projector(names))
    if networks:
        return networks
    raise search.fault or fail("weights", "no weights of a network", help="save model.state_dict()")


class _Search:
    def __init__(
        self, shapes: Mapping[str, TensorShape], ordered: bool, input: Shape | None
    ) -> None:
        self.shapes = shapes
        self.ordered = ordered
        self.input = input
        self.fault: SpecError | None = None

    def inside(self, names: Mapping[str, str], *, whole: bool = False) -> list[NetworkInFile]:
        """The networks under a scope; `whole` where it is the whole file."""
        layers, strange = sorted_weights(names, self.shapes)
        if self.fault and sum(layer.kind == "conv" for layer in layers) < _FEWEST_CONVS:
            return []
        network = self.of(names.values())
        if network and (whole or (_classifiers(network) < 2 and _has_stem(network))):
            return [network]
        holders = [child for child in _children(names) if self.has_convs(child)]
        if len(holders) == 1 and not self.has_convs(_own(names)):
            inner = self.inside(holders[0])
            if inner or not network:
                return inner
        backbone = backbone_of(layers, ordered=self.ordered)
        if backbone and (used := self.used(backbone, names, strange)):
            self.fault = self.fault or fail("weights", no_layers(used))
            backbone = None
        if backbone and not backbone.readings:
            backbone = None
        if backbone and (further := self.further(backbone, layers)):
            text = f"{further[0]}, …: layers beside the blocks that no reading takes"
            self.fault = fail("weights", text) if whole else self.fault
            backbone = None
        alone = backbone is not None and not backbone.leaves_blocks
        if backbone and alone and (own := self.first(backbone.readings)):
            return [own]
        own = self.first(backbone.readings) if backbone and not alone else None
        inner = [] if own is None and self.begins(names) else self.of_children(names)
        if own and not any(own.names & other.names for other in inner):
            inner = [own, *inner]
        if inner:
            return inner
        return [network] if network and _has_stem(network) else []

    def of_children(self, names: Mapping[str, str]) -> list[NetworkInFile]:
        return [network for child in _children(names) for network in self.inside(child)]

    def begins(self, names: Mapping[str, str]) -> bool:
        """Whether a convolution of images stands in a scope itself: then no scope inside is a
        network, but a part of one."""
        own, _ = sorted_weights(_own(names), self.shapes)
        return any(layer.kind == "conv" and layer.incoming <= IMAGE for layer in own)

    def has_projector(self, names: Mapping[str, str]) -> bool:
        """Whether a fully connected layer is called as the heads that a network is trained by."""
        linears = (bare for bare, name in names.items() if len(self.shapes[name]) == 2)
        return any(map(_PROJECTOR.search, linears))

    def further(self, backbone: Backbone, layers: Sequence[Weights]) -> list[str]:
        """Layers of the trunk that its reading leaves out."""
        own = {layer.name for layer in backbone.readings[0]}
        left = (layer for layer in layers if layer.name not in own)
        return [layer.name for layer in left if backbone.continues(layer)]

    def used(
        self, backbone: Backbone, names: Mapping[str, str], strange: Sequence[str]
    ) -> list[str]:
        """Tensors of no known layer without which a network computes something else."""
        bare = {name: key for key, name in names.items()}
        return [name for name in strange if backbone.uses(bare[name], self.shapes[name])]

    def has_convs(self, names: Mapping[str, str]) -> bool:
        """Whether a scope holds a convolution."""
        return any(
            bare.rpartition(".")[2] == "weight" and len(self.shapes[name]) == 4
            for bare, name in names.items()
        )

    def first(self, readings: Iterable[tuple[Weights, ...]]) -> NetworkInFile | None:
        """The first reading that is a network."""
        own = (self.of(n for layer in r for n in layer.keys.values()) for r in readings)
        return next((network for network in own if network), None)

    def of(self, names: Iterable[str]) -> NetworkInFile | None:
        """The network of exactly these weights, in the order of the file."""
        wanted = set(names)
        shapes = {name: self.shapes[name] for name in self.shapes if name in wanted}
        try:
            recognized = recognize(shapes, ordered=self.ordered, input=self.input)
        except SpecError as error:
            self.fault = self.fault or error
            return None
        place = ".".join(shared_scope(tuple(name.split(".")[:-1]) for name in wanted))
        return NetworkInFile(place=place, recognized=recognized, names=frozenset(wanted))


def _has_stem(network: NetworkInFile) -> bool:
    """Whether it begins with an image: a stage alone is no network."""
    return bool(network.recognized.lifted.spec.stem)


def _classifiers(network: NetworkInFile) -> int:
    return sum(isinstance(layer, Fc) for layer in network.recognized.lifted.spec.head)


def _own(names: Mapping[str, str]) -> dict[str, str]:
    """The names of layers that stand in a scope itself."""
    return {bare: name for bare, name in names.items() if bare.count(".") < 2}


def _children(names: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The names under each scope of the next level, without it."""
    children: dict[str, dict[str, str]] = {}
    for bare, name in names.items():
        scope, dot, rest = bare.partition(".")
        if dot:
            children.setdefault(scope, {})[rest] = name
    yield from children.values()
