"""What a figure is made of: rectangles, texts, lines and polygons, in points, y downwards.

A shape has a role, not a colour: `part-2` is the third part of a network. A theme gives it one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from resnet_dsl.render.drawing.text_width import text_width

FONT_SIZE: Final = 7.0
"""Points: as large as the text of figures in papers, at the figure's own width."""
ASCENT: Final = 0.72
DESCENT: Final = 0.21
"""How far letters reach above and below the line that they stand on, by the size of the font."""


class Point(NamedTuple):
    """A place: points from the left and from the top."""

    x: float
    y: float


class Rect(NamedTuple):
    """A box with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    role: str
    radius: float = 1.5
    title: str = ""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        return self.x, self.y, self.x + self.width, self.y + self.height

    def moved(self, x: float, y: float) -> Rect:
        return self._replace(x=self.x + x, y=self.y + y)


class Label(NamedTuple):
    """A text on a line that begins, ends or has its middle at a place."""

    x: float
    y: float
    text: str
    role: str = "text"
    anchor: Literal["start", "middle", "end"] = "middle"
    bold: bool = False
    size: float = FONT_SIZE

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        width = text_width(self.text, self.size, bold=self.bold)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return left, self.y - ASCENT * self.size, left + width, self.y + DESCENT * self.size

    def moved(self, x: float, y: float) -> Label:
        return self._replace(x=self.x + x, y=self.y + y)


class Line(NamedTuple):
    """A line through points, its corners rounded, with an arrow at its end or without."""

    points: tuple[Point, ...]
    role: str = "line"
    dotted: bool = False
    arrow: bool = False
    radius: float = 3.0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def moved(self, x: float, y: float) -> Line:
        return self._replace(points=tuple(Point(p.x + x, p.y + y) for p in self.points))


class Polygon(NamedTuple):
    """A closed shape."""

    points: tuple[Point, ...]
    role: str
    title: str = ""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def moved(self, x: float, y: float) -> Polygon:
        return self._replace(points=tuple(Point(p.x + x, p.y + y) for p in self.points))


Shape: TypeAlias = Rect | Label | Line | Polygon


class Scene(NamedTuple):
    """A figure of a size, with a title and a description for those who do not see it."""

    width: float
    height: float
    title: str
    description: str
    shapes: tuple[Shape, ...]


def scene(title: str, description: str, shapes: Iterable[Shape], margin: float = 4.0) -> Scene:
    """Shapes as a figure, as large as they need."""
    placed = list(shapes)
    bounds = [shape.bounds for shape in placed] or [(0.0, 0.0, 0.0, 0.0)]
    left, top, right, bottom = (
        pick(values)
        for pick, values in zip((min, min, max, max), zip(*bounds, strict=True), strict=True)
    )
    return Scene(
        width=round(right - left + 2 * margin, 2),
        height=round(bottom - top + 2 * margin, 2),
        title=title,
        description=description,
        shapes=tuple(shape.moved(margin - left, margin - top) for shape in placed),
    )


def corner(before: Point, at: Point, after: Point, radius: float) -> tuple[Point, Point]:
    """Where a rounded corner begins and ends."""

    def towards(other: Point) -> Point:
        x, y = other.x - at.x, other.y - at.y
        length = (x * x + y * y) ** 0.5
        part = min(radius, length / 2) / length if length else 0.0
        return Point(at.x + part * x, at.y + part * y)

    return towards(before), towards(after)


def arrow_head(points: tuple[Point, ...], length: float = 3.2) -> tuple[Point, Point, Point]:
    """The triangle at the end of a line."""
    *_, before, end = points
    x, y = end.x - before.x, end.y - before.y
    size = (x * x + y * y) ** 0.5 or 1.0
    x, y = x / size * length, y / size * length
    base, half = Point(end.x - x, end.y - y), 0.4
    return (
        end,
        Point(base.x - y * half, base.y + x * half),
        Point(base.x + y * half, base.y - x * half),
    )


def decimal(number: float) -> str:
    """A number with at most two decimals, as figures are written.

    >>> decimal(1.5), decimal(2.0), decimal(0.001)
    ('1.5', '2', '0')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".") or "0"
