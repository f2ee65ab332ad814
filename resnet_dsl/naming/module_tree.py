"""Module trees as data: scopes, the leaves in them, and the programs that run them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from resnet_dsl.ir import Leaf, Path

Kind: TypeAlias = Literal[
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
class Flat:
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
    """`kept[name] = x`: a map that is asked for."""

    name: str


@dataclass(frozen=True, slots=True)
class Aside:
    """In training, `kept[name] = child(x)`: an auxiliary classifier."""

    name: str


Program: TypeAlias = tuple[Call | Flat | Add | Concat | Keep | Aside, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A module of one leaf. A block's activations share one module: it has several paths.

    `fresh` says that every value it gets was made for it alone, so that it may work in place.
    """

    leaf: Leaf
    paths: tuple[Path, ...]
    fresh: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """A module with children, in order of registration, and the program that runs them."""

    kind: Kind
    children: dict[str, Member | Scope]
    program: Program


def members(scope: Scope, prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Every leaf module with its dotted name, in order of registration."""
    for name, child in scope.children.items():
        match child:
            case Member():
                yield prefix + name, child
            case Scope():
                yield from members(child, f"{prefix}{name}.")


def up_to_last_keep(root: Scope) -> Scope:
    """The tree without what no kept map needs."""
    last = max(i for i, step in enumerate(root.program) if isinstance(step, Keep))
    program = tuple(s for s in root.program[: last + 1] if not isinstance(s, Aside))
    called = [step.name.split(".") for step in program if isinstance(step, Call)]
    return replace(_only(root, called), program=program)


def _only(scope: Scope, called: list[list[str]]) -> Scope:
    """A scope with the children on called paths."""
    children: dict[str, Member | Scope] = {}
    for name, child in scope.children.items():
        behind = [path[1:] for path in called if path[0] == name]
        if isinstance(child, Scope) and behind and all(behind):
            children[name] = _only(child, behind)
        elif behind:
            children[name] = child
    return replace(scope, children=children)
