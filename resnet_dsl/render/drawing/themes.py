"""What colour has a role? Light and dark themes, for people and for grey print.

The parts of a network get darker (lighter, in the dark theme) from stage to stage and change their
hue from yellow to violet, so that they differ in grey and for colour-blind readers; texts have a
contrast of at least 4.5 with what they stand on (WCAG 2.2, success criterion 1.4.3).
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias

Theme: TypeAlias = Literal["light", "dark", "auto"]
"""`auto` is light or dark as the reader's system is, in SVG; light elsewhere."""


class Paint(NamedTuple):
    """The inside and the border of a shape; a line and a text have a border or an inside alone."""

    fill: str = "none"
    stroke: str = "none"
    width: float = 0.6


_STAGES: Final = 5
_INK: Final = {"light": "#1b1f24", "dark": "#eceff3"}
_MUTED: Final = {"light": "#57606a", "dark": "#a9b4c0"}
_PAGE: Final = {"light": "#ffffff", "dark": "#14171c"}
_EDGE: Final = {"light": "#4b535c", "dark": "#8b97a3"}
_ACCENT: Final = {"light": "#b3261e", "dark": "#ff9d8f"}
_FILLS: Final = {
    "light": {
        "part-0": "#f0f2f4",
        "part-1": "#fff1b8",
        "part-2": "#c9e8a9",
        "part-3": "#86d3c2",
        "part-4": "#78b4e8",
        "part-5": "#a48be0",
        "pool": "#ffffff",
        "norm": "#f0f2f4",
        "activation": "#ffffff",
        "attention": "#ffd9c7",
        "equal": "#eceef0",
        "changed": "#ffe08a",
        "join": "#4b535c",
        "join-node": "#ffffff",
    },
    "dark": {
        "part-0": "#2b3037",
        "part-1": "#3b320d",
        "part-2": "#26482a",
        "part-3": "#125853",
        "part-4": "#236097",
        "part-5": "#755abd",
        "pool": "#14171c",
        "norm": "#2b3037",
        "activation": "#14171c",
        "attention": "#5e3524",
        "equal": "#2b3037",
        "changed": "#6b5200",
        "join": "#8b97a3",
        "join-node": "#14171c",
    },
}


def paint(role: str, theme: Theme) -> Paint:
    """The paint of a role.

    >>> paint("part-1", "light").fill
    '#fff1b8'
    >>> paint("part-6", "light") == paint("part-1", "light")
    True
    """
    tone: Literal["light", "dark"] = "dark" if theme == "dark" else "light"
    if match := re.fullmatch(r"part-([1-9]\d*)", role):
        role = f"part-{(int(match[1]) - 1) % _STAGES + 1}"
    match role:
        case "page":
            return Paint(fill=_PAGE[tone])
        case "text":
            return Paint(fill=_INK[tone])
        case "muted":
            return Paint(fill=_MUTED[tone])
        case "on-equal":
            return Paint(fill=_MUTED[tone])
        case "line" | "side-line" | "bracket-line":
            return Paint(stroke=_EDGE[tone])
        case "changed-line":
            return Paint(stroke=_ACCENT[tone], width=1.4)
        case "changed":
            return Paint(fill=_FILLS[tone]["changed"], stroke=_ACCENT[tone], width=1.4)
        case "changed-join":
            return Paint(fill=_ACCENT[tone])
        case _ if role.startswith("on-"):
            return Paint(fill=_INK[tone])
        case _:
            return Paint(fill=_FILLS[tone][role], stroke=_EDGE[tone])
