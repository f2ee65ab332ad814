"""How wide is a text? The advance widths of Helvetica, which Arial and Liberation Sans share.

The widths are those of Adobe's metrics for the standard fonts of PDF, in thousandths of the size.

>>> text_width("3x3 conv, 64", 10)
56.7
"""

from __future__ import annotations

from typing import Final

_PLAIN: Final = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_BOLD: Final = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip
_FIRST: Final = ord(" ")
_OTHER: Final = 1000
"""No character that is not in the tables is wider than the size of the font."""
_KNOWN: Final = {"×": 584, "·": 278, "–": 556}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a text in a font of a size, in the unit of that size."""
    widths = _BOLD if bold else _PLAIN
    total = 0
    for character in text:
        place = ord(character) - _FIRST
        known = 0 <= place < len(widths)
        total += widths[place] if known else _KNOWN.get(character, _OTHER)
    return round(total * size / 1000, 3)
