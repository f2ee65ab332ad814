"""The command, also as `python -m resnet_dsl`; without its libraries, it says which is missing."""

from __future__ import annotations

import sys

from resnet_dsl.missing_libraries import missing


def main() -> None:
    """Run the command line."""
    try:
        from resnet_dsl.cli import main as command
    except ModuleNotFoundError as error:
        sys.exit(_told(error))
    command()


def _told(error: ModuleNotFoundError) -> int:
    """Print which library is missing; the status of bad input."""
    from resnet_dsl.diagnostics import render

    fault = missing(error)
    if fault is None:
        raise error
    print(render(fault), file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
