"""The command `resnet-dsl`: each command parses, calls, prints, and holds no logic.

Answers go to stdout, diagnostics to stderr; the exit status is 0, or 2 for bad input. `diff` and
`fmt --check` exit with 1 where they found a difference.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from resnet_dsl.diagnostics import SpecError

COMMANDS: Final = (
    "build",
    "check",
    "convert",
    "layers",
    "lift",
    "schema",
    "summary",
    "zoo",
)
"""Each is a module of this package, and the function in it."""


class _Commands(click.Group):
    """Commands that are imported when they are called, whose bad input is a diagnostic and never a
    traceback."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"resnet_dsl.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SpecError as error:
            from resnet_dsl.cli.show import show_error

            show_error(error)
            ctx.exit(2)


@click.group("resnet-dsl", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="resnet-dsl", message="resnet-dsl %(version)s")
def main() -> None:
    """Residual networks as pages of YAML that read like Table 1 of the paper.

    A SPEC is a name from `resnet-dsl zoo`, or a .yaml file.

    \b
    Example:
      resnet-dsl build resnet50
    """
