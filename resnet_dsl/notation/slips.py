"""What was meant by a text that is no row and no layer? Slips of beginners and of other notations.

Candidates are rewritten texts, simplest first. Only one that the parser takes is suggested, so
advice that is followed works, and what was typed is never suggested. Of a text that lacks a part,
the part is named. Nothing is decided here: a text is refused by the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Final

from resnet_dsl.diagnostics import Fix, nearest
from resnet_dsl.notation.layer_spellings import EXAMPLES, MISSING_PARTS, respelled
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import NotationError, parses
from resnet_dsl.notation.terms import At

_LONGEST_LAYER: Final = 120
_LONGEST_ROW: Final = 4_000
"""Characters: nobody types longer ones by hand."""


def explained_layer(
    error: NotationError, text: str, parse: Callable[[str], object], at: At | None = None
) -> NotationError:
    """An error with the layer that was meant, if that shows; `at` is its place in `text`."""
    start, end = at or (0, len(text))
    piece = text[start:end]
    if error.code != "row" or len(piece) > _LONGEST_LAYER:
        return error
    for message, corrected in _layers_meant(piece.strip()):
        if corrected != piece.strip() and parses(parse, corrected):
            lead = start + len(piece) - len(piece.lstrip())
            within = (lead, lead + len(piece.strip()))
            fix = Fix(corrected, within)
            return NotationError(
                message or error.message, error.at, f"write {corrected}", error.code, fix
            )
    items = [item.strip() for item in piece.split(",")]
    if len(items) > 1 and all(parses(parse, item) for item in items):
        help = f"write each as an item of its own: {' and '.join(f'- {item}' for item in items)}"
        return NotationError(f"{len(items)} layers in one item", error.at, help, error.code)
    if error.unknown_layer is None:
        return error
    for _, corrected in _layers_meant(piece.strip()):
        if parses(parse_layer, corrected):  # a layer of another place
            help = f"it belongs to the head: write {corrected} there"
            return NotationError(error.message, error.at, help, error.code)
    return _without_its_part(error, error.unknown_layer)


def explained_row(error: NotationError, text: str, parse: Callable[[str], object]) -> NotationError:
    """An error with the row or the layer that was meant, if that shows."""
    if error.code != "row" or len(text) > _LONGEST_ROW:
        return error
    for message, corrected in _rows_meant(text.strip()):
        if corrected != text.strip() and parses(parse, corrected):
            lead = len(text) - len(text.lstrip())
            fix = Fix(corrected, (lead, lead + len(text.strip())))
            return NotationError(message, error.at, f"write {corrected}", error.code, fix)
    start = max(text.rfind(c, 0, error.at[0]) for c in "[]|;+") + 1 if error.at else 0
    stop = re.compile(r"[\[\]|;+]|$").search(text, start)
    assert stop is not None
    return explained_layer(error, text, lambda layer: parse(f"[[{layer}]]"), (start, stop.start()))


def _without_its_part(error: NotationError, word: str) -> NotationError:
    """The part that a layer lacks, or the layer whose name is near."""
    for pattern, message, help in MISSING_PARTS:
        if re.fullmatch(pattern, word.strip(), re.IGNORECASE):
            return NotationError(message, error.at, help, error.code)
    name = re.sub(r"[\d×xX*/-]+d?\s*", "", word).strip().lower()
    near = name if name in EXAMPLES else nearest(name, EXAMPLES)
    if near is None:
        return error
    help = f"write {EXAMPLES[near]}"
    if near != name:
        help = f"did you mean {near}? It is written {EXAMPLES[near]}"
    return NotationError(error.message, error.at, help, error.code)


# ---------------------------------------------------------------- layers


def _layers_meant(text: str) -> Iterator[tuple[str | None, str]]:
    """What may have been meant, with a message of its own where it has one."""
    if (grouped := re.sub(r"(?<!\d)(\d{1,3}),(\d{3})(?=-?d\b| )", r"\1\2", text)) != text:
        yield "a number is written without a comma in it", grouped
    if "#" in text:
        yield "a blank is missing before the #", text.split("#")[0].strip()
    if (padded := re.sub(r",?\s*pad(?:ding)?\s*[= ]\s*[\"']?same[\"']?", "", text)) != text:
        yield "a padding that keeps the size is the default", padded
    bare = re.sub(r"\s*,[\s,]*", ", ", text.strip("[](){}'\"., ;"))
    yield "a comma, a bracket or a quote too many", bare
    if re.search(r",\s*(?:bn|batch[ _-]?norm\w*)\b", bare, re.IGNORECASE):
        message = "a norm is no option: the key norm says which one follows each convolution"
        yield message, re.sub(r",\s*(?:bn|batch[ _-]?norm\w*)\b", "", bare, flags=re.IGNORECASE)
    yield None, re.sub(r"\.(?=\s)", ",", bare)
    for respelling in (bare, *respelled(bare)):
        yield None, respelling
        missing = f"a comma is missing in {text!r}" if respelling == bare else None
        yield from ((missing, separated) for separated in _with_commas(respelling))


def _with_commas(text: str) -> Iterator[str]:
    """The text with commas in place of blanks, the fewest first."""
    pieces = re.sub(r"(?<=[^\s,])(?=/)", " ", text).split()
    gaps = [i for i, piece in enumerate(pieces[:-1]) if not piece.endswith(",")]
    if len(gaps) > 6:
        return
    for count in range(1, len(gaps) + 1):
        for commas in combinations(gaps, count):
            yield " ".join(f"{p}," if i in commas else p for i, p in enumerate(pieces))


# ---------------------------------------------------------------- rows

_NUMBERS: Final = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _rows_meant(text: str) -> Iterator[tuple[str, str]]:
    """What may have been meant by a row, and what is wrong with it then."""
    if (times := re.sub(r"(?:\\|\t)t?imes\s*", " x ", text)) != text:
        yield "a count is written x 4", times
    squeeze = re.sub(r"\[\s*fc,?\s*\[\s*(\d+)\s*,\s*\d+\s*\]\s*\]", r"[se \1]", text)
    if squeeze != text:
        yield "squeeze and excitation is written se", squeeze
    if inside := re.fullmatch(r"(\[.*\])\s*([x×X*]\s*\d+)\s*\]", text):
        yield "the count stands after the block's last bracket", f"{inside[1]}] {inside[2]}"
    kernels = re.compile(r"(?<=[\w\]])\s*,?\s+(?=\d+\s*[x×]\s*\d+\s*,)")
    flat = re.fullmatch(r"\[+([^\[\]]*)\]+(.*)", text)
    if flat and kernels.search(flat[1]):
        layers = ", ".join(f"[{layer.strip()}]" for layer in kernels.split(flat[1]))
        yield "layers of a row stand in brackets of their own", f"[{layers}]{flat[2]}"
    if re.search(r"[(){}]", text):
        square = text.translate(str.maketrans("(){}", "[][]"))
        message = "brackets of a row are square"
        yield message, square
        yield from ((message, corrected) for _, corrected in _with_brackets(square))
    if front := re.fullmatch(r"(\d+)\s*[x×X*]\s*(\[.*\])", text):
        yield "the count stands after the block", f"{front[2]} x {front[1]}"
    yield from _with_count(text)
    yield from _with_brackets(text)
    without = re.sub(r"[,;](?=\s*(?:[,;\]]|[x×X*]\s*\d+$))", "", text)
    yield "a comma too many", without


def _with_count(text: str) -> Iterator[tuple[str, str]]:
    """A count that is written otherwise."""
    match = re.fullmatch(r"(.*\])([^\[\]]+)", text)
    if match is None:
        return
    block, tail = match[1], match[2].strip(" ,;").lower()
    words = {word: number for number, word in enumerate(_NUMBERS, 2)}
    word = re.fullmatch(r"(?:[x×*]|times)?\s*([a-z]+)(?:\s+(?:times|blocks))?", tail)
    if word and word[1] in words:
        yield "a count is a number", f"{block} x {words[word[1]]}"
    number = re.fullmatch(
        r"[\s(x×*^{]*(?:times\s+)?(\d+)(?:\.0)?[)}\s]*(?:x|×|times|blocks?|layers)?", tail
    )
    if number:
        message = "a row ends with its count"
        if re.fullmatch(r"\d+", tail):
            message = "an x is missing before the count"
        yield message, f"{block} x {number[1]}"


def _with_brackets(text: str) -> Iterable[tuple[str, str]]:
    """A row with a bracket more or less."""
    match = re.fullmatch(r"(.*?)(\s*[x×X*]\s*\d+)?", text, re.DOTALL)
    assert match is not None
    block, count = match[1].rstrip(), match[2] or ""
    if re.match(r"\[[^\[]*\]\s*[,;]\s*\[", block):
        yield "brackets are missing around the block", f"[{block}]{count}"
    inner = block.strip("[]")
    layers = f"[[{inner}]]{count}"
    opened, closed = block.count("["), block.count("]")
    if opened > closed:
        yield "the row's last bracket is missing", f"{block.rstrip(', ')}]{count}"
        yield "a bracket is not closed", layers
    elif closed > opened:
        message = "a bracket ] closes nothing"
        if not block.startswith("[["):
            message = "the row's first bracket is missing"
            yield message, f"[{block}{count}"
        yield message, layers
    if "[" not in block and ";" in block:
        yield "a row stands in brackets", f"[{block}]{count}"
    if "[" not in block and re.search(r"\d\s*[x×X*]\s*\d", block):
        yield "a row stands in brackets", f"[[{block}]]{count}"
    closed = re.sub(r"\],\s*(\d+\s*[x×][^\[\]]*)\]", r"], [\1]", block)
    opened = re.sub(r"(?<=\d)\s*,?\s*\](?=\s*,\s*\d+\s*[x×])", "], [", block)
    opened = re.sub(r"(\[[^\[\]]*\w),?\s*\[(?=\d)", r"\1], [", opened)
    for other in {closed, opened} - {block}:
        yield "brackets that do not match", f"{other}{count}"
