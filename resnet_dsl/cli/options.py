"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class _Spec(click.types.StringParamType):
    """A name of the zoo, or a file; shells complete both."""

    name = "spec"

    def shell_complete(
        self, _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from resnet_dsl.language.shipped import zoo

        names = [CompletionItem(name) for name in zoo() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


SPEC = _Spec()
spec_argument = click.argument("spec", type=SPEC)
specs_argument = click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=SPEC)
input_option = click.option(
    "--input", help="The size of an image, in place of the spec's own: 512, 512x384 or 3x512x512."
)
classes_option = click.option(
    "--classes",
    "--num-classes",
    "num_classes",
    type=click.IntRange(0, 2**31 - 1),
    help="Another number of classes, 0 for no classifier; all other weights are kept.",
)
channels_option = click.option(
    "--in-channels",
    type=click.IntRange(1, 2**31 - 1),
    help="Images with other channels; the first filters are adapted to them.",
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a value of the spec: input=3x64x64, block.stride_on=first, stem.1.pad=0, "
    "stages.conv5_x=null. May be repeated.",
)
weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Load weights from a file, of any format that lift reads.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Draw the weights from this seed."
)
prefix_option = click.option(
    "--weights-key",
    "--prefix",
    "prefix",
    metavar="SCOPE",
    help="Take the weights under this scope of the file: module.encoder_q, backbone.body.",
)
ignore_option = click.option(
    "--ignore",
    metavar="PATTERN",
    multiple=True,
    help="Leave out the weights whose names match: 'fc.*'. May be repeated.",
)
force_option = click.option("--force", is_flag=True, help="Write over files that exist.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
