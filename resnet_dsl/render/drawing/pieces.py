"""Boxes, forks and shortcuts, set around a line from top to bottom: the pieces of columns."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias, assert_never

from resnet_dsl.answers.diagrams import (
    Box,
    BoxKind,
    Chain,
    Fork,
    Item,
    Side,
    Skip,
    boxes_of,
    skips_of,
)
from resnet_dsl.ir import LayerPath
from resnet_dsl.render.drawing.scene import FONT_SIZE, Label, Line, Point, Rect, Shape
from resnet_dsl.render.drawing.text_width import text_width

LINE_HEIGHT: Final = 9.0
PADDING: Final = 5.0
GAP: Final = 7.0
"""Between boxes, with an arrow in it."""
LEAD: Final = 3.5
TAIL: Final = 6.0
"""Before and after the body of a shortcut, where the shortcut leaves and comes back."""
ARC: Final = 9.0
BRANCH_GAP: Final = 8.0
COLUMN_GAP: Final = 22.0
PLUS: Final = 9.0
Joins: TypeAlias = Literal["arcs", "labelled arcs", "nodes"]
"""Shortcuts as arcs, with what they do beside them, or as paths of boxes that meet at a plus."""


class Piece(NamedTuple):
    """Shapes around the line x = 0, from y = 0 on.

    `enters` and `leaves` are where the line from above ends, with an `arrow` or without, and where
    the line to what is below begins.
    """

    shapes: tuple[Shape, ...]
    left: float
    right: float
    height: float
    enters: float = 0.0
    leaves: float = 0.0
    arrow: bool = True

    def moved(self, x: float, y: float) -> tuple[Shape, ...]:
        return tuple(shape.moved(x, y) for shape in self.shapes)


class Pen(NamedTuple):
    """How the boxes of a part are drawn."""

    part: int
    joins: Joins
    changed: frozenset[LayerPath] | None

    def role(self, path: LayerPath, kind: BoxKind) -> str:
        if self.changed is not None:
            return "changed" if path in self.changed else "equal"
        kind = "activation" if kind == "other" else kind
        return f"part-{self.part}" if kind == "layer" else kind

    def line(self, path: LayerPath) -> str:
        if self.changed is not None and path in self.changed:
            return "changed-line"
        return "line"


def width_of(chain: Chain) -> float:
    """The width of the boxes of a chain; those of branches have their own."""
    own: list[Box] = []
    for item in chain:
        match item:
            case Box():
                own.append(item)
            case Skip(body=body):
                if not any(isinstance(inner, Fork) for inner in body):
                    own += boxes_of(body)
            case Fork() | Side():
                pass
            case _:
                assert_never(item)
    return max((_box_width(box) for box in own), default=0.0)


def _box_width(box: Box) -> float:
    texts = (text_width(line.text, FONT_SIZE, bold=line.inserted) for line in box.lines)
    return max(texts, default=0.0) + 2 * PADDING


def down(x: float, y: float, to: float, *, arrow: bool, role: str = "line") -> Line:
    return Line((Point(x, y), Point(x, to)), role, arrow=arrow)


# ---------------------------------------------------------------- items


def chain_piece(chain: Chain, pen: Pen, width: float) -> Piece:
    """Items below each other."""
    if not chain:
        line = Line((Point(0, 0), Point(0, GAP)))
        return Piece((line,), 0.0, 0.0, GAP, leaves=GAP, arrow=False)
    shapes: list[Shape] = []
    left = right = y = 0.0
    first: Piece | None = None
    leaves = 0.0
    for item in chain:
        piece = _item(item, pen, width)
        if first is None:
            first = piece
        else:
            y += GAP
            shapes.append(down(0, leaves, y + piece.enters, arrow=piece.arrow))
        shapes += piece.moved(0, y)
        left, right = max(left, piece.left), max(right, piece.right)
        leaves = y + piece.leaves
        y += piece.height
    assert first is not None
    return Piece(tuple(shapes), left, right, y, first.enters, leaves, first.arrow)


def _item(item: Item, pen: Pen, width: float) -> Piece:
    match item:
        case Box():
            return _box(item, pen, max(width, _box_width(item)))
        case Fork():
            return _fork(item, pen)
        case Skip():
            if pen.joins == "nodes":
                return _addition(item, pen, width)
            return _arc(item, pen, width)
        case Side():
            raise AssertionError("stands beside a group")
        case _:
            assert_never(item)


def _box(box: Box, pen: Pen, width: float) -> Piece:
    height = LINE_HEIGHT * len(box.lines) + 2.5
    role = pen.role(box.path, box.kind)
    shapes: list[Shape] = [Rect(-width / 2, 0, width, height, role)]
    for i, line in enumerate(box.lines):
        y = LINE_HEIGHT * (i + 1) - 0.75
        shapes.append(Label(0, y, line.text, f"on-{role}", bold=line.inserted))
    return Piece(tuple(shapes), width / 2, width / 2, height, leaves=height)


def _fork(fork: Fork, pen: Pen) -> Piece:
    """Branches side by side between a line that splits and a bar that joins."""
    pieces = [chain_piece(branch, pen, width_of(branch)) for branch in fork.branches]
    total = sum(piece.left + piece.right for piece in pieces) + BRANCH_GAP * (len(pieces) - 1)
    inner = max(piece.height for piece in pieces)
    top, bottom = GAP, GAP + inner + GAP
    x, shapes, middles = -total / 2, list[Shape](), list[float]()
    for piece in pieces:
        middle = x + piece.left
        middles.append(middle)
        points = (Point(0, 0), Point(middle, 0), Point(middle, top + piece.enters))
        shapes.append(Line(points, arrow=piece.arrow))
        shapes += piece.moved(middle, top)
        shapes.append(down(middle, top + piece.leaves, bottom, arrow=True))
        x += piece.left + piece.right + BRANCH_GAP
    left, right = min(*middles, 0) - 6, max(*middles, 0) + 6
    role = pen.line(fork.path)
    bar = "changed-join" if role == "changed-line" else "join"
    shapes.append(Rect(left, bottom, right - left, 2.5, bar, 1.0, "concatenation"))
    height = bottom + 2.5
    half = max(total / 2, -left, right)
    return Piece(tuple(shapes), half, half, height, 0.0, height, arrow=False)


def _arc(skip: Skip, pen: Pen, width: float) -> Piece:
    """A body with an arc at its right."""
    body = chain_piece(skip.body, pen, width)
    height = LEAD + body.height + TAIL
    x, back = body.right + ARC, height - TAIL / 3
    points = (Point(0, LEAD / 2 - 1.5), Point(x, LEAD / 2 - 1.5), Point(x, back), Point(0, back))
    shapes = [*body.moved(0, LEAD)]
    shapes.append(Line(points, pen.line(skip.path), dotted=skip.projects, arrow=True))
    right = x
    if pen.joins == "labelled arcs" and skip.projects:
        texts = [line.text for box in boxes_of(skip.shortcut) for line in box.lines]
        texts = texts or ["projection"]
        y = height / 2 - LINE_HEIGHT * (len(texts) - 1) / 2 + FONT_SIZE / 3
        for i, text in enumerate(texts):
            shapes.append(Label(x + 3, y + i * LINE_HEIGHT, text, "muted", anchor="start"))
        right = x + 3 + max(text_width(text, FONT_SIZE) for text in texts)
    leaves = LEAD + body.leaves
    return Piece(tuple(shapes), body.left, right, height, LEAD + body.enters, leaves, body.arrow)


def _addition(skip: Skip, pen: Pen, width: float) -> Piece:
    """A body and a shortcut side by side, which meet at a plus."""
    body = chain_piece(skip.body, pen, width)
    role, dotted = pen.line(skip.path), skip.projects
    top, inner = GAP, body.height
    plus = top + inner + GAP
    shapes: list[Shape] = [*body.moved(0, top)]
    shapes.append(down(0, 0, top + body.enters, arrow=body.arrow))
    shapes.append(down(0, top + body.leaves, plus, arrow=True))
    middle = plus + PLUS / 2
    if boxes_of(skip.shortcut) or skips_of(skip.shortcut):
        path = chain_piece(skip.shortcut, pen, width_of(skip.shortcut))
        extra = max(0.0, path.height - inner)
        x = body.right + 2 * BRANCH_GAP + path.left
        start = top + max(0.0, inner - path.height) / 2
        if extra:
            plus, middle = plus + extra, middle + extra
            shapes[-1] = down(0, top + body.leaves, plus, arrow=True)
        into = (Point(0, 0), Point(x, 0), Point(x, start + path.enters))
        shapes.append(Line(into, role, dotted=dotted, arrow=path.arrow))
        shapes += path.moved(x, start)
        out = (Point(x, start + path.leaves), Point(x, middle), Point(PLUS / 2, middle))
        shapes.append(Line(out, role, dotted=dotted, arrow=True))
        right = x + path.right
    else:
        x = body.right + 2 * BRANCH_GAP
        points = (Point(0, 0), Point(x, 0), Point(x, middle), Point(PLUS / 2, middle))
        shapes.append(Line(points, role, dotted=dotted, arrow=True))
        text = "identity"
        label = Label(x + 3, (top + inner) / 2 + FONT_SIZE / 3, text, "muted", anchor="start")
        shapes.append(label)
        right = x + 3 + text_width(text, FONT_SIZE)
    shapes.append(Rect(-PLUS / 2, plus, PLUS, PLUS, "join-node", PLUS / 2, "addition"))
    shapes.append(Label(0, middle + FONT_SIZE * 0.34, "+", bold=True))
    height = plus + PLUS
    return Piece(tuple(shapes), body.left, right, height, 0.0, height, arrow=False)
