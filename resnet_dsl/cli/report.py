"""`resnet-dsl report`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import force_option, input_option, set_option, specs_argument
from resnet_dsl.cli.output import progress, show_note, show_text


@click.command(short_help="A page of HTML to hand out: figure, tables, charts, layers.")
@specs_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="report.html",
    show_default=True,
    help="The file to write, in .html; - is the standard output.",
)
@input_option
@set_option
@force_option
def report(
    specs: tuple[str, ...],
    output: str,
    input: str | None,
    overrides: tuple[str, ...],
    force: bool,
) -> None:
    """A page of HTML about specs, in one file that asks nothing of the network.

    It has the figure, Table 1, parameters and MACs by stage, memory, how the layers are counted,
    every layer in a table that can be sorted and filtered, the spec, and the commands that print
    the same. Of several specs, it says what differs between the first and each other one.

    \b
    Example:
      resnet-dsl report resnet50 -o resnet50.html
      resnet-dsl report resnet50 timm/resnet50d -o both.html
    """
    from resnet_dsl.render.page import report

    path = None if output == "-" else output
    with progress("writing the report"):
        page = report(specs, path, input=input, overrides=overrides, force=force)
    if path is None:
        show_text(page.rstrip("\n"))
    else:
        show_note(f"wrote {path}: open it in a browser")
