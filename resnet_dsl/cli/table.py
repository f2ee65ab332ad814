"""`resnet-dsl table`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from resnet_dsl.cli.options import input_option, json_option, specs_argument
from resnet_dsl.cli.output import sayable, show_json, show_text

if TYPE_CHECKING:
    from resnet_dsl.render.paper_table import Format

_FORMATS = ("text", "markdown", "latex", "csv", "html")


@click.command(short_help="Table 1 of the paper for any pages.")
@specs_argument
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="How the table is printed.",
)
@input_option
@json_option
def table(specs: tuple[str, ...], format: Format, input: str | None, as_json: bool) -> None:
    """Table 1 of the paper for any pages: a column for each, stage by stage.

    \b
    Example:
      resnet-dsl table resnet18 resnet34 paper/resnet50 paper/resnet101 paper/resnet152
      resnet-dsl table resnet50 resnext50_32x4d --format latex
    """
    from resnet_dsl.render.paper_table import typeset
    from resnet_dsl.render.text_table import MARKS
    from resnet_dsl.report.table_rows import paper_table, paper_table_json

    found = paper_table(specs, input)
    if as_json:
        show_json(paper_table_json(found))
        return
    show_text(typeset(found, format, plain=not sayable(MARKS)))
