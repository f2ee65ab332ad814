"""`resnet-dsl diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from resnet_dsl.cli.options import SPEC, json_option
from resnet_dsl.cli.output import show_json, show_note, show_text

if TYPE_CHECKING:
    from resnet_dsl.sources.resolve import Source


@click.command(short_help="Whether two networks are one, and what differs.")
@click.argument("a", type=SPEC)
@click.argument("b", type=SPEC)
@click.option("--input", help="The size of an image: 3x512x512, in place of both pages' own.")
@json_option
@click.pass_context
def diff(ctx: click.Context, a: str, b: str, input: str | None, as_json: bool) -> None:
    """Whether two networks are one; if not, what differs, stage by stage, and what that costs.

    A and B are SPECs, or what `resnet-dsl lift` takes, which is lifted first. Names, comments and
    initialization are not compared. The exit status is 0 where they are equal, 1 where they differ.

    \b
    Example:
      resnet-dsl diff resnet50 paper/resnet50
      resnet-dsl diff mine.yaml timm:resnet50d
      resnet-dsl diff cifar/resnet20 'my.models:Net(10)' --input 3x32x32
    """
    from resnet_dsl.render.difference_text import diff_json, lines
    from resnet_dsl.report.differences import diff

    found = diff(_source(a, input), _source(b, input), input, names=(a, b))
    if as_json:
        show_json(diff_json(found))
    else:
        show_text("\n".join(lines(found)))
    ctx.exit(0 if found.equal else 1)


def _source(source: str, input: str | None) -> Source:
    """A page by its name; of anything else, the page that it is lifted to."""
    from resnet_dsl.language.shipped import zoo

    path = Path(source)
    foreign = ":" in source or path.suffix or path.is_file()
    if source in zoo() or path.suffix in {".yaml", ".yml"} or not foreign:
        return source
    from resnet_dsl.pytorch.verified_lift import lifting

    lifted = lifting(source, input=input).lifted
    for choice in lifted.undetermined:
        show_note(f"{source}: undetermined: {choice}")
    return lifted.spec
