"""`resnet-dsl schema`."""

from __future__ import annotations

import click

from resnet_dsl.cli.output import show_json


@click.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors.

    \b
    Example:
      resnet-dsl schema > resnet-dsl.schema.json
      # then, as the first line of a spec:
      # yaml-language-server: $schema=resnet-dsl.schema.json
    """
    from resnet_dsl.language.json_schema import schema

    show_json(schema())
