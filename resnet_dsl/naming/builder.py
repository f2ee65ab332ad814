"""A network and its names to the module tree: what is computed does not depend on the names.

The program follows the network, leaf by leaf. Steps of one scope that run one after the other
become one call of that scope; where something else must run in between (a feature output, a
flatten), the parts of the scope are called one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from resnet_dsl import ir
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.ir import Flatten, Identity, Layer, LayerPath, Leaf, Network
from resnet_dsl.naming.in_place import works_in_place
from resnet_dsl.naming.module_tree import (
    Add,
    Call,
    CallAuxiliary,
    Concat,
    FlattenStep,
    Keep,
    Member,
    Program,
    Scope,
    Step,
)
from resnet_dsl.naming.scope_names import AUXILIARY, Name, Names

Features = Mapping[int, Sequence[str]]
"""Names of feature outputs, by the number of layers after which they are taken."""


def module_tree(network: Network, names: Names, features: Features | None = None) -> Scope:
    """The module tree of a network whose leaves have these names."""
    features = features or {}
    builder = _Programs(names)
    builder.add((), list(_root_steps(network, names, features)))
    for number, auxiliary in enumerate(network.auxiliaries):
        path = LayerPath(("aux", number))
        steps = _with_homes(_steps(ir.Sequence(auxiliary.layers), path, names), names)
        builder.add((AUXILIARY.format(number + 1),), steps)
    return _Tree(network, names, features).scope((), builder.programs)


# ---------------------------------------------------------------- the program, leaf by leaf


class _Placed(NamedTuple):
    """A step with the scope whose program has it; of an addition or concatenation, its branches."""

    step: Step
    home: Name | None
    branches: tuple[list[_Placed], ...] = ()


def _steps(layer: Layer, path: LayerPath, names: Names) -> list[_Placed]:
    """The steps of a layer in order of computation; the home of a flatten is still open."""
    match layer:
        case ir.Sequence(layers):
            return [
                placed
                for i, inner in enumerate(layers)
                for placed in _steps(inner, LayerPath((*path, i)), names)
            ]
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            parts = (("body", body), ("shortcut", shortcut))
            branches = [_steps(part, LayerPath((*path, key)), names) for key, part in parts]
            home = names.homes[path]
            total = _Placed(Add((), ()), home, tuple(_with_homes(b, names) for b in branches))
            return [total, *_steps(after, LayerPath((*path, "after")), names)]
        case ir.Parallel():
            branches = [
                _steps(branch, LayerPath((*path, i)), names)
                for i, branch in enumerate(layer.branches)
            ]
            home = names.homes[path]
            return [_Placed(Concat(()), home, tuple(_with_homes(b, names) for b in branches))]
        case Flatten():
            return [_Placed(FlattenStep(), None)]
        case Identity():
            return []
        case _:
            name = names.of(path)
            home = name[:-1]
            while names.is_leaf(home):  # a norm inside its convolution: the scope around runs both
                home = home[:-1]
            return [_Placed(Call(".".join(name)), home)]


def _root_steps(network: Network, names: Names, features: Features) -> Iterator[_Placed]:
    """All steps, with feature outputs and auxiliary classifiers where they read."""
    numbers: dict[int, list[int]] = {}
    for number, auxiliary in enumerate(network.auxiliaries, 1):
        numbers.setdefault(auxiliary.position, []).append(number)
    steps: list[_Placed] = []
    for i, layer in enumerate(network.layers):
        steps += _steps(layer, LayerPath((i,)), names)
        steps += [_Placed(Keep(name), ()) for name in features.get(i + 1, ())]
        calls = (CallAuxiliary(AUXILIARY.format(number)) for number in numbers.get(i + 1, ()))
        steps += [_Placed(call, ()) for call in calls]
    return iter(_with_homes(steps, names))


def _with_homes(steps: Sequence[_Placed], names: Names) -> list[_Placed]:
    """A flatten belongs to the scope of the steps around it, but not to a chain of modules."""
    placed = list(steps)
    for i, step in enumerate(placed):
        if step.home is None:
            before = placed[i - 1].home or () if i else ()
            after = next((s.home for s in placed[i + 1 :] if s.home is not None), ())
            shared = shared_scope([before, after])
            home = () if names.kind(shared) == "Sequential" else shared
            placed[i] = step._replace(home=home)
    return placed


def shared_scope(scopes: Iterable[Sequence[str]]) -> Name:
    """The innermost scope around all scopes.

    >>> shared_scope([("layer1", "0"), ("layer1", "0", "downsample")])
    ('layer1', '0')
    """
    shared: list[str] = []
    for steps in zip(*scopes, strict=False):
        if len(set(steps)) > 1:
            break
        shared.append(steps[0])
    return tuple(shared)


# ---------------------------------------------------------------- programs of scopes


class _Programs:
    """The program of each scope: inner scopes are called as a whole where that is possible."""

    def __init__(self, names: Names) -> None:
        self.programs: dict[Name, Program] = {}
        self._names = names
        self._counts: dict[Name, int] = {}

    def add(self, scope: Name, steps: list[_Placed]) -> None:
        """The programs of a scope with these steps, and of all scopes inside it."""
        inner: dict[Name, list[_Placed]] = {}
        self._divide(steps, len(scope), inner)
        for name, own in inner.items():
            self._counts[name] = len(own)
            self.add(name, own)
        self.programs[scope] = tuple(self._calls(steps, scope, scope))

    def _divide(self, steps: list[_Placed], depth: int, inner: dict[Name, list[_Placed]]) -> None:
        """The steps of each scope right inside one of this depth."""
        for placed in steps:
            if placed.home is not None and len(placed.home) > depth:
                inner.setdefault(placed.home[: depth + 1], []).append(placed)
            else:
                for branch in placed.branches:
                    self._divide(branch, depth, inner)

    def _calls(self, steps: Iterable[_Placed], scope: Name, caller: Name) -> Iterator[Step]:
        """The steps of a scope, as a scope around it calls them."""
        depth = len(scope)
        for inner, run in groupby(steps, key=lambda placed: (placed.home or ())[: depth + 1]):
            own = list(run)
            if len(inner) <= depth:
                yield from (self._step(placed, caller) for placed in own)
            elif len(own) == self._counts[inner]:
                yield Call(".".join(inner[len(caller) :]))
            else:
                yield from self._calls(own, inner, caller)

    def _step(self, placed: _Placed, caller: Name) -> Step:
        branches = [tuple(self._calls(branch, caller, caller)) for branch in placed.branches]
        match placed.step:
            case Call(name):
                return Call(".".join(name.split(".")[len(caller) :]))
            case Add():
                return Add(*branches)
            case Concat():
                return Concat(tuple(branches))
            case FlattenStep() | Keep() | CallAuxiliary():
                return placed.step


# ---------------------------------------------------------------- the tree


class _Tree:
    """Scopes and members, children in the order of the names."""

    def __init__(self, network: Network, names: Names, features: Features) -> None:
        self._names = names
        self._members: dict[Name, Member] = {}
        self._children: dict[Name, dict[Name, None]] = {(): {}}
        in_place = works_in_place(network, features)
        leaves = dict(network_leaves(network))
        for path, name in names.entries:
            self._register(name)
            if path is not None:
                self._add_member(name, leaves[path], path, path in in_place)

    def _register(self, name: Name) -> None:
        self._children.setdefault(name, {})
        if name[:-1] not in self._children:
            self._register(name[:-1])
        self._children[name[:-1]][name] = None

    def _add_member(self, name: Name, leaf: Leaf, path: LayerPath, in_place: bool) -> None:
        known = self._members.get(name)
        paths = (*known.paths, path) if known else (path,)
        every = in_place and (known is None or known.in_place)
        self._members[name] = Member(leaf, paths, every)

    def scope(self, name: Name, programs: Mapping[Name, Program]) -> Scope:
        """The scope of a name, with all that is in it."""
        children: dict[str, Member | Scope] = {}
        for inner in self._children[name]:
            is_member = inner in self._members
            child = self._member(inner) if is_member else self.scope(inner, programs)
            children[inner[-1]] = child
        program = programs.get(name, ())
        kind = self._names.kind(name)
        if kind == "Sequential" and program != tuple(map(Call, children)):
            kind = "PlainBlock"
        return Scope(kind, children, program)

    def _member(self, name: Name) -> Member:
        children = {inner[-1]: self._member(inner) for inner in self._children[name]}
        return replace(self._members[name], children=children)
