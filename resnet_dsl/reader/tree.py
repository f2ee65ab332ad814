"""YAML text to a tree of values that know where they stand.

Reads YAML 1.2's plain scalars (`off` is a text, `1e-5` a number), finds duplicate keys and rows
that lost their quotes, and limits size, depth and what aliases expand to. No tags, no objects.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

from resnet_dsl.diagnostics import MOST_FAULTS, Code, Diagnostic, Fix, Source, Span, SpecError, fail
from resnet_dsl.language.shipped import is_shipped
from resnet_dsl.reader.unquoted import holds_texts, is_unquoted, unquoted, yaml_error

LARGEST_FILE: Final = 1 << 17
LARGEST_TREE: Final = 3_000
DEEPEST: Final = 12


class Scalar(NamedTuple):
    """A value; `inner` is the place of its characters where the text shows them as they are."""

    value: str | int | float | bool | None
    span: Span
    inner: Span | None = None


class Items(NamedTuple):
    items: tuple[Node, ...]
    span: Span


class Entries(NamedTuple):
    entries: dict[str, Entry]
    span: Span


class Entry(NamedTuple):
    key: Span
    node: Node


Node: TypeAlias = Scalar | Items | Entries


def read_file(path: Path, by: Span | None = None) -> Source:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # a path with a zero in it is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        help = "`resnet-dsl zoo` lists the shipped specs; a file is named by its path"
        raise fail("file", f"{path}: {reason.lower()}", help=help, span=by) from None
    return decode(data, str(path), by)


def decode(data: bytes, name: str, by: Span | None = None) -> Source:
    """The text of a spec's bytes; `by` is the place that named them."""
    if len(data) > LARGEST_FILE:
        help = "a spec is a few lines of text"
        raise fail("limit", f"{name}: larger than {LARGEST_FILE:,} bytes", help=help, span=by)
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            help = "save it as UTF-8: it is UTF-16"
            raise fail("not-text", f"{name}: not UTF-8", help=help, span=by) from None
        before = data[: error.start].decode(errors="replace")
        place = Source(name, before).place(len(before))
        span = place._replace(source=Source(name, ""))  # whose bytes are no text to show
        raise fail("not-text", "not a text file", help="a spec is UTF-8 text", span=span) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's nodes, with limits on nesting, and no tags."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.depth = self.count = 0
        super().__init__(source.text)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it out
        span = _span(self.source, event.start_mark, event.end_mark)
        if getattr(event, "tag", None) is not None:
            message = f"the tag {event.tag} has no meaning here"
            raise fail("yaml", message, help="leave it out, or quote the text", span=span)
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST:
            help = "a spec needs six levels"
            raise fail("limit", f"nested more than {DEEPEST} deep", help=help, span=span)
        if self.count > LARGEST_TREE:
            raise _too_many(span)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(source: Source, at: tuple[str, ...] = ()) -> Entries:
    """The tree of a text; every structural fault at once.

    With `at`, the text has one key, whose value is that which these keys lead to in a spec.
    """
    try:
        node = _Loader(source).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise yaml_error(source, error) from None
    except yaml.reader.ReaderError as error:
        code = f"U+{error.character:04X}" if isinstance(error.character, int) else "a character"
        raise fail(
            "not-text",
            f"{code} does not belong in a spec",
            help="a spec is plain UTF-8 text",
            span=source.place(error.position),
        ) from None
    start = Span(source, 1, 1, 1)
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value.strip()):
        raise fail("empty", "the spec is empty", help="`resnet-dsl zoo` lists examples", span=start)
    if not isinstance(node, yaml.MappingNode):
        raise _not_a_mapping(source, node)
    grown = _Growth(source, at)
    tree = grown.grow(node, 0)
    if grown.faults:
        raise SpecError(grown.faults)
    assert isinstance(tree, Entries)
    return tree


def _too_many(span: Span) -> SpecError:
    help = "rows that are equal have a count: [[3x3, 64], [3x3, 64]] x 100"
    return fail("limit", f"more than {LARGEST_TREE:,} values", help=help, span=span)


class _Growth:
    """PyYAML's nodes to ours, counted: an alias costs what it stands for."""

    def __init__(self, source: Source, at: tuple[str, ...]) -> None:
        self.source = source
        self.faults: list[Diagnostic] = []
        self.count = 0
        self.at = at

    def grow(self, node: Any, depth: int, keys: tuple[str, ...] = ()) -> Node:
        """A node and all below it; `keys` lead to it, "" for an item of a list."""
        span = _span(self.source, node.start_mark, node.end_mark)
        self.count += 1
        if self.count > LARGEST_TREE or depth > DEEPEST:
            raise _too_many(span)
        match node:
            case yaml.ScalarNode():
                return self._scalar(node, span)
            case yaml.SequenceNode():
                if node.flow_style and holds_texts(keys) and is_unquoted(node, _item_value):
                    text = self.source.text[node.start_mark.index : node.end_mark.index]
                    single = node.start_mark.line == node.end_mark.line
                    raise unquoted(" ".join(text.split()), keys, span, fixable=single)
                return Items(
                    tuple(self.grow(item, depth + 1, (*keys, "")) for item in node.value), span
                )
            case _:
                return self._mapping(node, span, depth, keys)

    def _scalar(self, node: yaml.ScalarNode, span: Span) -> Scalar:
        if node.style is None:
            value = _plain_value(node.value)
            if isinstance(value, str):
                _refuse_slip(self.source, node, span)
            shown = isinstance(value, str) and node.start_mark.line == node.end_mark.line
            return Scalar(value, span, span if shown else None)
        text = span.source.line(span.line)[span.column : span.end - 2]
        inner = span._replace(column=span.column + 1, end=span.end - 1)
        return Scalar(node.value, span, inner if text == node.value else None)

    def _mapping(
        self, node: yaml.MappingNode, span: Span, depth: int, keys: tuple[str, ...]
    ) -> Entries:
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            key_span = _span(self.source, key.start_mark, key.end_mark)
            if not isinstance(key, yaml.ScalarNode):
                help = "write key: value"
                raise fail("yaml", "a key is a plain text", help=help, span=key_span)
            if first := entries.get(key.value):
                self._fault(
                    "duplicate-key",
                    f"{key.value!r} is given twice",
                    f"the first is on line {first.key.line}",
                    key_span,
                )
                continue
            entries[key.value] = Entry(
                key_span, self.grow(value, depth + 1, self.at or (*keys, key.value))
            )
        return Entries(entries, span)

    def _fault(self, code: Code, message: str, help: str, span: Span) -> None:
        self.faults.append(Diagnostic(code=code, message=message, help=help, span=span))
        if len(self.faults) >= MOST_FAULTS:
            raise SpecError(self.faults)


def _refuse_slip(source: Source, node: yaml.ScalarNode, span: Span) -> None:
    """A text that YAML takes for something else than its author did."""
    if re.match(r"-[^\s-]", node.value):
        first = source.line(span.line)[span.column - 1 :].rstrip()
        span = span._replace(end=span.column + len(first))
        raise fail(
            "yaml",
            "a blank is missing after the dash",
            help=f"write - {first[1:]}",
            span=span,
            fix=Fix(f"- {first[1:]}", span=span),
        )
    after = node.start_mark.line + 1
    following = source.line(after + 1) if node.end_mark.line >= after else ""
    if slip := re.match(r"\s*(- |-$|[\w-]+:(?:\s|$))", following):
        width = len(following) - len(following.lstrip())
        raise fail(
            "yaml",
            f"this line goes on from line {after}, since it is indented further",
            help=f"indent it as line {after} is",
            span=Span(source, after + 1, width + 1, slip.end() + 1),
        )


def _item_value(node: yaml.ScalarNode) -> str | int | float | bool | None:
    return _plain_value(node.value) if node.style is None else str(node.value)


_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)


def _plain_value(text: str) -> str | int | float | bool | None:
    """An unquoted scalar, by YAML 1.2: `1e-5` is a number, `off` and `010` are texts.

    >>> [_plain_value(text) for text in ("12", "1e-5", "off", "010", "", "1:30")]
    [12, 1e-05, 'off', '010', None, '1:30']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not re.match(r"[-+]?0\d", text):
        return float(text)
    return text


def _span(source: Source, start: Any, end: Any) -> Span:
    last = end.column if end.line == start.line else len(source.line(start.line + 1))
    return Span(source, start.line + 1, start.column + 1, max(last, start.column) + 1)


def _not_a_mapping(source: Source, node: yaml.Node) -> SpecError:
    """A text that is YAML, and no keys with values: a list, or one text."""
    fault = yaml_error(source, None)
    if fault.diagnostics[0].fix:
        return fault
    help = "it begins like input: 3x224x224"
    if isinstance(node, yaml.ScalarNode) and is_shipped(node.value):
        help = f"a variant begins with extends: {node.value}"
    if isinstance(node, yaml.SequenceNode):
        help = "leave out the dashes before the keys: input: 3x224x224"
    span = _span(source, node.start_mark, node.end_mark)
    return fail("not-a-mapping", "a spec is a mapping of keys to values", help=help, span=span)
