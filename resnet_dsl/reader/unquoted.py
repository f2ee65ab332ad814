"""Rows, layers and sizes that lost their quotes: YAML takes them for lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import yaml

from resnet_dsl.diagnostics import Fix, Source, Span, SpecError, fail
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import parses
from resnet_dsl.notation.parse_row import parse_row

_UNQUOTED = re.compile(  # a row with its count, or one that fills its line, without quotes
    r"""(?<=[:,{-] )\[ *\[[^"'#]*\](?: *[x×X*] *\d+|(?= *(?:#|$)))"""
)


def yaml_error(source: Source, error: yaml.MarkedYAMLError | None) -> SpecError:
    """YAML's own complaint in other words; or, where a row lost its quotes, that."""
    mark = error and (error.problem_mark or error.context_mark)
    line = mark.line if mark else 0
    for number in (line, line - 1):
        text = source.line(number + 1) if number >= 0 else ""
        if row := _UNQUOTED.search(text):
            span = Span(source, number + 1, row.start() + 1, row.end() + 1)
            end = re.match(r'\s*"', text[row.end() :])
            if end:  # only the first quote is missing
                span = span._replace(end=row.end() + end.end() + 1)
            return _in_quotes(row[0], span)
    from resnet_dsl.reader.yaml_faults import yaml_fault  # texts are right more often

    return yaml_fault(source, error)


def is_unquoted(node: yaml.SequenceNode, value: Callable[[yaml.ScalarNode], object]) -> bool:
    """Whether a list is a text that lost its quotes: lists hold texts, no lists and no numbers."""
    return any(
        isinstance(item, yaml.SequenceNode)
        or (isinstance(item, yaml.ScalarNode) and isinstance(value(item), int))
        for item in node.value
    )


def holds_texts(keys: tuple[str, ...]) -> bool:
    """Whether the value that keys lead to is a text, or a list of texts."""
    match keys:
        case ("input" | "stem" | "head" | "aux", *_):
            return True
        case ("stages", _, key, *_):
            return key in {"rows", "output", ""}
        case _:
            return keys[:1] == ("stages",)


def unquoted(text: str, keys: tuple[str, ...], span: Span, *, fixable: bool) -> SpecError:
    """What to write for a list that is no list, where `keys` lead to it; `fixable` on one line."""
    error = _unquoted(text, keys, span)
    if fixable:
        return error
    return SpecError(replace(each, fix=None) for each in error.diagnostics)


def _unquoted(text: str, keys: tuple[str, ...], span: Span) -> SpecError:
    match keys:
        case ("input",) | ("stages", _, "output"):
            size = "x".join(re.findall(r"[0-9]+", text))
            example = size if re.fullmatch(r"[\[\]\d, ]+", text) else "3x224x224"
            return fail(
                "unquoted",
                "a size is a text, not a list",
                help=f"write {example}",
                span=span,
                fix=Fix(size, span=span) if example == size else None,
            )
        case ("stem" | "head", *rest) | ("aux", _, *rest):
            return _unquoted_layers(text, in_list=bool(rest), span=span)
        case ("stages",):
            help = 'a count stands in its row: conv2_x: "[[3x3, 64], [3x3, 64]] x 3"'
            message = "stages are names with rows, not a list"
            return fail("unquoted", message, help=help, span=span)
        case _:
            return _in_quotes(text, span)


def _in_quotes(text: str, span: Span) -> SpecError:
    quoted = f'"{text}"'
    fix = Fix(quoted, span=span) if parses(parse_row, text) else None
    help = f"put it in quotes: {quoted}"
    return fail("unquoted", "YAML takes this for a list", help=help, span=span, fix=fix)


def _unquoted_layers(text: str, *, in_list: bool, span: Span) -> SpecError:
    """Layers as lists: one item of a list, or a whole list."""
    inner = re.sub(r"(?<=\d),(?=\d{3}-?d\b)", "", text[1:-1])
    layers = re.findall(r"\[([^\[\]]*)\]", inner) if "[" in inner else [inner]
    if not all(parses(parse_layer, layer) for layer in layers):  # several layers in one list
        layers = [layer.strip() for layer in inner.split(",")]
    if not all(parses(parse_layer, layer) for layer in layers):
        help = 'a layer with commas stands in quotes: ["7x7, 64, /2", "3x3 max pool, /2"]'
        return fail("unquoted", "YAML takes this for a list", help=help, span=span)
    if in_list and len(layers) == 1:
        layers_text, help = layers[0].strip(), f"leave its brackets out: {layers[0].strip()}"
    else:
        layers_text = ", ".join(f'"{layer.strip()}"' if "," in layer else layer for layer in layers)
        layers_text = f"[{layers_text}]"
        help = (
            f"put each layer in quotes: {layers_text}"
            if '"' in layers_text
            else f"write {layers_text}"
        )
    message = "YAML takes this for a list"
    if inner != text[1:-1]:
        message = "the comma in a number parts items of a list"
    return fail("unquoted", message, help=help, span=span, fix=Fix(layers_text, span=span))
