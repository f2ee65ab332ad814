"""`analyze`: the numbers of whatever a user calls a network."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Shape
from resnet_dsl.language.fields import parse_input
from resnet_dsl.notation import NotationError
from resnet_dsl.report.analysis import Analysis
from resnet_dsl.sources.resolve import Source, resolve


def analyze(source: Source, input: str | Sequence[int] | None = None) -> Analysis:
    """Layers, params and MACs of a path, a zoo name, a Spec or a Network, without building it.

    `input` is one image, `"3x512x512"` or (channels, height, width), in place of the page's own.
    Raises `SpecError` where the source is no network, or cannot take that input.

    >>> analyze("resnet50", "3x448x448").stages[-1].output
    Shape(channels=2048, height=14, width=14)
    """
    return resolve(source).analysis(input_shape(input))


def input_shape(input: str | Sequence[int] | None) -> Shape | None:
    """One image, as text or as numbers; `SpecError` where it is none."""
    if input is None:
        return None
    try:
        return parse_input(input if isinstance(input, str) else "x".join(map(str, input)))
    except NotationError as error:
        raise fail("value", f"the input {error.message}", help=error.help) from None
