"""Names of leaves, scope by scope, in order of registration: what a naming scheme writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import Unit, anatomy, unit_length
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.ir import (
    Act,
    Conv,
    Flatten,
    Identity,
    Layer,
    LayerPath,
    Leaf,
    Linear,
    Network,
    Norm,
    Parallel,
    Residual,
    ZeroPad,
)
from resnet_dsl.naming.module_tree import ScopeClass

Name: TypeAlias = tuple[str, ...]
AUXILIARY: Final = "aux{}"


class Names:
    """The names of a network's leaves, and the classes of the scopes that they stand in.

    `entries` are in order of registration: leaves with their paths, scopes with None. A residual
    block or branches have a home: the scope whose program adds or concatenates.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[LayerPath | None, Name]] = []
        self.homes: dict[LayerPath, Name] = {}
        self._kinds: dict[Name, ScopeClass] = {}
        self._by_path: dict[LayerPath, Name] = {}
        self._leaves: set[Name] = set()

    def add(self, path: LayerPath, name: Name) -> None:
        """Name a leaf."""
        self.entries.append((path, name))
        self._by_path[path] = name
        self._leaves.add(name)

    def add_scope(self, scope: Name, kind: ScopeClass) -> None:
        """Register a scope."""
        self.entries.append((None, scope))
        self._kinds[scope] = kind

    def of(self, path: LayerPath) -> Name:
        """The name of a leaf."""
        return self._by_path[path]

    def kind(self, scope: Name) -> ScopeClass:
        """The class of a scope."""
        return self._kinds.get(scope, "Sequential")

    def set_kind(self, scope: Name, kind: ScopeClass) -> None:
        """Give a scope another class."""
        self._kinds[scope] = kind

    def is_leaf(self, name: Name) -> bool:
        """Whether a name is that of a leaf."""
        return name in self._leaves

    def move_last(self, name: Name) -> None:
        """Register a leaf after all that have been registered so far."""
        moved = [entry for entry in self.entries if entry[1] == name]
        self.entries = [entry for entry in self.entries if entry[1] != name] + moved

    def renamed(self, rename: Callable[[Name], Name]) -> Names:
        """The same with other names of scopes and leaves."""
        names = Names()
        for path, name in self.entries:
            if path is None:
                names.add_scope(rename(name), self.kind(name))
            else:
                names.add(path, rename(name))
        first: dict[Name, int] = {}  # where a scope, registered or not, begins
        for i, (_, name) in enumerate(names.entries):
            for length in range(1, len(name) + 1):
                first.setdefault(name[:length], i)
        names.entries.sort(
            key=lambda entry: [first[entry[1][: n + 1]] for n in range(len(entry[1]))]
        )
        names.homes = {path: rename(home) for path, home in self.homes.items()}
        names.set_kind((), self.kind(()))
        return names

    def dotted(self) -> Iterator[tuple[LayerPath, str]]:
        """The name of each leaf, in order of registration."""
        return ((path, ".".join(name)) for path, name in self.entries if path is not None)


class ScopeNames:
    """The names in one scope, as they are given.

    `norm` is what norms are called, with the number of the convolution that they follow or, where
    `ahead`, that they precede; `norm_inside` puts them inside their convolution.
    """

    def __init__(
        self,
        names: Names,
        scope: Name = (),
        *,
        norm: str = "bn",
        ahead: bool = False,
        norm_inside: bool = False,
    ) -> None:
        self.names, self.scope_name = names, scope
        self.convs = 0
        self._norm, self._ahead, self._norm_inside = norm, ahead, norm_inside
        self._taken: dict[str, Leaf | None] = {}

    def scope(
        self,
        name: str,
        kind: ScopeClass = "Sequential",
        *,
        ahead: bool = False,
    ) -> ScopeNames:
        """A scope inside this one; its name is numbered where it is taken."""
        name = self.free(name)
        self._taken[name] = None
        inner = (*self.scope_name, name)
        self.names.add_scope(inner, kind)
        return ScopeNames(
            self.names, inner, norm=self._norm, ahead=ahead, norm_inside=self._norm_inside
        )

    def leaf(self, name: str, leaf: Leaf, path: LayerPath) -> None:
        """Name a leaf; an activation joins its equal of the same name, others are numbered."""
        if not (isinstance(leaf, Act) and self._taken.get(name) == leaf):
            name = self.free(name)
            self._taken[name] = leaf
        self.names.add(path, (*self.scope_name, *name.split(".")))

    def free(self, name: str) -> str:
        """The name, or with a number after it where it is taken."""
        number, free = 1, name
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        return free

    def home(self, path: LayerPath) -> None:
        """This scope adds or concatenates what meets at a path."""
        self.names.homes[path] = self.scope_name

    def by_role(self, layer: Layer, path: LayerPath, *, conv: str | None = None) -> None:
        """Name the leaves of a layer by what they do; convolutions by number, or by `conv`."""
        match layer:
            case ir.Sequence(layers):
                for i, inner in enumerate(layers):
                    self.by_role(inner, LayerPath((*path, i)), conv=conv)
            case Residual(body=body, shortcut=shortcut, after=after):
                block = self.scope("block", "ResidualBlock")
                block.home(path)
                block.by_role(body, LayerPath((*path, "body")))
                if shortcut != Identity():
                    numbered(block.scope("downsample"), shortcut, LayerPath((*path, "shortcut")))
                block.by_role(after, LayerPath((*path, "after")))
            case Parallel(branches):
                self.home(path)
                for i, branch in enumerate(branches):
                    numbered(self.scope(f"branch{i + 1}"), branch, LayerPath((*path, i)))
            case Flatten() | Identity():
                pass
            case _:
                self.convs += isinstance(layer, Conv) and conv is None
                self.leaf(self.role(layer, conv), layer, path)

    def role(self, leaf: Leaf, conv: str | None = None) -> str:
        """A leaf's name by what it does: convolutions and norms are numbered."""
        conv = conv or f"conv{self.convs}"
        if isinstance(leaf, Conv):
            return conv
        if not isinstance(leaf, Norm):
            return leaf_terms(leaf).role
        inside = f"{conv}.norm"
        if self._norm_inside and conv in self._taken and inside not in self._taken:
            return inside
        return f"{self._norm}{self.convs + 1 if self._ahead else max(1, self.convs)}"


def leaf_at(network: Network, i: int) -> Leaf:
    """A layer of a network that is a leaf."""
    leaf = network.layers[i]
    assert isinstance(leaf, Leaf), leaf
    return leaf


def by_role(scope: ScopeNames, network: Network, indices: range) -> None:
    """Name layers of a network by what they do."""
    for i in indices:
        scope.by_role(network.layers[i], LayerPath((i,)))


def plain_unit(scope: ScopeNames, name: str, network: Network, unit: Unit) -> None:
    """A unit of a stage without a shortcut: its layers in a scope, or leaves under its name."""
    indices = range(unit.start, unit.stop)
    if isinstance(unit.main, Conv | Parallel):
        by_role(scope.scope(name, "PlainBlock"), network, indices)
        return
    for i in indices:
        scope.leaf(name, leaf_at(network, i), LayerPath((i,)))


def chain(scope: ScopeNames, network: Network, indices: Sequence[int]) -> None:
    """Number layers of a network from 0."""
    for place, i in enumerate(indices):
        scope.leaf(str(place), leaf_at(network, i), LayerPath((i,)))


def numbered(scope: ScopeNames, layer: Layer, path: LayerPath, skipped: int = 0) -> None:
    """Number layers as `nn.Sequential` does, after a number of places that stay empty.

    Zeros around a map take no place: they belong to the layer after them. A flatten is no module.
    """
    whole = isinstance(layer, ir.Sequence)
    place = skipped
    for i, inner in enumerate(ir.steps(layer)):
        step = LayerPath((*path, i)) if whole else path
        if isinstance(inner, ir.Sequence | Residual | Parallel):
            scope.scope(str(place), "PlainBlock").by_role(inner, step)
        elif isinstance(inner, Flatten | Identity):
            place -= 1
        elif isinstance(inner, ZeroPad):
            scope.leaf("pad", inner, step)
            place -= 1
        else:
            scope.leaf(str(place), inner, step)
        place += 1


def classifier(scope: ScopeNames, network: Network, name: str = "fc") -> None:
    """`avgpool` and `fc`; a convolution that classifies is `fc` as well, several are numbered."""
    head = anatomy(network).head
    indices = range(head[0].start, head[-1].stop) if head else range(0)
    weighted = [i for i in indices if isinstance(network.layers[i], Conv | Linear)]
    for i in indices:
        layer, path = network.layers[i], LayerPath((i,))
        if isinstance(layer, Conv | Linear):
            number = "" if len(weighted) == 1 else str(weighted.index(i) + 1)
            scope.leaf(f"{name}{number}", layer, path)
        else:
            scope.by_role(layer, path)


def conv_unit(scope: ScopeNames, layers: Sequence[Layer], path: LayerPath, start: int = 0) -> None:
    """A convolution with its norm and activation: `conv`, `bn`, as torchvision's BasicConv2d."""
    for i, layer in enumerate(layers, start):
        assert isinstance(layer, Leaf), layer
        name = "conv" if isinstance(layer, Conv) else "bn" if isinstance(layer, Norm) else None
        scope.leaf(name or scope.role(layer), layer, LayerPath((*path, i)))


def auxiliaries(root: ScopeNames, network: Network) -> None:
    """`aux1`, `aux2`, ...: `conv.conv`, `conv.bn`, `fc1`, `fc2`, as in torchvision's GoogLeNet."""
    for number, auxiliary in enumerate(network.auxiliaries):
        scope = root.scope(AUXILIARY.format(number + 1), "PlainBlock")
        _auxiliary(scope, auxiliary.layers, LayerPath(("aux", number)))


def _auxiliary(scope: ScopeNames, layers: tuple[Layer, ...], path: LayerPath) -> None:
    start = 0
    while start < len(layers):
        stop = start + unit_length(layers[start : start + 4])
        match layers[start]:
            case Conv():
                unit = scope.scope(_numbered_kind("conv", layers, start), "PlainBlock")
                conv_unit(unit, layers[start:stop], path, start)
            case Linear() as linear:
                name = _numbered_kind("fc", layers, start)
                scope.leaf(name, linear, LayerPath((*path, start)))
            case _:
                for i in range(start, stop):
                    scope.by_role(layers[i], LayerPath((*path, i)))
        start = stop


def _numbered_kind(name: str, layers: Sequence[Layer], i: int) -> str:
    """A name, with its number among its kind where there are several."""
    alike = [j for j, layer in enumerate(layers) if type(layer) is type(layers[i])]
    return name if len(alike) == 1 else f"{name}{alike.index(i) + 1}"
