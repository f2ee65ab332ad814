"""Figures of networks: what is drawn, how, and in which format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, assert_never, get_args

from resnet_dsl.answers.diagrams import Column, boxes_of, compared, description
from resnet_dsl.answers.drawn_network import Detail, block_column, column_of
from resnet_dsl.answers.network_names import files_of, listed, network_names, several
from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.folds.cost import network_cost
from resnet_dsl.language.fields import Input
from resnet_dsl.reader.files import check_place, whole
from resnet_dsl.render.drawing.columns import block_scene, columns_scene
from resnet_dsl.render.drawing.graph_text import dot, mermaid
from resnet_dsl.render.drawing.maps import maps_scene
from resnet_dsl.render.drawing.pieces import Joins
from resnet_dsl.render.drawing.scene import FONT_SIZE, Scene
from resnet_dsl.render.drawing.svg import MILLIMETRES, svg
from resnet_dsl.render.drawing.themes import Theme
from resnet_dsl.sources.resolve import Resolved, Source, resolve

Style: TypeAlias = Literal["figure3", "stages", "maps"]
Format: TypeAlias = Literal["svg", "pdf", "png", "tikz", "dot", "mmd"]
SUFFIXES: Final[dict[str, Format]] = {
    **{f".{format}": format for format in get_args(Format)},
    ".tex": "tikz",
    ".gv": "dot",
    ".mermaid": "mmd",
}
LAYERS_OF_FIGURE3: Final = 60
"""Networks with more layers are drawn row by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure of networks, in a style or of one block; `text` and `data` give it in a format."""

    columns: tuple[Column, ...]
    style: Style | None
    block: str | None = None
    theme: Theme = "light"
    width: float | None = None

    @property
    def title(self) -> str:
        """What is drawn, in a line."""
        names = listed([column.name for column in self.columns])
        return names if self.block is None else f"{self.block} of {names}"

    @property
    def scene(self) -> Scene:
        """The shapes of the figure."""
        text = description(self.columns)
        match self.style:
            case None:
                return block_scene(self.columns[0], self.title, text)
            case "figure3":
                compares = any(column.changed is not None for column in self.columns)
                joins: Joins = "labelled arcs" if compares else "arcs"
                return columns_scene(self.columns, joins, self.title, text)
            case "stages":
                return columns_scene(self.columns, "labelled arcs", self.title, text)
            case "maps":
                return maps_scene(self.columns, self.title, text)
            case _:
                assert_never(self.style)

    @property
    def extent(self) -> str:
        """How large it is, and of how many boxes.

        >>> draw("resnet18").extent
        '20 boxes, 43 x 178 mm, texts of 7.0 pt'
        """
        boxes = sum(
            len(boxes_of(group.items)) for column in self.columns for group in column.groups
        )
        scene = self.scene
        width = self.width or scene.width * MILLIMETRES
        height = width * scene.height / scene.width
        count = f"{boxes} box" + "es" * (boxes != 1)
        return f"{count}, {width:.0f} x {height:.0f} mm, texts of {self.text_points:.1f} pt"

    @property
    def text_points(self) -> float:
        """The size of its texts."""
        own = self.scene.width * MILLIMETRES
        return FONT_SIZE * (self.width or own) / own

    def data(self, format: Format) -> bytes:
        """The figure in a format. PDF and PNG need the extra `draw`."""
        match format:
            case "svg":
                return svg(self.scene, self.theme, width=self.width).encode()
            case "pdf" | "png":
                from resnet_dsl.render.drawing.pdf import pdf, png

                return {"pdf": pdf, "png": png}[format](self.scene, self.theme, width=self.width)
            case "tikz":
                from resnet_dsl.render.drawing.tikz import tikz

                return tikz(self.scene, self.theme, width=self.width).encode()
            case "dot":
                return dot(self.columns, self.title, self.theme).encode()
            case "mmd":
                return mermaid(self.columns, self.title, self.theme).encode()
            case _:
                assert_never(format)

    def _repr_svg_(self) -> str:
        return self.data("svg").decode()

    def __str__(self) -> str:
        from resnet_dsl.render.drawing.box_text import box_text

        return box_text(self.columns)


def draw(
    sources: Source | Sequence[Source],
    output: str | Path | None = None,
    *,
    style: Style | None = None,
    block: str | None = None,
    diff: bool = False,
    theme: Theme = "light",
    width: float | None = None,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    force: bool = False,
) -> Drawing:
    """A figure of networks side by side, each a path, a zoo name, a Spec or a Network.

    The styles are `figure3`, the layers as boxes in a column with shortcuts as arcs, dotted where
    they project (He et al. 2015, figure 3); `stages`, a box for each row, with its repeats; and
    `maps`, the sizes as boxes to scale. Without a style it is `figure3` up to 60 layers, `stages`
    for deeper networks. `block`, as `conv2_x.1`, draws that block of one network and all that is in
    it (figure 5). With `diff`, what two networks share is grey, and what differs is marked. `width`
    is in millimetres. `output` is a file that ends in .svg, .pdf, .png, .tikz, .tex, .dot or .mmd;
    one that exists is written over with `force` alone. Raises `SpecError` where a source is no
    network, there is no such block, or the file cannot be written.

    >>> drawing = draw("resnet18")
    >>> drawing.style, drawing.data("svg")[:4]
    ('figure3', b'<svg')
    """
    chosen = several(sources, "draw")
    _check(chosen, style, block, theme, width, diff=diff)
    format = None if output is None else _writable(Path(output), chosen, style, width, force=force)
    resolved = [resolve(source, overrides, input) for source in chosen]
    names = network_names(chosen, resolved)
    drawing = _drawing(resolved, names, style, block, overrides, diff=diff)
    drawing = replace(drawing, block=block, theme=theme, width=width)
    if output is not None and format is not None:
        data = drawing.data(format)
        with whole(Path(output)) as draft:
            draft.write_bytes(data)
    return drawing


def _writable(
    path: Path, sources: Sequence[Source], style: str | None, width: float | None, *, force: bool
) -> Format:
    """The format of a file that may be written, which is none that a network is read from."""
    check_place(path, force=force, inputs=files_of(sources))
    format = format_of(path)
    if format in {"dot", "mmd"} and style == "maps":
        raise fail("value", f"{path}: maps have no graph", help="write an .svg, or leave out maps")
    if format in {"dot", "mmd"} and width is not None:
        what = f"{path}: a width of {width:g} mm"
        raise fail("value", what, help="programs that read it choose the width: leave it out")
    return format


def _check(
    sources: Sequence[Source],
    style: str | None,
    block: str | None,
    theme: str,
    width: float | None,
    *,
    diff: bool,
) -> None:
    """Arguments that do not go together are refused."""
    for name, value, values in (
        ("style", style, get_args(Style)),
        ("theme", theme, get_args(Theme)),
    ):
        if value is not None and value not in values:
            guess = nearest(str(value), values) or ", ".join(values)
            raise fail("value", f"{value!r} is not a {name}", help=f"write {guess}")
    if width is not None and not (isinstance(width, int | float) and 10 <= width <= 2000):
        what = f"{width!r} is not a width"
        raise fail("value", what, help="millimetres, 10 to 2000; a column of a paper is 88")
    if diff and len(sources) != 2:
        raise fail("value", "a difference is that of two networks", help="name two with diff")
    if block is not None and (len(sources) > 1 or style is not None or diff):
        help = "leave out style and diff, and name one network"
        raise fail("value", "a block is drawn alone", help=help)
    if diff and style == "maps":
        raise fail("value", "maps show no difference", help="write style figure3 or stages")


def _drawing(
    resolved: Sequence[Resolved],
    names: Sequence[str],
    style: Style | None,
    block: str | None,
    settings: Sequence[str],
    *,
    diff: bool,
) -> Drawing:
    if block is not None:
        column = block_column(resolved[0], block, names[0], settings)
        return Drawing(columns=(column,), style=None)
    chosen = style or _style_for(resolved)
    detail: Detail = "rows" if chosen == "stages" else "layers"
    columns = [
        column_of(each, detail, name, settings) for each, name in zip(resolved, names, strict=True)
    ]
    if diff:
        columns = list(compared(columns[0], columns[1]))
    return Drawing(columns=tuple(columns), style=chosen)


def _style_for(resolved: Sequence[Resolved]) -> Style:
    """Layer by layer, or row by row for deep networks; layers are counted as the paper does."""
    layers = (network_cost(each.network, None, each.costs).layers for each in resolved)
    return "figure3" if max(layers) <= LAYERS_OF_FIGURE3 else "stages"


def format_of(output: str | Path) -> Format:
    """The format that the end of a file's name means."""
    suffix = Path(output).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    known = ", ".join(SUFFIXES)
    what = f"the name ends in {suffix}" if suffix else "the name has no ending"
    raise fail("file", f"{output}: {what}", help=f"end it in one of {known}")
