"""The command line, called in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from resnet_dsl.cli import main


def run(*arguments: object, input: bytes | str | None = None) -> Result:
    """What `resnet-dsl ARGUMENTS` prints and its exit status; a traceback is an error."""
    result = CliRunner().invoke(main, [*map(str, arguments)], input=input)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result
