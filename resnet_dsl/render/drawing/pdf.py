"""A figure as PDF, with text that can be searched, and as PNG: both need the extra `draw`.

reportlab writes the PDF with Helvetica, one of the fonts that every reader of PDF has; pdfium, the
reader of Chromium, makes the PNG of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, assert_never

from resnet_dsl.render.drawing.scene import (
    Label,
    Line,
    Point,
    Polygon,
    Rect,
    Scene,
    arrow_head,
    corner,
)
from resnet_dsl.render.drawing.svg import MILLIMETRES
from resnet_dsl.render.drawing.themes import Theme, paint

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

DOTS_PER_INCH: Final = 300
LARGEST_SIDE: Final = 20_000
"""Pixels: larger pictures are made with fewer dots for an inch."""


def pdf(scene: Scene, theme: Theme = "light", *, width: float | None = None) -> bytes:
    """A figure as a PDF of one page, `width` millimetres wide, or at its own size."""
    from reportlab.pdfgen.canvas import Canvas

    scale = 1.0 if width is None else width / MILLIMETRES / scene.width
    file = BytesIO()
    size = (scene.width * scale, scene.height * scale)
    canvas = Canvas(file, pagesize=size, invariant=1)
    canvas.setTitle(scene.title)
    canvas.setSubject(scene.description)
    canvas.setCreator("resnet-dsl")
    canvas.scale(scale, scale)
    canvas.translate(0, scene.height)
    page = Rect(0, 0, scene.width, scene.height, "page", 0)
    for shape in (page, *scene.shapes):
        _draw(canvas, shape, theme)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def png(scene: Scene, theme: Theme = "light", *, width: float | None = None) -> bytes:
    """A figure as a PNG of 300 dots an inch."""
    from pypdfium2 import PdfDocument

    document = PdfDocument(pdf(scene, theme, width=width))
    page = document[0]
    scale = min(DOTS_PER_INCH / 72, LARGEST_SIDE / max(page.get_size()))
    file = BytesIO()
    dots = 72 * scale
    page.render(scale=scale).to_pil().save(file, "PNG", optimize=True, dpi=(dots, dots))
    return file.getvalue()


def _draw(canvas: Canvas, shape: Rect | Label | Line | Polygon, theme: Theme) -> None:
    """One shape; y is upwards in PDF."""
    colour = paint(shape.role, theme)
    filled, stroked = colour.fill != "none", colour.stroke != "none"
    if filled:
        canvas.setFillColor(_colour(colour.fill))
    if stroked:
        canvas.setStrokeColor(_colour(colour.stroke))
        canvas.setLineWidth(colour.width)
    match shape:
        case Rect(x, y, width, height, _, radius):
            canvas.roundRect(x, -y - height, width, height, radius, int(stroked), int(filled))
        case Label(x, y, text, _, anchor, bold, size):
            canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
            write = {
                "start": canvas.drawString,
                "middle": canvas.drawCentredString,
                "end": canvas.drawRightString,
            }[anchor]
            write(x, -y, _encodable(text))
        case Line(points, _, dotted, arrow, radius):
            canvas.setDash([0.9, 1.5] if dotted else [])
            _stroke(canvas, points, radius)
            canvas.setDash([])
            if arrow:
                canvas.setFillColor(_colour(colour.stroke))
                _fill(canvas, arrow_head(points), stroked=False)
        case Polygon(points):
            _fill(canvas, points, stroked=stroked)
        case _:
            assert_never(shape)


def _colour(colour: str) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(colour)


def _encodable(text: str) -> str:
    """A text with ? for the characters that the fonts of all readers do not have."""
    return text.encode("cp1252", "replace").decode("cp1252")


def _stroke(canvas: Canvas, points: Sequence[Point], radius: float) -> None:
    path = canvas.beginPath()
    path.moveTo(points[0].x, -points[0].y)
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        start, end = corner(before, at, after, radius)
        path.lineTo(start.x, -start.y)
        inner = [Point((p.x + 2 * at.x) / 3, (p.y + 2 * at.y) / 3) for p in (start, end)]
        path.curveTo(inner[0].x, -inner[0].y, inner[1].x, -inner[1].y, end.x, -end.y)
    path.lineTo(points[-1].x, -points[-1].y)
    canvas.drawPath(path, stroke=1, fill=0)


def _fill(canvas: Canvas, points: Sequence[Point], *, stroked: bool) -> None:
    path = canvas.beginPath()
    path.moveTo(points[0].x, -points[0].y)
    for point in points[1:]:
        path.lineTo(point.x, -point.y)
    path.close()
    canvas.drawPath(path, stroke=int(stroked), fill=1)
