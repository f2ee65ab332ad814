"""Characters that look like those of a spec and are others: full-width, Cyrillic, curly, blank."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from resnet_dsl.diagnostics import Diagnostic, Fix, Span, SpecError

_PLAIN: Final = {
    **dict(zip("асеорхукмтАВСЕНКМОРТХ", "aceopxykmtABCEHKMOPTX", strict=True)),  # Cyrillic
    **dict(zip("ѕіјԁһⅼ", "sijdhl", strict=True)),
    **dict(zip("αοχνΑΒΕΗΙΚΜΝΟΡΤΧΥΖ", "aoxvABEHIKMNOPTXYZ", strict=True)),  # Greek
    **dict.fromkeys("“”„‟«»″〝〞", '"'),
    **dict.fromkeys("‘’‚‛′‹›´", "'"),
    **dict.fromkeys("‐‑‒–—―−⁃", "-"),
    **dict.fromkeys("⁄∕÷", "/"),
    **dict.fromkeys("✕✖⨯⨉╳", "x"),
    **dict.fromkeys("、", ","),
    **dict.fromkeys("【〔〖［", "["),
    **dict.fromkeys("】〕〗］", "]"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
}
"""Characters, and the one that was meant."""

_CODES: Final = {
    "yaml",
    "not-a-mapping",
    "unknown-key",
    "value",
    "row",
    "extends",
    "unknown-spec",
    "unquoted",
    "duplicate-key",
    "aux",
    "suspicious-stage",
}
"""The diagnostics that a wrong character may be the cause of."""


def plain(character: str) -> str | None:
    """The character of a spec that another one looks like; None for all that look like none.

    >>> plain("х"), plain("３"), plain("\u00a0"), plain("×")
    ('x', '3', ' ', None)
    """
    if character.isascii() or character == "×":
        return None
    if character in _PLAIN:
        return _PLAIN[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    folded = unicodedata.normalize("NFKC", character)
    if folded.isascii() and len(folded) == 1:
        return folded
    return " " if character.isspace() else None


@contextmanager
def naming_look_alikes() -> Iterator[None]:
    """Faults of lines with look-alikes are named for what they are, one a line."""
    try:
        yield
    except SpecError as error:
        named: dict[object, Diagnostic] = {}
        for diagnostic in error.diagnostics:
            cause = _cause(diagnostic) or diagnostic
            named.setdefault(
                (cause.code, cause.span) if cause.code == "look-alike" else id(cause), cause
            )
        causes = [d for d in named.values() if d.code == "look-alike"]
        kept = [d for d in named.values() if not (causes and d.code == "missing")]
        raise SpecError(kept) from None


def _cause(diagnostic: Diagnostic) -> Diagnostic | None:
    """The look-alike that a fault comes from: in its line, or where YAML lost track, before it."""
    span = diagnostic.span
    if span is None or diagnostic.code not in _CODES:
        return None
    source, first = span.source, span.line
    if diagnostic.code in {"yaml", "not-a-mapping"}:
        first = max(1, span.line - 3)
    if diagnostic.code == "not-a-mapping":
        first = 1
    for number in (span.line, *range(span.line - 1, first - 1, -1)):
        line = re.sub(r"(?:^|\s)#.*", "", source.line(number))
        whole_line = diagnostic.code in {"yaml", "not-a-mapping", "unknown-key"}
        start, end = (0, len(line)) if whole_line else (span.column - 1, span.end - 1)
        if number != span.line:
            start, end = 0, len(line)
        if re.match(r"\s*name\s*:", line):
            continue  # a name may have any characters
        for i in range(start, min(end, len(line))):
            if _is_look_alike(line, i):
                return _look_alike(Span(source, number, i + 1, i + 2), line)
    return None


def _is_look_alike(line: str, i: int) -> bool:
    """Whether a character stands for a plain one: letters of a word in another script do not."""
    if plain(line[i]) is None:
        return False
    word = next((w for w in re.finditer(r"[^\W\d_]+", line) if w.start() <= i < w.end()), None)
    return word is None or len(word[0]) == 1 or bool(re.search(r"[A-Za-z]", word[0]))


def _look_alike(span: Span, line: str) -> Diagnostic:
    character = line[span.column - 1]
    meant = plain(character) or ""
    name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
    plain_line = "".join(
        (plain(c) or "") if _is_look_alike(line, i) else c for i, c in enumerate(line)
    )
    shown = repr(character) if character.isprintable() and not character.isspace() else "this blank"
    shown = "an invisible character" if not meant else shown
    help = f"write {meant!r}, as in {plain_line.strip()}" if meant.strip() else None
    if meant == " ":
        help = "write a plain blank"
    rest = "".join(c for i, c in enumerate(line) if _is_look_alike(line, i))
    if len(set(rest)) > 1:
        help = f"write plain characters: {plain_line.strip()}"
    return Diagnostic(
        code="look-alike",
        message=f"{shown} here is U+{ord(character):04X}, {name}",
        help=help or "delete it",
        span=span,
        fix=Fix(plain_line, span=Span(span.source, span.line, 1, len(line) + 1)),
    )
