"""A figure as SVG: text that stays text, in a stable order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, assert_never
from zlib import crc32

from resnet_dsl.render.drawing.scene import (
    Label,
    Line,
    Point,
    Polygon,
    Rect,
    Scene,
    Shape,
    arrow_head,
    corner,
)
from resnet_dsl.render.drawing.scene import decimal as _n
from resnet_dsl.render.drawing.text_width import text_width
from resnet_dsl.render.drawing.themes import Theme, paint

FONTS: Final = "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', sans-serif"
MILLIMETRES: Final = 25.4 / 72
"""A point in millimetres."""


def svg(
    scene: Scene,
    theme: Theme = "light",
    *,
    width: float | None = None,
    style_sheet: bool = True,
) -> str:
    """A figure, `width` millimetres wide, or at its own size; colours are classes of CSS, which the
    figure has in a style sheet of its own, or finds in the page around it.

    >>> from resnet_dsl.render.drawing.scene import Label, scene
    >>> svg(scene("a", "b", [Label(0, 0, "c")])).splitlines()[0][:38]
    '<svg xmlns="http://www.w3.org/2000/svg'
    """
    scale = 1.0 if width is None else width / MILLIMETRES / scene.width
    size = f'width="{_n(scene.width * scale)}pt" height="{_n(scene.height * scale)}pt"'
    box = f'viewBox="0 0 {_n(scene.width)} {_n(scene.height)}"'
    name = f"f{crc32(repr((scene, theme, width)).encode()):08x}"  # a page may have several
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" {size} {box} role="img" '
        f'aria-label="{_escaped(scene.title)}">',
        f"<title>{_escaped(scene.title)}</title>",
        f"<desc>{_escaped(scene.description)}</desc>",
        *([f"<style>{style(roles(scene), theme, scope=name)}</style>"] if style_sheet else []),
        f'<rect class="page" width="{_n(scene.width)}" height="{_n(scene.height)}"/>',
        f'<g font-family="{FONTS}">',
        *(_shape(shape) for shape in scene.shapes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def roles(scene: Scene) -> list[str]:
    """The roles of a figure, in a stable order."""
    return sorted({"page", *(shape.role for shape in scene.shapes)})


def style(roles: Sequence[str], theme: Theme, *, scope: str | None = None) -> str:
    """The colours of roles as CSS, for what is inside of the element with the name `scope`."""
    inside = "" if scope is None else f"#{scope} "
    if theme == "auto":
        light, dark = ("".join(_rules(roles, tone, inside)) for tone in _TONES)
        return f"{light}@media(prefers-color-scheme:dark){{{dark}}}"
    return "".join(_rules(roles, theme, inside))


_TONES: Final[tuple[Theme, Theme]] = ("light", "dark")


def _rules(roles: Sequence[str], theme: Theme, inside: str) -> Iterator[str]:
    for role in roles:
        colour = paint(role, theme)
        stroke = "" if colour.stroke == "none" else f";stroke-width:{_n(colour.width)}"
        yield f"{inside}.{role}{{fill:{colour.fill};stroke:{colour.stroke}{stroke}}}"
        if role.endswith("line"):
            yield f"{inside}.{role}-head{{fill:{colour.stroke}}}"


def _shape(shape: Shape) -> str:
    match shape:
        case Rect(x, y, width, height, role, radius, title):
            place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
            return _titled("rect", f'class="{role}" {place} rx="{_n(radius)}"', title)
        case Label(x, y, text, role, anchor, bold, size):
            weight = ' font-weight="bold"' if bold else ""
            middle = "" if anchor == "start" else f' text-anchor="{anchor}"'
            place = f'x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"'
            width = text_width(text, size, bold=bold)  # whatever font there is in its place
            fits = f' textLength="{_n(width)}" lengthAdjust="spacingAndGlyphs"'
            return f'<text class="{role}" {place}{middle}{weight}{fits}>{_escaped(text)}</text>'
        case Line(points, role, dotted, arrow, radius):
            dashes = ' stroke-dasharray=".9 1.5"' if dotted else ""
            line = f'<path class="{role}" d="{_path(points, radius)}"{dashes}/>'
            if not arrow:
                return line
            head = " ".join(f"{_n(p.x)},{_n(p.y)}" for p in arrow_head(points))
            return f'{line}<polygon class="{role}-head" points="{head}"/>'
        case Polygon(points, role, title):
            place = " ".join(f"{_n(p.x)},{_n(p.y)}" for p in points)
            return _titled("polygon", f'class="{role}" points="{place}"', title)
        case _:
            assert_never(shape)


def _titled(tag: str, attributes: str, title: str) -> str:
    if not title:
        return f"<{tag} {attributes}/>"
    return f"<{tag} {attributes}><title>{_escaped(title)}</title></{tag}>"


def _path(points: Sequence[Point], radius: float) -> str:
    first, *inner = points[:-1]
    parts = [f"M{_n(first.x)} {_n(first.y)}"]
    for before, at, after in zip(points, inner, points[2:], strict=False):
        start, end = corner(before, at, after, radius)
        parts.append(f"L{_n(start.x)} {_n(start.y)}Q{_n(at.x)} {_n(at.y)} {_n(end.x)} {_n(end.y)}")
    parts.append(f"L{_n(points[-1].x)} {_n(points[-1].y)}")
    return "".join(parts)


def _escaped(text: str) -> str:
    """A text in XML, without the characters that XML cannot have."""
    return escape("".join(c if c >= " " and c not in "\ufffe\uffff" else "?" for c in text))
