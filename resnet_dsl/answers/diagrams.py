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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.ir import LayerPath, Shape, Size

BoxKind: TypeAlias = Literal["layer", "pool", "norm", "activation", "attention", "other"]


class BoxLine(NamedTuple):
    """The text of a layer; `inserted` says that the compiler gave it its stride or dilation."""

    text: str
    inserted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A layer, or several in one box; `hidden` are norms, activations and others around them that
    are not shown."""

    path: LayerPath
    kind: BoxKind
    lines: tuple[BoxLine, ...]
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Branches side by side, whose maps are concatenated; a branch without a box is the input."""

    path: LayerPath
    branches: tuple[Chain, ...]
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A body with a shortcut around it, and their addition; one that `projects` is dotted."""

    path: LayerPath
    body: Chain
    shortcut: Chain
    projects: bool
    hidden: tuple[str, ...] = ()


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
    sizes that they get and give."""

    name: str
    items: Chain
    input: Size
    output: Size
    repeats: int = 1


class Section(NamedTuple):
    """The stem, a stage or the head."""

    name: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A network for images of the size `input`, with settings in place of its spec's own; and the
    paths of what another one has not."""

    name: str
    input: Shape
    settings: tuple[str, ...]
    sections: tuple[Section, ...]
    changed: frozenset[LayerPath] | None = None

    @property
    def caption(self) -> str:
        """The size of its images, and what was set."""
        return ", ".join([str(self.input), *self.settings])

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of all sections."""
        return tuple(group for section in self.sections for group in section.groups)


def compared(a: Column, b: Column) -> tuple[Column, Column]:
    """Two columns that know what of them the other one has not; where that is a norm or another
    layer that is not shown, their boxes say so."""
    tokens = [list(_tokens(column)) for column in (a, b)]
    changed: list[dict[LayerPath, str]] = [{}, {}]
    keys = [[key for _, key, _ in own] for own in tokens]
    for same, i, j, k, n in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        if same != "equal":
            changed[0].update((path, "") for path, _, _ in tokens[0][i:j])
            changed[1].update((path, "") for path, _, _ in tokens[1][k:n])
            continue
        for (path, _, hidden), (other, _, others) in zip(
            tokens[0][i:j], tokens[1][k:n], strict=True
        ):
            if hidden != others:
                changed[0][path], changed[1][other] = (
                    _beyond(hidden, others),
                    _beyond(others, hidden),
                )
    first, second = (_marked(*pair) for pair in zip((a, b), changed, strict=True))
    return first, second


def _tokens(column: Column) -> Iterator[tuple[LayerPath, object, tuple[str, ...]]]:
    """What is compared, in order: boxes, shortcuts, and how often their group repeats; and the
    layers that are not shown."""
    for group in column.groups:
        for item in _all_items(group.items):
            match item:
                case Box(hidden=hidden):
                    yield item.path, (item.lines, group.repeats, group.output), hidden
                case Skip(hidden=hidden):
                    yield item.path, ("skip", signature(item.shortcut), group.repeats), hidden
                case Fork(hidden=hidden):
                    yield item.path, "fork", hidden
                case Side():
                    yield item.path, "side", ()


def _beyond(texts: Sequence[str], others: Sequence[str]) -> str:
    """What texts have that others have not."""
    rest = list(others)
    own = []
    for text in texts:
        if text in rest:
            rest.remove(text)
        else:
            own.append(text)
    return ", ".join(dict.fromkeys(own))


def _marked(column: Column, changed: Mapping[LayerPath, str]) -> Column:
    """A column whose boxes have a line for what is not shown and differs."""

    def chain(items: Chain) -> Chain:
        return tuple(map(marked, items))

    def marked(item: Item) -> Item:
        match item:
            case Box(path=path, lines=lines) if text := changed.get(path):
                return replace(item, lines=(*lines, BoxLine(text)))
            case Skip(body=body):
                return replace(item, body=chain(body))
            case Fork(branches=branches):
                return replace(item, branches=tuple(map(chain, branches)))
            case Box() | Side():
                return item

    sections = tuple(
        Section(name, tuple(replace(group, items=chain(group.items)) for group in groups))
        for name, groups in column.sections
    )
    return replace(column, sections=sections, changed=frozenset(changed))


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


def paths_of(chain: Chain) -> tuple[LayerPath, ...]:
    """The paths of all items of a chain, those of shortcuts left out."""
    return tuple(item.path for item in _all_items(chain))


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
