"""A network in the box characters of a terminal: a box for each block, shortcuts at its right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, assert_never

from resnet_dsl.answers.analysis import sides
from resnet_dsl.answers.diagrams import (
    Box,
    Chain,
    Column,
    Fork,
    Group,
    Item,
    Side,
    Skip,
    paths_of,
)
from resnet_dsl.diagnostics import cells
from resnet_dsl.ir import LayerPath
from resnet_dsl.render.grid import padded


class _Marks(NamedTuple):
    """Corners and sides of boxes, of arcs, and of dotted arcs."""

    top: str
    side: str
    bottom: str
    flat: str
    arc: str
    dotted: str
    flows: str
    back: str
    then: str
    times: str


_DRAWN: Final = _Marks("┌┐", "│", "└┘", "─", "─╮│╯", "╌╮┊╯", "│", "◂", "→", "×")
_PLAIN: Final = _Marks("++", "|", "++", "-", "-.|'", "..:'", "|", "<", "->", "x")
BOX_MARKS: Final = "".join(_DRAWN)
"""What a terminal must be able to show; one that is not gets plain text."""


class _Block(NamedTuple):
    """A box with its lines, or lines without a box; whether a shortcut is around it, and its
    texts."""

    lines: tuple[str, ...]
    boxed: bool
    paths: tuple[LayerPath, ...] = ()
    shortcut: tuple[str, ...] | None = None
    dotted: bool = False


def box_text(columns: Sequence[Column], *, plain: bool = False) -> str:
    """Networks below each other, from top to bottom, or `plain` for a terminal of ASCII alone.

    >>> from resnet_dsl.answers.drawn_network import column_of
    >>> from resnet_dsl.sources.resolve import resolve
    >>> print("\\n".join(box_text([column_of(resolve("resnet50"), "rows")]).splitlines()[10:15]))
     conv2_x          ┌───────────────────┐╌╌╮
                      │ 1x1 conv, 64      │  ┊ 1x1 conv, 256
                      │ 3x3 conv, 64      │  ┊
                      │ 1x1 conv, 256     │  ┊
                      └───────────────────┘◂╌╯
    """
    marks = _PLAIN if plain else _DRAWN
    return "\n\n".join("\n".join(_column(column, marks)) for column in columns)


def _column(column: Column, marks: _Marks) -> Iterator[str]:
    blocks = [
        (section.name, group, list(_blocks(group, marks)))
        for section in column.sections
        for group in section.groups
    ]
    lines = [line for _, _, own in blocks for block in own for line in block.lines]
    width = max(map(cells, lines), default=0)
    names = max((cells(section.name) for section in column.sections), default=0)
    sizes = max((len(sides(group.output)) for group in column.groups), default=0)
    sizes = max(sizes, 2 + max((len(str(group.repeats)) for group in column.groups), default=0))
    room = names + sizes + 4
    yield f" {column.name}, {column.caption}"
    shown_name = shown_size = ""
    for name, group, own in blocks:
        yield " " * (room + 2 + width // 2) + marks.flows
        size = sides(group.output)
        texts = [text for text in (name,) if text != shown_name]
        texts = [name if name != shown_name else "", size if size != shown_size else ""]
        shown_name, shown_size = name, size
        below = " " * (room + 2 + width // 2) + marks.flows
        drawn = [list(_drawn(block, width, marks, column.changed)) for block in own]
        lines = [line for block in drawn[:1] for line in block]
        for block in drawn[1:]:
            lines += [below[room:], *block]
        times = f"{marks.times} {group.repeats}" if group.repeats > 1 else ""
        for i, line in enumerate(lines):
            left, right = texts if i == 0 else ("", times if i == len(lines) // 2 else "")
            yield f" {padded(left, names)}  {padded(right, sizes)} {line}".rstrip()


def _drawn(
    block: _Block, width: int, marks: _Marks, changed: frozenset[LayerPath] | None
) -> Iterator[str]:
    if not block.boxed:
        yield from (f"  {line}" for line in block.lines)
        return
    arc = marks.dotted if block.dotted else marks.arc
    shows = block.shortcut is not None
    texts = iter(block.shortcut or ())
    differs = changed is not None and not changed.isdisjoint(block.paths)
    flat = marks.flat * (width + 2)
    yield f"{marks.top[0]}{flat}{marks.top[1]}" + (f"{arc[0] * 2}{arc[1]}" if shows else "")
    for line in block.lines:
        right = f"  {arc[2]} {next(texts, '')}" if shows else ""
        yield f"{marks.side} {padded(line, width)} {marks.side}{right}".rstrip()
    closing = f"{marks.back}{arc[0]}{arc[3]}" if shows else ""
    note = "  differs" if differs else ""
    yield f"{marks.bottom[0]}{flat}{marks.bottom[1]}{closing}{note}"


def _blocks(group: Group, marks: _Marks) -> Iterator[_Block]:
    for item in group.items:
        yield from _blocks_of(item, marks)


def _blocks_of(item: Item, marks: _Marks) -> Iterator[_Block]:
    match item:
        case Box(lines=lines):
            yield _Block(tuple(line.text for line in lines), True, (item.path,))
        case Fork():
            yield _Block(tuple(_fork_lines(item, marks)), True, paths_of((item,)))
        case Skip(body=body, shortcut=shortcut, projects=projects):
            own = tuple(line for inner in body for line in _item_lines(inner, marks))
            texts = tuple(line for inner in shortcut for line in _item_lines(inner, marks))
            yield _Block(own or ("identity",), True, paths_of((item,)), texts, projects)
        case Side(chain=chain):
            text = _joined(chain, marks)
            yield _Block((f"{marks.then} auxiliary: {text}",), boxed=False)
        case _:
            assert_never(item)


def _item_lines(item: Item, marks: _Marks) -> Iterator[str]:
    """An item inside a box."""
    match item:
        case Box(lines=lines):
            yield from (line.text for line in lines)
        case Fork():
            yield from _fork_lines(item, marks)
        case Skip(body=body, shortcut=shortcut):
            beside = _joined(shortcut, marks)
            yield f"[{_joined(body, marks)}] + {f'[{beside}]' if beside else 'input'}"
        case Side(chain=chain):
            yield _joined(chain, marks)
        case _:
            assert_never(item)


def _fork_lines(fork: Fork, marks: _Marks) -> Iterator[str]:
    """A line for each branch."""
    for i, branch in enumerate(fork.branches):
        yield f"{'  ' if i == 0 else '| '}{_joined(branch, marks) or 'identity'}"


def _joined(chain: Chain, marks: _Marks) -> str:
    lines = [line for item in chain for line in _item_lines(item, marks)]
    return f" {marks.then} ".join(lines)
