"""Rows and layers as regular expressions for editors, built from the patterns of the parser.

They take all that the parser takes, and refuse what can be seen without counting: a missing comma,
a bracket that is open, a word that is no layer. They are written for ECMAScript and Python alike.
"""

from __future__ import annotations

import re
from typing import Final, get_args

from resnet_dsl.ir import ActKind
from resnet_dsl.notation.parse_layer import FORMS
from resnet_dsl.notation.parse_options import NUMBER, OPTIONS, OTHER_ACTIVATIONS


def any_case(pattern: str) -> str:
    """A pattern that takes capital letters too, without a flag.

    >>> any_case("max[ -]?pool")
    '[mM][aA][xX][ -]?[pP][oO][oO][lL]'
    """
    pieces = re.split(r"(\\.|\[[^\]]*\]|\(\?[:=!])", pattern)
    return "".join(
        piece if i % 2 else re.sub(r"[A-Za-z]", lambda c: f"[{c[0].lower()}{c[0].upper()}]", piece)
        for i, piece in enumerate(pieces)
    )


def _without_groups(pattern: str) -> str:
    """A pattern whose groups keep nothing, with digits of ASCII alone."""
    return re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern).replace(r"\d", "[0-9]")


_ACTIVATIONS: Final = "|".join([*get_args(ActKind), *OTHER_ACTIVATIONS])
_ACTIVATION: Final = any_case(rf"(?:shared\s+)?prelu|(?:{_ACTIVATIONS})(?:\s+{NUMBER})?")
_OPTION: Final = "|".join(
    [
        *(each.pattern if each.name == "C" else any_case(each.pattern) for each in OPTIONS),
        _ACTIVATION,
    ]
)
_CONV, *_OTHERS = (any_case(pattern) for pattern, _ in FORMS)
_FIRST: Final = "|".join([rf"{_CONV}\s*,\s*\d+(?:-?[dD])?", *_OTHERS, _ACTIVATION])
_LAYER: Final = _without_groups(rf"\s*(?:{_FIRST})\s*(?:,\s*(?:{_OPTION})\s*)*")

LAYER_PATTERN: Final = rf"^(?:{_LAYER}|\s*\[{_LAYER}\]\s*)$"
"""A layer of a stem or a head."""

ROW_PATTERN: Final = (
    rf"^(?![\s\S]*\[(?!{_LAYER}\])[^\[\];|+]*\])"  # no layer in brackets that is none
    r"\s*\[(?:[^\[\]]|\[[^\[\]]*\])+\]\s*(?:[x×X*]\s*[0-9]+\s*)?$"
)
"""A row: layers in brackets, in one pair of brackets, and a count."""
