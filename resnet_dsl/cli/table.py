"""`resnet-dsl table`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from resnet_dsl.cli.options import json_option, set_option, specs_argument
from resnet_dsl.cli.output import can_print, show_json, show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resnet_dsl.answers.table_rows import Total
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
@click.option("--standalone", is_flag=True, help="HTML as a whole page.")
@click.option("--caption", metavar="TEXT", help="A caption, in LaTeX and on a page of HTML.")
@click.option("--label", metavar="NAME", help="A label for \\ref, in LaTeX: tab:networks.")
@click.option(
    "--rows",
    metavar="TOTALS",
    default="macs",
    show_default=True,
    help="The rows below, separated by commas: macs, params, layers, receptive_field.",
)
@click.option(
    "--title",
    "titles",
    metavar="NAME=TEXT",
    multiple=True,
    help="The title of a column: resnet50=ResNet-50. May be repeated.",
)
@click.option(
    "--input",
    multiple=True,
    help="The size of an image: 512, 512x384 or 3x512x512. Repeated, FLOPs have a row for each.",
)
@set_option
@json_option
def table(specs: tuple[str, ...], format: Format, as_json: bool, rows: str, **options: Any) -> None:
    """Table 1 of the paper for any specs: a column for each, stage by stage.

    \b
    Example:
      resnet-dsl table resnet18 resnet34 paper/resnet50 paper/resnet101 paper/resnet152
      resnet-dsl table resnet50 resnext50_32x4d --format latex --caption "Two networks"
      resnet-dsl table resnet50 --rows macs,params --input 224 --input 288
    """
    from resnet_dsl.answers.table_rows import table
    from resnet_dsl.render.paper_table import typeset
    from resnet_dsl.render.text_table import MARKS

    paper_table = table(
        specs,
        overrides=options.pop("overrides"),
        inputs=options.pop("input"),
        rows=_totals(rows),
        titles=dict(map(_title, options.pop("titles"))),
    )
    if as_json:
        show_json(paper_table)
    else:
        show_text(typeset(paper_table, format, plain=not can_print(MARKS), **options))


def _totals(text: str) -> Sequence[Total]:
    from resnet_dsl.answers.table_rows import Total
    from resnet_dsl.diagnostics import fail, nearest

    known: tuple[Total, ...] = get_args(Total)
    words = (word.strip().lower().replace(" ", "_") for word in text.split(","))
    chosen = ["macs" if word == "flops" else word for word in words]
    for word in chosen:
        if word not in known:
            help = f"write {nearest(word, known) or ', '.join(known)}"
            raise fail("value", f"{word!r} is not a total", help=help)
    return [total for word in chosen for total in known if total == word]


def _title(text: str) -> tuple[str, str]:
    from resnet_dsl.diagnostics import fail

    name, given, title = text.partition("=")
    if not given or not name or not title:
        raise fail("value", f"{text!r} is not a title", help="write resnet50=ResNet-50")
    return name, title
