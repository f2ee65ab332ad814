"""`resnet-dsl zoo`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import json_option
from resnet_dsl.cli.output import show_grid, show_json, show_note, show_text, terminal_width


@click.command(short_help="The shipped specs, with their numbers.")
@click.option(
    "--family",
    metavar="NAME",
    help="A folder, torchvision, paper, cifar or timm, or the beginning of names: resnext.",
)
@click.option("--names", is_flag=True, help="Names alone, a line each.")
@json_option
def zoo(family: str | None, names: bool, as_json: bool) -> None:
    """List the shipped specs: layers, parameters, MACs, and what each is.

    \b
    Example:
      resnet-dsl zoo --family cifar
      resnet-dsl zoo --names
      resnet-dsl build cifar/resnet20
    """
    from resnet_dsl.render.grid import grid
    from resnet_dsl.sources.zoo_entries import zoo_entries

    entries = zoo_entries(family)
    if as_json:
        show_json(entries)
    elif names:
        show_text("\n".join(entry.name for entry in entries))
    else:
        rows = [
            (e.name, f"{e.layers:,}", f"{e.params:,}", f"{e.macs:,}", e.phrase) for e in entries
        ]
        width = terminal_width()
        lines = grid(("name", "layers", "params", "MACs", ""), rows, left=(0, 4))
        cut = (line if len(line) <= width else f"{line[: int(width) - 1]}…" for line in lines)
        show_grid([line.replace("─…", "──") for line in cut])
        name = entries[-1].name
        show_note(f"next: resnet-dsl draw {name} -o -, or resnet-dsl new mine --like {name}")
