"""`resnet-dsl diff`."""

from __future__ import annotations

import click

from resnet_dsl.cli.options import SPEC, json_option, set_option
from resnet_dsl.cli.output import show_json, show_note, show_text


@click.command(short_help="Whether two networks are equal, and what differs.")
@click.argument("a", type=SPEC)
@click.argument("b", type=SPEC)
@click.option("--input", help="The size of an image: 3x512x512, in place of both specs' own.")
@set_option
@json_option
@click.pass_context
def diff(
    ctx: click.Context, a: str, b: str, input: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Whether two networks are equal; if not, what differs, stage by stage, and what that costs.

    A and B are SPECs, or what `resnet-dsl lift` takes, which is lifted first. Names, comments and
    initialization are not compared. The exit status is 0 where they are equal, 1 where they differ.

    \b
    Example:
      resnet-dsl diff resnet50 paper/resnet50
      resnet-dsl diff mine.yaml timm:resnet50d
      resnet-dsl diff cifar/resnet20 'my.models:Net(10)' --input 3x32x32
    """
    from resnet_dsl import diff
    from resnet_dsl.render.difference_text import diff_lines

    differences = diff(a, b, input, overrides, names=(a, b))
    for note in differences.notes:
        show_note(note)
    if as_json:
        show_json(differences)
    else:
        show_text("\n".join(diff_lines(differences)))
    ctx.exit(0 if differences.equal else 1)
