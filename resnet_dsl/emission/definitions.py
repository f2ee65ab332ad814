"""Which scopes of a module tree are instances of one class, and which layers one function makes?

Scopes are instances of one class where they differ in numbers alone. Until all instances are known,
a call has every number of the instance: the parameters are chosen of them afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from resnet_dsl.emission.dialects import Dialect
from resnet_dsl.emission.expressions import (
    NONE,
    Call,
    Expression,
    Keyword,
    Value,
    skeleton,
    values,
)
from resnet_dsl.emission.rows import grouped, looped
from resnet_dsl.folds.creation_order import creation_order
from resnet_dsl.ir import (
    Activation,
    Attention,
    BlurPool,
    Elementwise,
    Leaf,
    LearnedScale,
    Network,
    Norm,
    PadChannels,
    Parameterless,
    Pool,
)
from resnet_dsl.naming.module_tree import Add, Member, Program, Scope, members
from resnet_dsl.naming.module_tree import Call as CallStep

Layers = Callable[[Member], Call]
"""The constructor of a member's layer."""


class Assignment(NamedTuple):
    """`self.name = value`."""

    name: str
    value: Expression


@dataclass(slots=True)
class Definition:
    """A class or a function, with the values of all its instances.

    `passed` is a child that the caller makes: the shortcut, which some blocks lack. `created` are
    the places of children in the order of creation, where they have weights that are drawn;
    `chained` are children that a line of code applies to what the child before them gave.
    """

    key: str
    kind: str
    assignments: tuple[Assignment, ...]
    program: Program = ()
    passed: str | None = None
    passed_at: int | None = None
    is_function: bool = False
    chained: frozenset[str] = frozenset()
    created: Mapping[str, int] = field(default_factory=dict)
    instances: list[tuple[Value, ...]] = field(default_factory=list)
    passes: list[bool] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def begins(self, child: str) -> bool:
        """Whether a child begins a line of code, as a convolution does."""
        return child not in self.chained

    @property
    def optional(self) -> bool:
        """Whether some instances have the passed child and some lack it."""
        return any(self.passes) and not all(self.passes)


class Definitions:
    """The definitions of a module tree, in the order in which they are first complete."""

    def __init__(self, network: Network, root: Scope, layers: Layers, dialect: Dialect) -> None:
        self._layers, self._dialect = layers, dialect
        self._order = {path: i for i, (path, _) in enumerate(creation_order(network))}
        self._shortcut = _shortcut_name(root)
        self._by_skeleton: dict[object, Definition] = {}
        self.by_key: dict[str, Definition] = {}
        self.root = self._instance(root, "")
        """The call that makes the whole network."""

    def _expression(self, child: Scope | Member, path: str) -> Expression:
        if isinstance(child, Member):
            return self._layers(child)
        if child.kind == "Sequential" and _is_numbered(child):
            return self._sequential(child, path)
        return self._instance(child, path)

    def _instance(self, scope: Scope, path: str) -> Call:
        """A call of the scope's class, with all its values."""
        shortcut = self._shortcut if _adds_shortcut(scope, self._shortcut) else None
        own = {name: child for name, child in scope.children.items() if name != shortcut}
        prefix = path + "." if path else ""
        assignments = tuple(
            Assignment(name, self._expression(child, prefix + name)) for name, child in own.items()
        )
        program = _with_shortcut(scope.program, shortcut)
        kind = _kind_of(path) if scope.kind == "Sequential" else scope.kind
        if kind == "PlainBlock" and re.fullmatch(r"aux\d+", path):
            kind = "Auxiliary"
        parts = tuple((name, skeleton(value)) for name, value in assignments)
        definition = self._definition((kind, parts, program), kind, assignments)
        definition.program, definition.passed = program, shortcut
        definition.created = definition.created or self._created(own)
        definition.chained = frozenset(name for name, child in own.items() if _is_chained(child))
        passed: Expression = NONE
        if shortcut in scope.children:
            definition.passed_at = list(scope.children).index(shortcut)
            inner = self._expression(scope.children[shortcut], prefix + shortcut)
            is_instance = isinstance(inner, Call) and inner.function in self.by_key
            kind = _shortcut_kind(scope.children[shortcut])
            passed = inner if is_instance else self._function(inner, kind)
        definition.passes.append(passed is not NONE)
        definition.paths.append(path)
        keywords = (Keyword(shortcut, passed),) if shortcut else ()
        return Call(definition.key, self._noted(definition, assignments), keywords)

    def _function(self, content: Expression, kind: str) -> Call:
        """A call of the function that makes such layers, with all their values."""
        assignments = (Assignment("", content),)
        definition = self._definition((kind, skeleton(content)), kind, assignments)
        definition.is_function = True
        return Call(definition.key, self._noted(definition, assignments))

    def _definition(
        self, form: object, kind: str, assignments: tuple[Assignment, ...]
    ) -> Definition:
        if form not in self._by_skeleton:
            definition = Definition(f"@{len(self.by_key)}", kind, assignments)
            self._by_skeleton[form] = self.by_key[definition.key] = definition
        return self._by_skeleton[form]

    def _noted(
        self, definition: Definition, assignments: tuple[Assignment, ...]
    ) -> tuple[Value, ...]:
        own = tuple(value for _, content in assignments for value in values(content))
        definition.instances.append(own)
        return own

    def _created(self, children: Mapping[str, Scope | Member]) -> dict[str, int]:
        created = {}
        for name, child in children.items():
            inner = [child] if isinstance(child, Member) else [m for _, m in members(child)]
            drawn = [
                self._order[path]
                for member in inner
                if not isinstance(member.leaf, Parameterless | Norm)
                for path in member.paths
            ]
            if drawn:
                created[name] = min(drawn)
        return created

    def _sequential(self, scope: Scope, path: str) -> Call:
        """Layers in a row, with loops for equal blocks, and functions for units that recur."""
        leaves = [child.leaf for child in scope.children.values() if isinstance(child, Member)]
        items = [
            self._expression(child, f"{path}.{name}") for name, child in scope.children.items()
        ]
        if len(leaves) == len(items):
            items = list(grouped(items, leaves, self._function))
        first = int(next(iter(scope.children), 0))  # places that a library leaves out
        fillers: list[Expression] = [Call(self._dialect.identity)] * first
        function = self._dialect.sequential if items else self._dialect.empty
        return Call(function, tuple(looped(fillers + items)))


# ---------------------------------------------------------------- shortcuts that are passed


def _shortcut_name(root: Scope) -> str | None:
    """The name of the children that are the whole shortcut of their block, if it is one name."""
    names: set[str] = set()

    def visit(scope: Scope) -> None:
        for step in scope.program:
            match step:
                case Add(shortcut=(CallStep(name),)) if name in scope.children:
                    names.add(name)
        for child in scope.children.values():
            if isinstance(child, Scope):
                visit(child)

    visit(root)
    return names.pop() if len(names) == 1 else None


def _adds_shortcut(scope: Scope, shortcut: str | None) -> bool:
    """Whether a scope is a block that adds this child, or its input."""
    adds = [step for step in scope.program if isinstance(step, Add)]
    if shortcut is None or len(adds) != 1 or scope.kind == "Sequential":
        return False
    own = (CallStep(shortcut),)
    return adds[0].shortcut == own or (not adds[0].shortcut and shortcut not in scope.children)


def _with_shortcut(program: Program, shortcut: str | None) -> Program:
    """The program of a block that calls its shortcut, also where that is an identity."""
    if shortcut is None:
        return program
    own = (CallStep(shortcut),)
    return tuple(replace(step, shortcut=own) if isinstance(step, Add) else step for step in program)


def _shortcut_kind(shortcut: Scope | Member) -> str:
    leaves = [m.leaf for _, m in members(shortcut)] if isinstance(shortcut, Scope) else []
    if any(isinstance(leaf, PadChannels) for leaf in leaves):
        return "padding"
    return "pooled_projection" if leaves and is_pool(leaves[0]) else "projection"


def is_pool(leaf: Leaf) -> bool:
    """Whether a leaf takes averages or maxima over windows."""
    return isinstance(leaf, Pool | BlurPool)


def _kind_of(path: str) -> str:
    """What a scope without a class is called: by its name, one in a row by that of the row."""
    *rows, name = path.split(".")
    return name if name.isidentifier() or not rows else rows[-1].removesuffix("s")


def _is_chained(child: Scope | Member) -> bool:
    kinds = Norm | Activation | Attention | Elementwise | LearnedScale
    return isinstance(child, Member) and isinstance(child.leaf, kinds)


def _is_numbered(scope: Scope) -> bool:
    """Whether the children are called by numbers in a row, as `nn.Sequential` calls them."""
    names = list(scope.children)
    return (
        all(map(str.isdigit, names))
        and [int(name) for name in names] == [*range(int(names[0]), int(names[0]) + len(names))]
        if names
        else True
    )
