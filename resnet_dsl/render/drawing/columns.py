"""Networks as columns of boxes: figures 3 and 5 of He et al. 2015.

Pieces stand below each other, and maps of one size at one height in all columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from resnet_dsl import ir
from resnet_dsl.answers.diagrams import Chain, Column, Group, Side
from resnet_dsl.ir import Size
from resnet_dsl.render.drawing.pieces import (
    BRANCH_GAP,
    COLUMN_GAP,
    GAP,
    LINE_HEIGHT,
    Joins,
    Pen,
    Piece,
    chain_piece,
    down,
    width_of,
)
from resnet_dsl.render.drawing.scene import FONT_SIZE, Label, Line, Point, Scene, Shape, scene
from resnet_dsl.render.drawing.text_width import text_width


def columns_scene(columns: Sequence[Column], joins: Joins, title: str, description: str) -> Scene:
    """Columns side by side, with the sizes of their maps at the left."""
    placed = [_Column(column, joins) for column in columns]
    sizes = sorted({size for column in placed for size in column.bands}, key=_area, reverse=True)
    shapes: list[Shape] = []
    tops: dict[tuple[int, int], float] = {}
    y = 2 * LINE_HEIGHT + GAP
    for size in sizes:
        tops[size] = y
        lead = max(column.lead(size) for column in placed)
        tops[size] += lead
        y += lead + max(column.band_height(size) for column in placed) + GAP
    labels = [_beside(f"{height}x{width}", tops[height, width]) for height, width in sizes]
    if len(placed) == 1:
        labels += placed[0].names(tops)
    left, right = _span(labels)
    shapes += (label.moved(-left, 0) for label in labels)
    x = right - left + COLUMN_GAP / 2
    for column in placed:
        drawn, left, right = column.drawn(tops)
        shapes += (shape.moved(x + left, 0) for shape in drawn)
        x += left + right + COLUMN_GAP
    return scene(title, description, shapes)


def block_scene(column: Column, title: str, description: str) -> Scene:
    """The diagram of a block: He et al. 2015, figure 5; 2016, figure 1."""
    shapes: list[Shape] = []
    for part, section in zip(tones(column), column.sections, strict=True):
        for group in section.groups:
            pen = Pen(part, "nodes", column.changed)
            items = tuple(item for item in group.items if not isinstance(item, Side))
            piece = chain_piece(items, pen, width_of(items))
            first = GAP + 2 * LINE_HEIGHT
            last = piece.height + first
            shapes.append(Label(0, LINE_HEIGHT - 3, f"{group.name} of {column.name}", bold=True))
            shapes.append(Label(0, 2 * LINE_HEIGHT - 3, str(group.input), "muted"))
            shapes.append(down(0, 2 * LINE_HEIGHT, first + piece.enters, arrow=piece.arrow))
            shapes += piece.moved(0, first)
            end = first + piece.leaves
            shapes.append(down(0, end, last + GAP, arrow=True))
            shapes.append(Label(0, last + GAP + LINE_HEIGHT - 2, str(group.output), "muted"))
    return scene(title, description, shapes)


def tones(column: Column) -> list[int]:
    """The colour of each part: stem and head have one, each stage its own."""
    last = len(column.sections) - 1
    return [0 if number == last else number for number in range(last + 1)]


def _area(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * size[1], size[0]


def _span(shapes: Iterable[Shape]) -> tuple[float, float]:
    bounds = [shape.bounds for shape in shapes]
    return min((b[0] for b in bounds), default=0.0), max((b[2] for b in bounds), default=0.0)


def _beside(text: str, y: float, line: int = 1, *, name: bool = False) -> Label:
    """A text at the left of what is at a height."""
    role = "muted" if name else "text"
    return Label(0, y + LINE_HEIGHT * line - 1, text, role, anchor="end", bold=not name)


class _Placed(NamedTuple):
    """A group, set, and the auxiliary classifiers after it."""

    piece: Piece
    sides: tuple[Piece, ...]


class _Column:
    """A network, set: its groups in bands by the size of their maps."""

    def __init__(self, column: Column, joins: Joins) -> None:
        self.name, self.caption = column.name, column.caption
        self.bands: dict[tuple[int, int], list[_Placed]] = {}
        self.starts: list[tuple[str, tuple[int, int], int]] = []  # of parts: the band, and where
        chains = [_main(group) for group in column.groups]
        width = max((width_of(chain) for chain in chains), default=0.0)
        smallest: tuple[int, int] = (column.input.height, column.input.width)
        for part, section in zip(tones(column), column.sections, strict=True):
            pen = Pen(part, joins, column.changed)
            for group in section.groups:
                smallest = min(smallest, _sides(group.output), key=_area)
                band = self.bands.setdefault(smallest, [])
                if group is section.groups[0] or not band:
                    self.starts.append((section.name, smallest, len(band)))
                band.append(_group(group, pen, width))

    def band_height(self, size: tuple[int, int]) -> float:
        """The height of the groups whose maps have a size."""
        heights = sum(placed.piece.height + GAP for placed in self.bands.get(size, ()))
        return heights - self.lead(size)

    def lead(self, size: tuple[int, int]) -> float:
        """How far above its first box a band begins: where a shortcut leaves."""
        placed = self.bands.get(size)
        return placed[0].piece.enters if placed else 0.0

    def names(self, tops: dict[tuple[int, int], float]) -> list[Label]:
        """The names of its parts, beside where they start."""
        labels = []
        for name, size, i in self.starts:
            above = sum(placed.piece.height + GAP for placed in self.bands[size][:i])
            y = tops[size] - (self.lead(size) if i else 0.0) + above
            labels.append(_beside(name, y, 1 if i else 2, name=True))
        return labels

    def drawn(self, tops: dict[tuple[int, int], float]) -> tuple[list[Shape], float, float]:
        """All shapes around x = 0, and how far they reach to the left and to the right."""
        shapes: list[Shape] = [
            Label(0, LINE_HEIGHT - 2, self.name, bold=True),
            Label(0, 2 * LINE_HEIGHT - 2, self.caption, "muted"),
        ]
        above = 2 * LINE_HEIGHT
        sides: list[tuple[float, Piece]] = []
        for size, groups in self.bands.items():
            y = tops[size] - self.lead(size)
            for piece, beside in groups:
                shapes.append(down(0, above, y + piece.enters, arrow=piece.arrow))
                shapes += piece.moved(0, y)
                above = y + piece.leaves
                y += piece.height + GAP
                sides += ((y - GAP / 2, side) for side in beside)
                if beside:
                    shapes.append(down(0, above, y - GAP / 2, arrow=False))
                    above = y - GAP / 2
        shapes += _beside_all(sides, _span(shapes)[1])
        left, right = _span(shapes)
        return shapes, -left, right


def _beside_all(sides: Sequence[tuple[float, Piece]], right: float) -> list[Shape]:
    """Auxiliary classifiers at the right, each from where it reads the map.

    The lowest is the nearest; one above that would reach it, or the line to it, is farther out.
    """
    shapes: list[Shape] = []
    left = max((side.left for _, side in sides), default=0.0)
    room = left + max((side.right for _, side in sides), default=0.0) + BRANCH_GAP
    starts: list[float] = []  # where the highest so far begins, of each lane
    for y, side in reversed(sides):
        bottom = y + GAP + side.height
        free = (i for i in range(len(starts)) if bottom + GAP <= min(starts[i:]))
        lane = next(free, len(starts))
        starts[lane : lane + 1] = [y]
        x = right + BRANCH_GAP + left + lane * room
        points = (Point(0, y), Point(x, y), Point(x, y + GAP + side.enters))
        shapes.append(Line(points, "side-line", arrow=side.arrow))
        shapes += side.moved(x, y + GAP)
    return shapes


def _sides(size: Size) -> tuple[int, int]:
    return (size.height, size.width) if isinstance(size, ir.Shape) else (1, 1)


def _main(group: Group) -> Chain:
    return tuple(item for item in group.items if not isinstance(item, Side))


def _bracket(x: float, height: float) -> Line:
    """A bracket at the left of what repeats together."""
    points = (Point(x, 0), Point(x - 3, 0), Point(x - 3, height), Point(x, height))
    return Line(points, "bracket-line")


def _group(group: Group, pen: Pen, width: float) -> _Placed:
    piece = chain_piece(_main(group), pen, width)
    if group.repeats > 1:
        text = f"× {group.repeats}"
        several = len(_main(group)) > 1
        margin = 9 if several else 4
        x, y = -piece.left - margin, piece.height / 2 + FONT_SIZE / 3
        label = Label(x, y, text, anchor="end", bold=True)
        left = piece.left + margin + text_width(text, FONT_SIZE, bold=True)
        bracket = [_bracket(-piece.left - 3, piece.height)] if several else []
        piece = piece._replace(shapes=(*piece.shapes, *bracket, label), left=left)
    beside = pen._replace(part=0)
    sides = tuple(
        chain_piece(side.chain, beside, width_of(side.chain))
        for side in group.items
        if isinstance(side, Side)
    )
    return _Placed(piece, sides)
