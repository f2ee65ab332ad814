"""Texts that reach new lines of the reader and the parsers: `make fuzz-coverage`, a minute.

Atheris keeps the inputs that cover what no other did, and changes those. What is raised must be
`SpecError` or `NotationError`.
"""

from __future__ import annotations

import sys
import warnings

import atheris

with atheris.instrument_imports(include=["resnet_dsl"]):
    from resnet_dsl import SpecError, loads
    from resnet_dsl.diagnostics import render
    from resnet_dsl.notation.parse_layer import parse_layer
    from resnet_dsl.notation.parse_options import NotationError
    from resnet_dsl.notation.parse_row import parse_row
    from resnet_dsl.notation.printed import format_layer, format_row

warnings.simplefilter("ignore")
_FRAME = 'input: 3x8x8\nstem: ["{}"]\nstages: {{a: "{}"}}\nhead: [average pool, 10-d fc]\n{}'


def tried(data: bytes) -> None:
    """A text as a spec, as a row, as a layer, and as parts of a spec."""
    reader = atheris.FuzzedDataProvider(data)
    kind = reader.ConsumeIntInRange(0, 4)
    text = reader.ConsumeUnicodeNoSurrogates(400)
    try:
        match kind:
            case 0:
                loads(text)
            case 1:
                loads(_FRAME.format("3x3, 8", text, ""))
            case 2:
                loads(_FRAME.format(text, "[[3x3, 8], [3x3, 8]]", text[:40]))
            case 3:
                row = parse_row(text)
                assert parse_row(format_row(row)) == row
            case _:
                layer = parse_layer(text)
                assert parse_layer(format_layer(layer)) == layer
    except NotationError:
        pass
    except SpecError as error:
        for diagnostic in error.diagnostics:
            render(diagnostic)


if __name__ == "__main__":
    atheris.Setup(sys.argv, tried)
    atheris.Fuzz()
