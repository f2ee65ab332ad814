"""The text of a row to its term: a cursor, and an anchored pattern for each token."""

from __future__ import annotations

import re
from typing import Final

from resnet_dsl.notation.parse_layer import LAYER_HELP, parse_words
from resnet_dsl.notation.parse_options import NotationError, read_number
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import (
    Add,
    At,
    BlurPool,
    Branch,
    Conv,
    Identity,
    Pool,
    Row,
    RowLayer,
    ZeroChannels,
    ZeroPad,
)

LARGEST_BLOCK: Final = 500
"""Layers of a block, or of one of its branches; and branches."""


def parse_row(text: str) -> Row:
    """The row of a text.

    >>> parse_row("[[3x3, 64]] x 2").repeats
    2
    >>> parse_row("[[3x3, 64]] x 0")
    Traceback (most recent call last):
        ...
    resnet_dsl.notation.parse_options.NotationError: a block is repeated 0 times
    """
    scan = _Scanner(text)
    if not scan.take(r"\["):
        raise scan.error("a row begins with a bracket", help='like "[[3x3, 64], [3x3, 64]] x 2"')
    branches = [_parse_path(scan)]
    while scan.take(r"\|"):
        branches.append(_parse_path(scan))
        if len(branches) > LARGEST_BLOCK:
            message, at = f"more than {LARGEST_BLOCK:,} branches", (0, len(text))
            raise NotationError(message, at, "write fewer", code="limit")
    shortcut = _parse_path(scan) if scan.take(r"\+") else None
    _check_additions(branches, shortcut)
    if not scan.take(r"\]"):
        raise scan.error("the row's last bracket is missing", help="close the block with ]")
    repeats = _parse_repeats(scan)
    return Row(branches=tuple(branches), repeats=repeats, shortcut=shortcut)


def _parse_repeats(scan: _Scanner) -> int:
    """The count at the end of a row, 1 where there is none."""
    if scan.done:
        return 1
    times = scan.take(r"[x×X*]?\s*([0-9]+)(?![\w.])")
    if not times or times[0].strip()[0].isdigit():
        message = "an x is missing before the count" if times else "a row ends with its count"
        if not times and scan.peek("x×X*"):
            message = "a count is a whole number from 1 on"
        at = times.span() if times else None
        raise scan.error(message, at=at, help='like "] x 3"')
    repeats = read_number(times[1], times.span(1))
    if repeats == 0:
        raise NotationError(
            "a block is repeated 0 times",
            times.span(1),
            help="leave the stage out, or repeat the block once or more",
            code="repeats",
        )
    if not scan.done:
        raise scan.error("unexpected text after the row", help="a row has one repeat count")
    return repeats


def _parse_path(scan: _Scanner) -> Branch:
    """Layers up to the end of the block or of the branch."""
    layers: list[RowLayer] = []
    while True:
        if words := scan.take(r"\[([^\[\]]*)\]"):
            layer = parse_words(words[1], words.start(1))
        elif words := scan.take(r"[^\[\]|;+]*[^\[\]|;+\s]"):
            layer = parse_words(words[0], words.start())
        elif not layers and scan.peek("]|+"):
            raise scan.error("a block without layers", help='like "[[3x3, 64], [3x3, 64]]"')
        else:
            raise scan.error("a layer is missing here", help=LAYER_HELP)
        if not isinstance(layer, RowLayer):
            raise NotationError(
                f"{format_layer(layer)!r} belongs to the head",
                layer.at,
                help="write it under head:",
            )
        if isinstance(layer, Conv) and layer.bare:
            raise NotationError(
                "a classifier belongs to the head",
                layer.at,
                help=f"in a row write {layer.kernel}x{layer.kernel}, {layer.channels}",
            )
        layers.append(layer)
        if len(layers) > LARGEST_BLOCK:
            message = f"a block of more than {LARGEST_BLOCK:,} layers"
            raise NotationError(message, layer.at, "write several rows", code="limit")
        separated = scan.take("[,;]")
        if scan.peek("]|+") and not separated:
            return tuple(layers)
        if scan.done:
            raise scan.error("the row's last bracket is missing", help="close the block with ]")


_MOVES = Conv | Pool | BlurPool | ZeroPad | ZeroChannels
"""The layers that change sizes or channels: a block ends with its addition."""


def _check_additions(branches: list[Branch], shortcut: Branch | None) -> None:
    """`add` stands once, in a row of one path, after a layer; `identity` stands alone."""
    paths = [*branches, *([] if shortcut is None else [shortcut])]
    for path in paths:
        for i, layer in enumerate(path):
            if isinstance(layer, Identity) and len(path) > 1:
                raise NotationError("identity beside other layers", layer.at, help="leave it out")
            if isinstance(layer, Add) and (len(branches) > 1 or path is shortcut or i == 0):
                help = "it follows the layers of a body: [[3x3, 64], [3x3, 64], [add], [se 4]]"
                raise NotationError("an addition here", layer.at, help=help)
        if len(additions := [layer for layer in path if isinstance(layer, Add)]) > 1:
            raise NotationError("a second addition", additions[1].at, help="a block adds once")
        after = path[path.index(additions[0]) + 1 :] if additions else ()
        if moved := [layer for layer in after if isinstance(layer, _MOVES)]:
            help = "norms, activations, attention and scales follow it; write a row of its own"
            raise NotationError(
                "a layer that moves over the map, after the addition", moved[0].at, help=help
            )


class _Scanner:
    """A cursor over a text: an anchored pattern at a time, blanks skipped."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._skip()

    @property
    def done(self) -> bool:
        return self.position == len(self.text)

    def take(self, pattern: str) -> re.Match[str] | None:
        """What the pattern matches here; the cursor moves past it."""
        match = re.compile(pattern).match(self.text, self.position)
        if match:
            self.position = match.end()
            self._skip()
        return match

    def peek(self, characters: str) -> bool:
        return not self.done and self.text[self.position] in characters

    def error(self, message: str, *, help: str, at: At | None = None) -> NotationError:
        return NotationError(message, at or (self.position, len(self.text)), help=help)

    def _skip(self) -> None:
        while not self.done and self.text[self.position].isspace():
            self.position += 1
