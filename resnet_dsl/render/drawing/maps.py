"""The maps of a network as boxes to scale: sides by height and width, thickness by channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from resnet_dsl import ir
from resnet_dsl.answers.diagrams import Column
from resnet_dsl.ir import Size
from resnet_dsl.render.drawing.columns import tones
from resnet_dsl.render.drawing.pieces import COLUMN_GAP, LINE_HEIGHT
from resnet_dsl.render.drawing.scene import (
    FONT_SIZE,
    Label,
    Line,
    Point,
    Polygon,
    Scene,
    Shape,
    scene,
)
from resnet_dsl.render.drawing.text_width import text_width

TALLEST: Final = 110.0
THICKEST: Final = 60.0
THINNEST: Final = 1.5
"""A box that would be thinner could not be seen."""
SLANT: Final = 0.3
"""How far the depth of a box goes to the right and up, by its side."""
GAP: Final = 12.0


class _Map(NamedTuple):
    """A map, the part of the network that gives it, and the colour of that."""

    part: str
    tone: int
    size: Size


def maps_scene(columns: Sequence[Column], title: str, description: str) -> Scene:
    """Networks below each other, all at one scale."""
    rows = [(column.name, _maps(column)) for column in columns]
    boxes = [_box_of(each.size) for _, maps in rows for each in maps]
    side = TALLEST / max(max(height, width) for _, height, width in boxes)
    thickness = THICKEST / max(channels for channels, _, _ in boxes)
    shapes: list[Shape] = []
    y = 0.0
    for name, maps in rows:
        planes = [_box_of(each.size)[1:] for each in maps]
        above = side * max(height / 2 + SLANT * width for height, width in planes)
        below = side * max(height / 2 for height, _ in planes)
        middle = y + 1.5 * LINE_HEIGHT + above
        shapes.append(Label(0, y + LINE_HEIGHT - 2, name, anchor="start", bold=True))
        shapes += _row(maps, middle, side, thickness)
        y = middle + below + 2 * LINE_HEIGHT + COLUMN_GAP
    return scene(title, description, shapes)


def _maps(column: Column) -> list[_Map]:
    """The input, and the last map of each size in each part."""
    maps = [_Map("input", 0, column.input)]
    for part, section in zip(tones(column), column.sections, strict=True):
        own: list[_Map] = []
        for group in section.groups:
            new = _Map(section.name, part, group.output)
            plane = _plane(new.size)
            if own and plane is not None and _plane(own[-1].size) == plane:
                own[-1] = new
            elif not own or own[-1].size != new.size:
                own.append(new)
        maps += own
    return maps


def _box_of(size: Size) -> tuple[int, int, int]:
    if isinstance(size, ir.Shape):
        return size.channels, size.height, size.width
    return size.features, 1, 1


def _plane(size: Size) -> tuple[int, int] | None:
    return (size.height, size.width) if isinstance(size, ir.Shape) else None


def _row(maps: Sequence[_Map], middle: float, side: float, thickness: float) -> list[Shape]:
    """Boxes from left to right around a line, their texts below the tallest."""
    shapes: list[Shape] = []
    lowest = middle + max(_box_of(each.size)[1] for each in maps) * side / 2
    x = 0.0
    before: tuple[float, float] | None = None
    for part, number, size in maps:
        channels, height, width = _box_of(size)
        thick, high, deep = channels * thickness, height * side, SLANT * width * side
        thick = max(thick, THINNEST)
        high = max(high, THINNEST)
        text = str(size)
        room = max(text_width(text, FONT_SIZE), text_width(part, FONT_SIZE, bold=True))
        slot = max(thick + deep, room)
        left = x + (slot - thick - deep) / 2
        if before:
            start, end = before[0] + 1.5, left - 1.5
            shapes.append(Line((Point(start, middle), Point(end, middle)), arrow=True))
        shapes += _cuboid(left, middle - high / 2, thick, high, deep, number, f"{part}: {text}")
        shapes.append(Label(x + slot / 2, lowest + LINE_HEIGHT + 2, part, bold=True))
        shapes.append(Label(x + slot / 2, lowest + 2 * LINE_HEIGHT + 2, text, "muted"))
        before = (left + thick + deep, middle)
        x += slot + GAP
    return shapes


def _cuboid(
    x: float, y: float, thick: float, high: float, deep: float, number: int, title: str
) -> list[Shape]:
    """The front, the top and the right side of a box; the front is the thickness by the height."""
    role = f"part-{number}"
    front = (Point(x, y), Point(x + thick, y), Point(x + thick, y + high), Point(x, y + high))
    top = (
        Point(x, y),
        Point(x + deep, y - deep),
        Point(x + thick + deep, y - deep),
        Point(x + thick, y),
    )
    end = (
        Point(x + thick, y),
        Point(x + thick + deep, y - deep),
        Point(x + thick + deep, y + high - deep),
        Point(x + thick, y + high),
    )
    return [Polygon(top, role), Polygon(end, role), Polygon(front, role, title)]
