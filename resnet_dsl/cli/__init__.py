"""The command `resnet-dsl`: each command parses, calls, prints, and holds no logic.

Answers go to stdout, diagnostics to stderr; the exit status is 0, or 2 for bad input.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import click

from resnet_dsl.cli.build import build
from resnet_dsl.cli.check import check
from resnet_dsl.cli.convert import convert
from resnet_dsl.cli.layers import layers
from resnet_dsl.cli.lift import lift
from resnet_dsl.cli.schema import schema
from resnet_dsl.cli.show import show_error
from resnet_dsl.cli.summary import summary
from resnet_dsl.cli.zoo import zoo
from resnet_dsl.diagnostics import SpecError


class _Commands(click.Group):
    """Commands whose bad input is a diagnostic and never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SpecError as error:
            show_error(error)
            ctx.exit(2)


@click.group("resnet-dsl", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("resnet-dsl"), message="resnet-dsl %(version)s")
def main() -> None:
    """Residual networks as pages of YAML that read like Table 1 of the paper.

    A SPEC is a name from `resnet-dsl zoo`, or a .yaml file.

    \b
    Example:
      resnet-dsl build resnet50
    """


for command in (build, check, convert, layers, lift, schema, summary, zoo):
    main.add_command(command)
