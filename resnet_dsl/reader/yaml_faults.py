"""Broken YAML in the words of a spec's author: the line with the slip, and the correction.

PyYAML says where it stopped, which is often after the slip, and in the words of its grammar. Here
the lines up to there are rewritten as they may have been meant; a correction that lets YAML go on
is the answer. What the text means is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Final, NamedTuple

import yaml

from resnet_dsl.diagnostics import Diagnostic, Fix, Source, Span, SpecError, split_lines
from resnet_dsl.language.spec import Spec

_LONGEST: Final = 10_000
"""Characters of a text that is read again for each correction: people type shorter ones."""


class _Correction(NamedTuple):
    """What is wrong with a line, and the line as it may have been meant; None to leave it out."""

    message: str
    line: str | None
    help: str | None = None


def yaml_fault(source: Source, error: yaml.MarkedYAMLError | None) -> SpecError:
    """What is wrong with a text that is no YAML, or with `error` None is no mapping."""
    mark = error and (error.problem_mark or error.context_mark)
    stopped, column = (mark.line, mark.column) if mark else (0, 0)
    if len(source.text) <= _LONGEST:
        lines = list(split_lines(source.text))
        least = stopped if error else None
        for i, text in enumerate(lines[: stopped + 1]):
            if re.match(r"<{7}|={7}$|>{7}", text):
                help = "keep one side of the conflict, and delete its markers"
                marker = _Correction("git has left a conflict here", None, help)
                return SpecError([_diagnostic(source, lines, i, marker)])
            if equals := re.fullmatch(rf"(\s*{_KEY})\s*=\s*(\S.*)", text):
                message = "a key and its value are parted by a colon"
                colon = _Correction(message, f"{equals[1]}: {equals[2]}")
                return SpecError([_diagnostic(source, lines, i, colon)])
        for number, correction in _candidates(lines, stopped):
            if correction.line != lines[number] and _goes_on(lines, number, correction, least):
                return SpecError([_diagnostic(source, lines, number, correction)])
    problem = str(error.problem or error.context) if error else ""
    message, help = next((say for known, *say in _PROBLEMS if known in problem), _NOT_YAML)
    count = len(split_lines(source.text))
    line = stopped if stopped < count and source.line(stopped + 1) else max(0, stopped - 1)
    if line != stopped:
        column = len(source.line(line + 1))
    span = Span(source, line + 1, column + 1, column + 2)
    return SpecError([Diagnostic(code="yaml", message=message, help=help, span=span)])


_NOT_YAML: Final = ["this line does not go on from the one before", "check its indent and colon"]
_PROBLEMS: Final = (
    ("another document", "a file holds one spec", "leave out what follows ---"),
    ("undefined alias", "* refers to a value with an anchor, and there is none", "write the value"),
    ("cannot start any token", "this character cannot begin a text", "put the text in quotes"),
    ("end of stream", "the text ends inside of quotes or brackets", "close them"),
    (
        "expected ',' or",
        "a brace or bracket is not closed, or a comma is missing",
        "close it, or write a comma before this",
    ),
    ("mapping values", "a colon where none belongs", "put a text with a colon in quotes"),
    ("could not find expected ':'", "a key without its colon", "write key: value"),
    ("block end", "this line does not stand under its neighbours", "indent it as they are"),
    ("tag", "a tag has no meaning in a spec", "leave it out"),
    ("escape", "a \\ in double quotes begins an escape", "leave it out"),
)
"""What PyYAML says, and what is said for it where no correction shows."""


def _candidates(lines: list[str], stopped: int) -> Iterator[tuple[int, _Correction]]:
    """Lines and what they may have been meant to be; other indents come last."""
    suspects = list(_suspects(lines, stopped))
    for corrections in (_corrections, _indented):
        for number in suspects:
            yield from ((number, correction) for correction in corrections(lines, number))


def _diagnostic(
    source: Source, lines: list[str], number: int, correction: _Correction
) -> Diagnostic:
    old, new = lines[number], correction.line
    if new is None:
        help, span = (
            correction.help or "leave the line out",
            Span(source, number + 1, 1, len(old) + 1),
        )
        return Diagnostic(code="yaml", message=correction.message, help=help, span=span)
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    start = min(start, max(len(old) - 1, 0))
    whole = Span(source, number + 1, 1, len(old) + 1)
    return Diagnostic(
        code="yaml",
        message=correction.message,
        help=correction.help or f"write {new.strip()}",
        span=Span(source, number + 1, start + 1, start + 2),
        fix=Fix(new, span=whole),
    )


def _suspects(lines: list[str], stopped: int) -> Iterator[int]:
    """The lines that may have the slip: where YAML stopped, those before it, and open quotes."""
    filled = [i for i, line in enumerate(lines[: stopped + 1]) if line.strip()]
    near = filled[::-1][:4]
    open_ones = [i for i in filled if lines[i].count('"') % 2 or _depth(lines[i])]
    yield from dict.fromkeys([*open_ones[:3], *near])


def _depth(line: str) -> int:
    """Brackets and braces that a line opens, less those that it closes; none in quotes."""
    bare = re.sub(r'"[^"]*"|\'[^\']*\'|#.*', "", line)
    return sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")


def _goes_on(lines: list[str], number: int, correction: _Correction, stopped: int | None) -> bool:
    """Whether YAML reads on after a correction: to the end, or at least past where it stopped.

    Where it did not stop, the text has a key of a spec then.
    """
    replaced = [] if correction.line is None else [correction.line]
    text = "\n".join([*lines[:number], *replaced, *lines[number + 1 :]])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        last = number if "\t" in lines[number] else max(stopped or 0, number) + 1
        return mark is not None and mark.line > last
    except yaml.YAMLError:
        return False
    if not isinstance(node, yaml.MappingNode):
        return False
    keys = {str(key.value) for key, _ in node.value}
    return stopped is not None or bool(keys & _KEYS)


_KEYS: Final = {"extends", *(key.name for key in fields(Spec))}
_KEY: Final = r"[\"']?[A-Za-z_][\w.-]*[\"']?"


def _corrections(lines: list[str], number: int) -> Iterator[_Correction]:
    """What a line may have been meant to be, the plainest slips first."""
    line = lines[number]
    indent, text = line[: len(line) - len(line.lstrip())], line.strip()
    if text.startswith("```"):
        yield _Correction("a fence of Markdown is no part of a spec", None)
    if re.fullmatch(r"---.*|\.\.\.", text) and number:
        yield _Correction(
            "a file holds one spec", None, "leave out what follows, or write another file"
        )
    if "\t" in text:
        message = "a tab stands in this line"
        yield _Correction(message, line.replace("\t", " "), "write blanks in the place of tabs")
    if text.endswith((",", ";")):
        yield _Correction(f"a {text[-1]} ends this line", line.rstrip()[:-1], "leave it out")
    if "\t" in indent:
        for width in _indents(lines, number):
            yield _Correction("a tab indents this line", " " * width + text, "indent with blanks")
    if "//" in text:
        yield _Correction("a comment begins with #", line.replace("//", "#", 1))
    yield from _with_colon(indent, text)
    yield from _with_quotes(line, text)
    yield from _with_closed_braces(line)


def _indented(lines: list[str], number: int) -> Iterator[_Correction]:
    """A line with the indent of its neighbours; keys of a spec are not indented."""
    text = lines[number].lstrip()
    indent = len(lines[number]) - len(text)
    widths = _indents(lines, number)
    if re.split(r"[:\s]", text)[0] in _KEYS:
        widths = [0, *widths]
    for width in widths:
        if width != indent:
            message = f"this line is indented by {indent}, its neighbours by {width}"
            yield _Correction(message, " " * width + text, f"indent it by {width}")


def _with_colon(indent: str, text: str) -> Iterator[_Correction]:
    if match := re.fullmatch(rf"({_KEY})\s*=\s*(\S.*)", text):
        yield _Correction(
            "a key and its value are parted by a colon", f"{indent}{match[1]}: {match[2]}"
        )
    if match := re.fullmatch(rf"({_KEY}):(?=[^\s:])(.*)", text):
        message = f"a blank is missing after the colon of {match[1]}"
        yield _Correction(message, f"{indent}{match[1]}: {match[2]}")
    if match := re.fullmatch(r"-(?=[^\s-])(.*)", text):
        yield _Correction("a blank is missing after the dash", f"{indent}- {match[1]}")
    if re.fullmatch(_KEY, text):
        yield _Correction(f"a colon is missing after {text}", f"{indent}{text}:")
    if match := re.fullmatch(rf"({_KEY})\s+(\S.*)", text):
        yield _Correction(f"a colon is missing after {match[1]}", f"{indent}{match[1]}: {match[2]}")


def _with_quotes(line: str, text: str) -> Iterator[_Correction]:
    value = re.match(r"\s*(?:- )?(?:[^\s:\"'][^:]*: +)?", line)
    start = value.end() if value else 0
    head, body = line[:start], line[start:].rstrip()
    if count := re.fullmatch(r'(.*)"(\[.*\])"\s*([x×X*]\s*\d+)\s*', line):
        message = "the quotes of a row stand around its count too"
        yield _Correction(message, f'{count[1]}"{count[2]} {count[3]}"')
    if body[:1] in "\"'" and body[-1:] in "\"'" and body[:1] != body[-1:]:
        yield _Correction("two kinds of quotes", f"{head}{body[:-1]}{body[0]}")
    for quote in "\"'":
        if body.count(quote) % 2:
            if body.startswith(quote):
                yield _Correction("a quote is not closed", f"{head}{body}{quote}")
                closed = re.sub(r"(\s*[}\]]\s*|,?\s*)$", rf"{quote}\1", body)
                yield _Correction("a quote is not closed", head + closed)
            elif body.endswith(quote):
                yield _Correction("a quote closes what none has opened", f"{head}{quote}{body}")
            yield _Correction("a quote too many", head + body.replace(quote, "", 1))
    if text and body and body[0] in "@`%&!|>":
        message = f"{body[0]} cannot begin a text"
        bare = body.strip("@`%&!|>")
        yield _Correction(message, head + bare, f"leave it out: {bare}")
    key = re.match(rf"(\s*(?:- )?{_KEY}: +)(.*: .*|.*:)$", line)
    if key and not re.match(r"[\"'{\[]", key[2]):
        yield _Correction("a text with a colon in it stands in quotes", f'{key[1]}"{key[2]}"')


def _with_closed_braces(line: str) -> Iterator[_Correction]:
    bare = line.rstrip()
    without_quotes = re.sub(r'"[^"]*"|\'[^\']*\'', "", bare)
    for opening, closing, name in (("{", "}", "brace"), ("[", "]", "bracket")):
        more = without_quotes.count(opening) - without_quotes.count(closing)
        if more > 0:
            message = f"a {name} {opening} is not closed"
            yield _Correction(message, bare.rstrip(", ") + closing * more)
            yield _Correction(message, bare.replace(opening, "", 1).rstrip())
        if more < 0:
            yield _Correction(
                f"a {name} {closing} closes nothing", bare[::-1].replace(closing, "", 1)[::-1]
            )
    if "{" in bare:
        commas = re.sub(rf"(?<=[\w\"'\]}}]) +(?={_KEY}\s*:)", ", ", bare)
        yield _Correction("a comma is missing between two keys", commas)


def _indents(lines: list[str], number: int) -> list[int]:
    """The indents that a line may have been meant to have: those of its neighbours first."""
    before = [line for line in lines[:number] if line.strip()][::-1]
    after = [line for line in lines[number + 1 :] if line.strip()]
    same = [
        line for line in (*before, *after) if line.lstrip()[:1] == lines[number].lstrip()[:1] == "-"
    ]
    neighbours = [*same[:1], *before[:1], *after[:1], *before[1:], *after[1:]]
    widths = [len(line) - len(line.lstrip(" ")) for line in neighbours]
    opened = [len(before[0]) - len(before[0].lstrip(" ")) + 2] if before else []
    if before and before[0].rstrip().endswith(":"):
        widths = [*opened, *widths]
    return list(dict.fromkeys([*widths, *opened]))[:6]
