"""`resnet-dsl zoo`."""

from __future__ import annotations

import click


@click.command()
def zoo() -> None:
    """List the shipped specs by name.

    \b
    Example:
      resnet-dsl zoo
      resnet-dsl build cifar/resnet20
    """
    from resnet_dsl.language.shipped import zoo

    for name in zoo():
        click.echo(name)
