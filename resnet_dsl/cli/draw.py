"""`resnet-dsl draw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from resnet_dsl.cli.options import force_option, input_option, set_option, specs_argument
from resnet_dsl.cli.output import can_print, progress, show_note, show_text

if TYPE_CHECKING:
    from resnet_dsl.render.drawing import Drawing, Style


SMALLEST_TEXT = 5.0
"""Points: smaller ones are hard to read in print."""


@click.command(short_help="Figures as in the paper: layers, rows, blocks, maps, differences.")
@specs_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="A file that ends in .svg, .pdf, .png, .tikz or .tex (to input), .dot or .gv, .mmd or "
    ".mermaid; - is the terminal, row by row.",
)
@click.option(
    "--style",
    type=click.Choice(["figure3", "stages", "maps"]),
    help="Layers in a column, a box for each row, or maps to scale.  [default: figure3 up to 60 "
    "layers, else stages]",
)
@click.option("--block", metavar="NAME", help="The inside of one block: conv2_x.1.")
@click.option("--diff", is_flag=True, help="Grey what two specs share, mark what differs.")
@click.option(
    "--theme",
    type=click.Choice(["light", "dark", "auto"]),
    default="light",
    show_default=True,
    help="Colours; auto follows the reader's system, in SVG.",
)
@click.option("--width", type=float, metavar="MM", help="Scale to so many millimetres: 88.")
@input_option
@set_option
@force_option
def draw(
    specs: tuple[str, ...],
    output: str | None,
    style: Style | None,
    block: str | None,
    **options: Any,
) -> None:
    """Figures of specs as in the paper, several side by side with equal sizes aligned.

    Shortcuts are arcs, dotted where they change the shape; strides and dilations that the compiler
    inserted are bold. Norms, activations, dropout and scales are shown by --block, and by --diff
    where they differ. PDF and PNG need the extra draw: pip install 'resnet-dsl[draw]'.

    \b
    Example:
      resnet-dsl draw resnet50 -o -
      resnet-dsl draw resnet18 -o resnet18.svg
      resnet-dsl draw vgg19 paper/plain34 resnet34 -o figure3.pdf
      resnet-dsl draw resnet50 --block conv2_x.1 -o block.png
      resnet-dsl draw --diff resnet50 timm/resnet50d -o diff.svg
    """
    from resnet_dsl.render.drawing import draw

    if output == "-" and style is None and block is None:
        style = "stages"
    if output == "-" and style == "maps":
        raise click.UsageError("the terminal has no maps: write a file, or leave out --style maps")
    path = None if output == "-" else output
    with progress("drawing"):
        drawing = draw(specs, path, style=style, block=block, **options)
    if path is None:
        _show(drawing, written_out=output == "-")
        return
    show_note(f"wrote {path}")
    if drawing.width and drawing.text_points < SMALLEST_TEXT:
        show_note(f"its texts have {drawing.text_points:.1f} pt, which is small in print")


def _show(drawing: Drawing, *, written_out: bool) -> None:
    """The figure in the terminal, or what would be written."""
    from resnet_dsl.render.drawing.box_text import BOX_MARKS, box_text

    if written_out:
        show_text(box_text(drawing.columns, plain=not can_print(BOX_MARKS)))
        return
    how = drawing.style or "block"
    show_text(f"{drawing.title}: {how}, {drawing.extent}")
    show_note("nothing is written: -o figure.svg writes it, -o - shows it in the terminal")
