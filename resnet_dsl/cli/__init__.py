"""The command `resnet-dsl`: each command parses, calls, prints, and holds no logic.

Answers go to stdout, diagnostics to stderr; the exit status is 0, or 2 for bad input. `diff` and
`fmt --check` exit with 1 where there is a difference.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final

import click

from resnet_dsl.diagnostics import Diagnostic, SpecError, SpecWarning, fail, nearest
from resnet_dsl.missing_libraries import missing

COMMANDS: Final = (
    "benchmark",
    "blocks",
    "build",
    "check",
    "convert",
    "diff",
    "draw",
    "export",
    "fmt",
    "layers",
    "lift",
    "new",
    "report",
    "schema",
    "summary",
    "table",
    "trace",
    "zoo",
)
"""Each is a module of this package, and the function in it."""

OTHER_NAMES: Final = {
    **dict.fromkeys(("validate", "lint", "verify", "test"), "check"),
    **dict.fromkeys(("compile", "run", "make", "create", "train"), "build"),
    **dict.fromkeys(("info", "show", "count", "params", "stats", "flops", "macs"), "summary"),
    **dict.fromkeys(("format", "tidy", "black"), "fmt"),
    **dict.fromkeys(("list", "ls", "models", "specs"), "zoo"),
    **dict.fromkeys(("compare", "difference"), "diff"),
    **dict.fromkeys(("import", "recover", "from", "load"), "lift"),
    **dict.fromkeys(("init", "start", "variant"), "new"),
    **dict.fromkeys(("rename", "translate", "port"), "convert"),
    **dict.fromkeys(("plot", "figure", "render", "picture", "diagram", "visualize"), "draw"),
    **dict.fromkeys(("html", "page", "document"), "report"),
    **dict.fromkeys(("emit", "code", "source", "onnx", "quantize"), "export"),
    **dict.fromkeys(("bench", "time", "speed", "profile"), "benchmark"),
    "why": "trace",
    "depth": "layers",
}
"""What other tools call the commands."""


def is_spec(name: str) -> bool:
    """Whether a word is the name of a spec, or looks like a file of one."""
    from resnet_dsl.language.shipped import is_shipped

    return is_shipped(name) or name.endswith((".yaml", ".yml"))


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0].lower()
        if args and name not in COMMANDS and not name.startswith("-"):
            meant = OTHER_NAMES.get(name) or nearest(name, COMMANDS)
            hint = f" Did you mean {meant!r}?" if meant else ""
            if is_spec(args[0]):
                hint = f" {args[0]} is a spec: resnet-dsl summary {args[0]}"
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        for word in arguments[1] if len(arguments) > 1 else ():
            if dash := re.match(r"[\u2010-\u2015\u2212]+(?=[a-z])", str(word)):  # autocorrected
                meant = f"--{word[dash.end() :]}"
                raise click.UsageError(f"{word} begins with a long dash: write {meant}")
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # or it is closed
                stream.reconfigure(errors="replace")
        with _ending():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _ending():
            return super().invoke(ctx)


@contextmanager
def _ending() -> Iterator[None]:
    """How a command ends that cannot go on."""
    from resnet_dsl.cli.output import show_error

    try:
        with warnings.catch_warnings():
            _show_spec_warnings()
            yield
    except SpecError as error:
        show_error(error)
        raise click.exceptions.Exit(2) from None
    except ModuleNotFoundError as error:
        fault = missing(error)
        if fault is None:
            raise
        show_error(SpecError([fault]))
        raise click.exceptions.Exit(2) from None
    except BrokenPipeError:  # the reader has seen enough
        _silence()
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}:
            raise
        show_error(
            fail(
                "file",
                f"the output cannot be written: {os.strerror(error.errno).lower()}",
                help="make room, or write to another place",
            )
        )
        _silence()
        raise click.exceptions.Exit(2) from None
    except KeyboardInterrupt:  # the status that shells give it; 1 is a difference
        raise click.exceptions.Exit(130) from None


def _show_spec_warnings() -> None:
    """Warnings about specs are printed as diagnostics, each once."""
    from resnet_dsl.cli.output import show_diagnostic

    shown, show = set[Diagnostic](), warnings.showwarning

    def show_once(message: Warning | str, *details: Any, **more: Any) -> None:
        if not isinstance(message, SpecWarning):
            show(message, *details, **more)
        elif message.diagnostic not in shown:
            shown.add(message.diagnostic)
            show_diagnostic(message.diagnostic)

    warnings.simplefilter("always", SpecWarning)
    warnings.showwarning = show_once


def _silence() -> None:
    """What is left in the buffer of stdout goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group("resnet-dsl", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="resnet-dsl", message="resnet-dsl %(version)s")
def main() -> None:
    """Residual networks as specs in YAML that read like Table 1 of the paper.

    A SPEC is a name from `resnet-dsl zoo`, or a .yaml file.

    \b
    Example:
      resnet-dsl build resnet50
    """
