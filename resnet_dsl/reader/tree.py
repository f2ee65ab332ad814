"""YAML text to a tree of values that know where they stand.

Reads YAML 1.2's plain scalars (`off` is a text, `1e-5` a number), finds duplicate keys and rows
that lost their quotes, and limits size, depth and what aliases expand to. No tags, no objects.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

import yaml

from resnet_dsl.diagnostics import Code, Diagnostic, Source, Span, SpecError, fail

LARGEST_FILE: Final = 1 << 20
LARGEST_TREE: Final = 20_000
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
        raise fail("file", f"{path}: {reason.lower()}", span=by) from None
    return decode(data, str(path), by)


def decode(data: bytes, name: str, by: Span | None = None) -> Source:
    """The text of a spec's bytes; `by` is the place that named them."""
    if len(data) > LARGEST_FILE:
        raise fail("limit", f"{name}: larger than {LARGEST_FILE:,} bytes", span=by)
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        place = Source(name, before).place(len(before))
        span = place._replace(source=Source(name, ""))  # whose bytes are no text to show
        raise fail("not-text", "not a text file", help="a spec is UTF-8 text", span=span) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's nodes, with limits on nesting, and no tags."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.depth = 0
        super().__init__(source.text)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it out
        span = _span(self.source, event.start_mark, event.end_mark)
        if getattr(event, "tag", None) is not None:
            raise fail("yaml", f"the tag {event.tag} has no meaning here", span=span)
        self.depth += 1
        if self.depth > DEEPEST:
            raise fail("limit", f"nested more than {DEEPEST} deep", span=span)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(source: Source) -> Entries:
    """The tree of a text; every structural fault at once."""
    try:
        node = _Loader(source).get_single_node()
    except yaml.MarkedYAMLError as error:
        _raise_yaml(source, error)
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
        span = _span(source, node.start_mark, node.end_mark)
        raise fail(
            "not-a-mapping",
            "a spec is a mapping",
            help="it begins like input: 3x224x224",
            span=span,
        )
    grown = _Growth(source)
    tree = grown.grow(node, 0)
    if grown.faults:
        raise SpecError(grown.faults)
    assert isinstance(tree, Entries)
    return tree


class _Growth:
    """PyYAML's nodes to ours, counted: an alias costs what it stands for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Diagnostic] = []
        self.count = 0

    def grow(self, node: Any, depth: int) -> Node:
        span = _span(self.source, node.start_mark, node.end_mark)
        self.count += 1
        if self.count > LARGEST_TREE or depth > DEEPEST:
            raise fail("limit", f"more than {LARGEST_TREE:,} values", span=span)
        match node:
            case yaml.ScalarNode():
                return self._scalar(node, span)
            case yaml.SequenceNode():
                self._refuse_unquoted(node, span)
                return Items(tuple(self.grow(item, depth + 1) for item in node.value), span)
            case _:
                return self._mapping(node, span, depth)

    def _scalar(self, node: yaml.ScalarNode, span: Span) -> Scalar:
        if node.style is None:
            value = _plain_value(node.value)
            return Scalar(value, span, span if isinstance(value, str) else None)
        text = span.source.line(span.line)[span.column : span.end - 2]
        inner = span._replace(column=span.column + 1, end=span.end - 1)
        return Scalar(node.value, span, inner if text == node.value else None)

    def _refuse_unquoted(self, node: yaml.SequenceNode, span: Span) -> None:
        """Lists hold texts: a list of lists or numbers is a row that lost its quotes."""
        broken = any(
            isinstance(item, yaml.SequenceNode)
            or (isinstance(item, yaml.ScalarNode) and isinstance(_item_value(item), int))
            for item in node.value
        )
        if node.flow_style and broken:
            text = self.source.text[node.start_mark.index : node.end_mark.index]
            raise fail(
                "unquoted",
                "YAML takes this for a list",
                help=f'put it in quotes: "{" ".join(text.split())}"',
                span=span,
            )

    def _mapping(self, node: yaml.MappingNode, span: Span, depth: int) -> Entries:
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            key_span = _span(self.source, key.start_mark, key.end_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise fail("yaml", "a key is a plain text", span=key_span)
            if first := entries.get(key.value):
                self._fault(
                    "duplicate-key",
                    f"{key.value!r} is given twice",
                    f"the first is on line {first.key.line}",
                    key_span,
                )
                continue
            entries[key.value] = Entry(key_span, self.grow(value, depth + 1))
        return Entries(entries, span)

    def _fault(self, code: Code, message: str, help: str, span: Span) -> None:
        self.faults.append(Diagnostic(code=code, message=message, help=help, span=span))


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


_UNQUOTED = re.compile(  # a row with its count, or one that fills its line, without quotes
    r"""(?<=[:,{-] )\[ *\[[^"'#]*\](?: *[x×X*] *\d+|(?= *(?:#|$)))"""
)


def _raise_yaml(source: Source, error: yaml.MarkedYAMLError) -> NoReturn:
    """YAML's own complaint; or, where a row lost its quotes, that."""
    mark = error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    for number in (line, line - 1):
        text = source.line(number + 1) if number >= 0 else ""
        if row := _UNQUOTED.search(text):
            raise fail(
                "unquoted",
                "YAML takes this for a list",
                help=f'put it in quotes: "{row[0]}"',
                span=Span(source, number + 1, row.start() + 1, row.end() + 1),
            ) from None
    column = (mark.column if mark else 0) + 1
    problem = str(error.problem or error.context or "broken YAML")
    raise fail(
        "yaml",
        problem,
        help="indent with blanks, not tabs" if r"'\t'" in problem else None,
        span=Span(source, line + 1, column, column + 1),
    ) from None
