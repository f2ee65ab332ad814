"""`resnet-dsl table`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, specs_argument
from resnet_dsl.cli.output import can_print, show_json, show_text

if TYPE_CHECKING:
    from resnet_dsl.render.paper_table import Format

_FORMATS = ("text", "markdown", "latex", "csv", "html")


@click.command(short_help="Table 1 of the paper for any specs.")
@specs_argument
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="How the table is printed.",
)
@input_option
@set_option
@json_option
def table(
    specs: tuple[str, ...],
    format: Format,
    input: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Table 1 of the paper for any specs: a column for each, stage by stage.

    \b
    Example:
      resnet-dsl table resnet18 resnet34 paper/resnet50 paper/resnet101 paper/resnet152
      resnet-dsl table resnet50 resnext50_32x4d --format latex
    """
    from resnet_dsl.render.paper_table import typeset
    from resnet_dsl.render.text_table import MARKS
    from resnet_dsl.report.table_rows import table

    paper_table = table(specs, input, overrides)
    if as_json:
        show_json(paper_table)
    else:
        show_text(typeset(paper_table, format, plain=not can_print(MARKS)))
