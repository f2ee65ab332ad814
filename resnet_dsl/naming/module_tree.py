"""Module trees as data: scopes, the leaves in them, and the programs that run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from resnet_dsl.ir import LayerPath, Leaf

ScopeClass: TypeAlias = Literal[
    "ResNet",
    "PlainNet",
    "BasicBlock",
    "Bottleneck",
    "ResidualBlock",
    "PreActBlock",
    "PlainBlock",
    "Inception",
    "Sequential",
]


@dataclass(frozen=True, slots=True)
class Call:
    """`x = child(x)`; a dotted name is a child's child."""

    name: str


@dataclass(frozen=True, slots=True)
class FlattenStep:
    """`x = flatten(x)`: no module, as in torchvision."""


@dataclass(frozen=True, slots=True)
class Add:
    """`x = body(x) + shortcut(x)`, the body first."""

    body: Program
    shortcut: Program


@dataclass(frozen=True, slots=True)
class Concat:
    """`x = concat(branch(x), ...)` along the channels."""

    branches: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """`outputs[name] = x`: a feature output."""

    name: str


@dataclass(frozen=True, slots=True)
class CallAuxiliary:
    """In training, `outputs.append(child(x))`: an auxiliary output."""

    name: str


Step: TypeAlias = Call | FlattenStep | Add | Concat | Keep | CallAuxiliary
Program: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A module of one leaf. Equal activations may share one module: it has several paths.

    `in_place` says that every value it gets was made for it alone. `children` are modules that a
    library keeps inside this one (detectron2: a norm inside its convolution); the scope around it
    runs them.
    """

    leaf: Leaf
    paths: tuple[LayerPath, ...]
    in_place: bool
    children: Mapping[str, Member] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """A module with children, in order of registration, and the program that runs them."""

    kind: ScopeClass
    children: dict[str, Member | Scope]
    program: Program


def members(tree: Scope | Member, prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Every leaf module with its dotted name, in order of registration."""
    for name, child in tree.children.items():
        if isinstance(child, Member):
            yield prefix + name, child
        yield from members(child, f"{prefix}{name}.")


def up_to_last_keep(root: Scope) -> Scope:
    """The tree without what no feature output needs."""
    last = max(i for i, step in enumerate(root.program) if isinstance(step, Keep))
    return with_program(
        root, tuple(s for s in root.program[: last + 1] if not isinstance(s, CallAuxiliary))
    )


def with_program(root: Scope, program: Program) -> Scope:
    """The tree with what a program calls, and nothing else."""
    called = [step.name.split(".") for step in program if isinstance(step, Call)]
    return replace(_only(root, called), program=program)


def _only(scope: Scope, called: list[list[str]]) -> Scope:
    """A scope with the children on called paths; a child that is called itself stays whole."""
    children: dict[str, Member | Scope] = {}
    for name, child in scope.children.items():
        inner = [path[1:] for path in called if path[0] == name]
        if isinstance(child, Scope) and inner and all(inner):
            children[name] = _only(child, inner)
        elif inner:
            children[name] = child
    return replace(scope, children=children)
