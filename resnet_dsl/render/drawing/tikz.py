"""A figure as TikZ: a `tikzpicture` that needs the package tikz alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from resnet_dsl.render.drawing.scene import (
    FONT_SIZE,
    Label,
    Line,
    Point,
    Polygon,
    Rect,
    Scene,
    Shape,
    arrow_head,
)
from resnet_dsl.render.drawing.scene import decimal as _n
from resnet_dsl.render.drawing.svg import MILLIMETRES, roles
from resnet_dsl.render.drawing.themes import Paint, Theme, paint
from resnet_dsl.render.latex_table import escaped


def tikz(scene: Scene, theme: Theme = "light", *, width: float | None = None) -> str:
    """A figure, `width` millimetres wide or at its own size, for `\\input` in a document.

    >>> from resnet_dsl.render.drawing.scene import Label, scene
    >>> print(tikz(scene("a", "b", [Label(0, 0, "c")])).splitlines()[1])
    % b
    """
    scale = 1.0 if width is None else width / MILLIMETRES / scene.width
    page = [Rect(0, 0, scene.width, scene.height, "page", 0)] if theme == "dark" else []
    size = _n(FONT_SIZE * scale)
    lines = [
        f"% {_comment(scene.title)}",
        f"% {_comment(scene.description)}",
        r"% \usepackage{tikz} in the preamble of the document",
        rf"\begin{{tikzpicture}}[x={_n(scale)}bp, y=-{_n(scale)}bp, "
        r"every node/.style={inner sep=0pt, outer sep=0pt, anchor=base}]",
        rf"\fontfamily{{phv}}\fontsize{{{size}bp}}{{{size}bp}}\selectfont",
        *_colours(roles(scene), theme),
        *(line for shape in (*page, *scene.shapes) for line in _shape(shape, theme, scale)),
        r"\end{tikzpicture}",
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    return " ".join(text.split())


def _colours(roles: Sequence[str], theme: Theme) -> Iterator[str]:
    """The colours, each by the role that has it."""
    for role in roles:
        colour = paint(role, theme)
        for side, value in (("fill", colour.fill), ("stroke", colour.stroke)):
            if value != "none":
                yield rf"\definecolor{{{role}-{side}}}{{HTML}}{{{value[1:].upper()}}}"


def _shape(shape: Shape, theme: Theme, scale: float) -> Iterator[str]:
    colour = paint(shape.role, theme)
    match shape:
        case Rect(x, y, width, height, role, radius):
            place = f"({_n(x)},{_n(y)}) rectangle ({_n(x + width)},{_n(y + height)})"
            options = [
                *_painted(role, colour, scale),
                f"rounded corners={_n(radius * scale)}bp",
            ]
            yield rf"\path[{', '.join(options)}] {place};"
        case Label(x, y, text, role, anchor, bold):
            side = {"start": "base west", "middle": "base", "end": "base east"}[anchor]
            shown = rf"\bfseries {escaped(text)}" if bold else escaped(text)
            options = [f"anchor={side}", f"text={role}-fill"]
            yield rf"\node[{', '.join(options)}] at ({_n(x)},{_n(y)}) {{{shown}}};"
        case Line(points, role, dotted, arrow, radius):
            on, off = _n(0.9 * scale), _n(1.5 * scale)
            dashes = [f"dash pattern=on {on}bp off {off}bp"] if dotted else []
            corners = [f"rounded corners={_n(radius * scale)}bp"] if len(points) > 2 else []
            options = [*_painted(role, colour, scale), *dashes, *corners]
            yield rf"\path[{', '.join(options)}] {_through(points)};"
            if arrow:
                yield rf"\fill[{role}-stroke] {_through(arrow_head(points))} -- cycle;"
        case Polygon(points, role):
            options = _painted(role, colour, scale)
            yield rf"\path[{', '.join(options)}, line join=round] {_through(points)} -- cycle;"
        case _:
            assert_never(shape)


def _painted(role: str, colour: Paint, scale: float) -> list[str]:
    options = []
    if colour.fill != "none":
        options.append(f"fill={role}-fill")
    if colour.stroke != "none":
        options += [f"draw={role}-stroke", f"line width={_n(colour.width * scale)}bp"]
    return options


def _through(points: Sequence[Point]) -> str:
    return " -- ".join(f"({_n(point.x)},{_n(point.y)})" for point in points)
