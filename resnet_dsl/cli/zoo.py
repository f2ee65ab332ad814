"""`resnet-dsl zoo`."""

from __future__ import annotations

import click

from resnet_dsl.cli.output import show_text


@click.command()
def zoo() -> None:
    """List the shipped specs by name.

    \b
    Example:
      resnet-dsl zoo
      resnet-dsl build cifar/resnet20
    """
    from resnet_dsl.language.shipped import zoo

    show_text("\n".join(zoo()))
