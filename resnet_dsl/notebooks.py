"""What a notebook shows of a record: a figure, a table, or a text with its colours.

Records know nothing of how they are printed; `render.notebook_html` does, and is imported when a
notebook asks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class ShownInNotebooks:
    """A record that notebooks show as `render.notebook_html` has it."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(_rendering().html(self))


class Written(ShownInNotebooks):
    """A record that prints as the text that it is read from, and whose repr is one line."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(_rendering().source_text(self))

    def __repr__(self) -> str:
        return str(_rendering().one_line(self))


def _rendering() -> Any:
    return import_module("resnet_dsl.render.notebook_html")
