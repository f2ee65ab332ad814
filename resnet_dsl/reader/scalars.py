"""Texts as YAML: bare where that is safe, in quotes elsewhere."""

from __future__ import annotations

import re
from typing import Final

_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*(?:,? [A-Za-z0-9_./=-]+)*")
_WORDS: Final = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_NUMBER: Final = re.compile(r"[-+.0-9][-+.:_0-9eE]*|0[box][0-9a-fA-F_]+")


def scalar(text: str, *, flow: bool = False) -> str:
    """A text as YAML: bare where every YAML reader takes it for a text, quoted elsewhere.

    >>> scalar("3x3, 64"), scalar("3x3, 64", flow=True), scalar("no")
    ('3x3, 64', '"3x3, 64"', '"no"')
    """
    bare = _SAFE.fullmatch(text) and not _NUMBER.fullmatch(text) and text.lower() not in _WORDS
    return text if bare and not (flow and "," in text) else quoted(text)


def quoted(text: str) -> str:
    """A text as YAML in double quotes, escaped where YAML breaks lines and JSON does not."""
    import json  # specs are read more often than written

    return json.dumps(text, ensure_ascii=not text.isprintable())
