"""`resnet-dsl summary`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import input_option, json_option, set_option, specs_argument
from resnet_dsl.cli.output import grid, show_grid, show_json, show_text


@click.command(short_help="What pages cost, see and keep.")
@specs_argument
@input_option
@set_option
@json_option
def summary(
    specs: tuple[str, ...], input: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """What a page costs, sees and keeps, part by part; of several pages, side by side.

    \b
    Example:
      resnet-dsl summary resnet50
      resnet-dsl summary resnet18 resnet34 resnet50 --input 3x512x512
      resnet-dsl summary resnet50 --set block.stride_on=first
    """
    from resnet_dsl.report.summaries import HEADINGS, facts, lines, summary, summary_json

    found = [summary(spec, input, overrides) for spec in specs]
    if as_json:
        show_json([summary_json(one) for one in found])
        return
    names = [one.name or spec for one, spec in zip(found, specs, strict=True)]
    columns = [facts(one) for one in found]
    if len(found) == 1:
        title = ", ".join([names[0], str(found[0].input), *overrides])
        headings = ("part", "output", *HEADINGS)
        show_grid(grid(headings, lines(found[0]), title=title, total=True))
        for fact, value in columns[0].items():
            if fact not in {"input", *HEADINGS}:
                show_text(f"{fact}: {value}")
        return
    rows = dict.fromkeys(fact for column in columns for fact in column)
    values = [(fact, *(column.get(fact, "") for column in columns)) for fact in rows]
    show_grid(grid(("", *names), values))
