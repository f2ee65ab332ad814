"""`resnet-dsl schema`."""

from __future__ import annotations

import click

from resnet_dsl.cli.output import show_json


@click.command()
def schema() -> None:
    """Print the JSON Schema of a page, for editors.

    \b
    Example:
      resnet-dsl schema > resnet-dsl.schema.json
      # then, as the first line of a page:
      # yaml-language-server: $schema=resnet-dsl.schema.json
    """
    from resnet_dsl.language.json_schema import json_schema

    show_json(json_schema())
