"""What does a figure of a network show? Boxes in chains, forks, and shortcuts around them.

A diagram says what is drawn, not where: figure 3 and figure 5 of He et al. 2015 are two ways to set
it. It is made of the network, so what no spec can express is drawn as well.

>>> from resnet_dsl.sources.resolve import resolve
>>> from resnet_dsl.answers.drawn_network import column_of
>>> column = column_of(resolve("resnet18"), "layers")
>>> [section.name for section in column.sections]
['stem', 'conv2_x', 'conv3_x', 'conv4_x', 'conv5_x', 'head']
>>> (skip,) = column.sections[2].groups[0].items
>>> skip.projects, skip.body[0].lines[0]
(True, BoxLine(text='3x3 conv, 128, /2', inserted=True))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.ir import LayerPath, Shape, Size

BoxKind: TypeAlias = Literal["layer", "pool", "norm", "activation", "attention"]


class BoxLine(NamedTuple):
    """The text of a layer; `inserted` says that the compiler gave it its stride or dilation."""

    text: str
    inserted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A layer, or several in one box."""

    path: LayerPath
    kind: BoxKind
    lines: tuple[BoxLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Branches side by side, whose maps are concatenated; a branch without a box is the input."""

    path: LayerPath
    branches: tuple[Chain, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A body with a shortcut around it, and their addition; one that `projects` is dotted."""

    path: LayerPath
    body: Chain
    shortcut: Chain
    projects: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An auxiliary classifier beside the network."""

    path: LayerPath
    chain: Chain


Item: TypeAlias = Box | Fork | Skip | Side
Chain: TypeAlias = tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A block, or a layer outside of blocks: its items, how often they follow each other, and the
    size that they give."""

    name: str
    items: Chain
    output: Size
    repeats: int = 1


class Section(NamedTuple):
    """The stem, a stage or the head."""

    name: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A network for images of the size `input`, and the paths of what another one has not."""

    name: str
    input: Shape
    sections: tuple[Section, ...]
    changed: frozenset[LayerPath] | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of all sections."""
        return tuple(group for section in self.sections for group in section.groups)


def compared(a: Column, b: Column) -> tuple[Column, Column]:
    """Two columns that know what of them the other one has not."""
    tokens_a, tokens_b = list(_tokens(a)), list(_tokens(b))
    changed_a, changed_b = set[LayerPath](), set[LayerPath]()
    matcher = SequenceMatcher(
        a=[key for _, key in tokens_a], b=[key for _, key in tokens_b], autojunk=False
    )
    for same, i, j, k, n in matcher.get_opcodes():
        if same != "equal":
            changed_a |= {path for path, _ in tokens_a[i:j]}
            changed_b |= {path for path, _ in tokens_b[k:n]}
    return replace(a, changed=frozenset(changed_a)), replace(b, changed=frozenset(changed_b))


def _tokens(column: Column) -> Iterator[tuple[LayerPath, object]]:
    """What is compared, in order: boxes, shortcuts, and how often their group repeats."""
    for group in column.groups:
        for item in _all_items(group.items):
            match item:
                case Box():
                    yield item.path, (item.lines, group.repeats, group.output)
                case Skip():
                    yield item.path, ("skip", signature(item.shortcut), group.repeats)
                case Fork() | Side():
                    yield item.path, type(item).__name__


def _all_items(chain: Chain) -> Iterator[Item]:
    for item in chain:
        yield item
        match item:
            case Fork(branches=branches):
                for branch in branches:
                    yield from _all_items(branch)
            case Skip(body=body):
                yield from _all_items(body)
            case Side(chain=inner):
                yield from _all_items(inner)


def description(columns: Sequence[Column]) -> str:
    """What a figure shows, for those who do not see it.

    >>> from resnet_dsl.answers.drawn_network import column_of
    >>> from resnet_dsl.sources.resolve import resolve
    >>> description([column_of(resolve("resnet18"), "layers")]).split("; ")[1]
    'conv2_x: 4 boxes, 2 shortcuts, 64x56x56'
    """
    return " ".join(map(_described, columns))


def _described(column: Column) -> str:
    parts = []
    for name, groups in column.sections:
        if not groups:
            continue
        boxes = sum(len(boxes_of(group.items)) for group in groups)
        skips = sum(len(skips_of(group.items)) for group in groups)
        counts = [
            _counted(boxes, "box", "boxes"),
            *([_counted(skips, "shortcut")] if skips else []),
        ]
        parts.append(f"{name}: {', '.join(counts)}, {groups[-1].output}")
    return f"{column.name} for images of {column.input}. {'; '.join(parts)}."


def _counted(count: int, noun: str, plural: str | None = None) -> str:
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def boxes_of(chain: Chain) -> list[Box]:
    """The boxes of a chain, those of shortcuts left out."""
    return [item for item in _all_items(chain) if isinstance(item, Box)]


def skips_of(chain: Chain) -> list[Skip]:
    """The shortcuts of a chain."""
    return [item for item in _all_items(chain) if isinstance(item, Skip)]


def signature(chain: Chain) -> tuple[object, ...]:
    """What a chain shows, without the places of its layers."""
    return tuple(map(_signature_of, chain))


def _signature_of(item: Item) -> tuple[object, ...]:
    match item:
        case Box(lines=lines):
            return lines
        case Fork(branches=branches):
            return ("fork", *map(signature, branches))
        case Skip(body=body, shortcut=shortcut, projects=projects):
            return ("skip", signature(body), signature(shortcut), projects)
        case Side(chain=chain):
            return ("side", signature(chain))
