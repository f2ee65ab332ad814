"""`--set KEY=VALUE`: a spec with some of its values overridden, as a variant would do it.

A key leads through the spec step by step, as in `block.stride_on` or `stem.1` (items count from 0),
and into the text of a layer or a row: `stem.1.pad`, `stages.conv4_x.rows.0.1.C` for layer 1 of a
row. Where a row has branches, their first is meant; `rows.0.2.1` means branch 2. A value is YAML,
and a row needs no quotes. Whether the values make sense together is not checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, Final, NamedTuple, TypeVar

from resnet_dsl.diagnostics import Diagnostic, Source, Span, SpecError, SpecPath, fail, nearest
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import NotationError, parse_activation
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer, format_row
from resnet_dsl.notation.terms import HeadLayer, Row
from resnet_dsl.reader.tree import DEEPEST, Entries, Entry, Items, Node, Scalar, compose
from resnet_dsl.reader.variants import inherited, merge

_T = TypeVar("_T")


class _Step(NamedTuple):
    """One step of a key."""

    word: str
    span: Span


class _Setting(NamedTuple):
    """`stem.1.pad=0`: the steps of its key, and the text of its value."""

    steps: tuple[_Step, ...]
    text: str
    span: Span

    @property
    def removes(self) -> bool:
        return self.text in {"", "~", "null"}

    def scalar(self, text: str, *, shown: bool = False) -> Scalar:
        """A text in place of the value; `shown` where its characters are those of the setting."""
        return Scalar(text, self.span, self.span if shown else None)


def overridden(tree: Entries, texts: Sequence[str]) -> Entries:
    """The tree of a spec after the settings, one by one.

    What the spec states of its network, `expect` and the `output` of stages, no longer holds.
    """
    name = {key: entry for key, entry in tree.entries.items() if key == "name"}
    tree = inherited(tree)
    tree = tree._replace(entries={**name, **tree.entries})
    for text in texts:
        setting = _parse(text)
        own = _own(tree, setting.steps, (), setting)
        faults: list[Diagnostic] = []
        assert isinstance(own, Entries)
        merged = merge(tree, own, (), faults)
        if faults:
            message = "the spec does not have this: nothing to remove"
            help = "`resnet-dsl table` prints what it has"
            raise fail("unknown-key", message, help=help, span=faults[0].span)
        # whatever is missing from now on is missing because it was removed
        tree = merged if setting.removes else merged._replace(span=tree.span)
    return tree


def _parse(text: str) -> _Setting:
    source = Source("--set", text)
    whole = Span(source, 1, 1, len(text) + 1)
    key, equals, value = text.partition("=")
    if not equals or not text.isprintable():
        problem = "is not a printable line" if equals else "sets nothing"
        help = f"write --set {text}=VALUE" if re.fullmatch(r"[\w.]{1,60}", text) else _LIKE
        raise fail("value", f"{text!r} {problem}", help=help, span=whole)
    steps, start = [], 0
    for word in key.split("."):
        steps.append(_Step(word.strip(), whole.within(start, start + len(word))))
        if not word.strip():
            raise fail(
                "value", "the key has an empty part between two dots", help=_LIKE, span=whole
            )
        start += len(word) + 1
    if len(steps) > DEEPEST:
        raise fail("limit", f"a key of {len(steps):,} steps", help=_LIKE, span=whole)
    if value.count("[") != value.count("]"):
        help = f"put it in quotes for the shell: --set '{key}=[[3x3, 64], [3x3, 64]] x 3'"
        raise fail("value", "the value ends inside of brackets", help=help, span=whole)
    blanks = len(value) - len(value.lstrip())
    span = whole.within(len(key) + 1 + blanks, max(len(text.rstrip()), len(key) + 2 + blanks))
    return _Setting(tuple(steps), value.strip(), span)


def setting_span(text: str) -> Span:
    """The place of a setting as a whole."""
    return Span(Source("--set", text), 1, 1, len(text) + 1)


_LIKE: Final = "write --set KEY=VALUE, like --set stem.1.pad=0"
_INDEX: Final = re.compile(r"-?\d{1,6}", re.ASCII)


def _own(node: Node | None, steps: Sequence[_Step], path: SpecPath, setting: _Setting) -> Node:
    """What a variant would have in place of a node to set what the steps lead to."""
    if not steps:
        return _value(setting, path)
    long = _long_form(node, path)
    match long:
        case None | Entries():
            step, *rest = _next(steps, path)
            known = long.entries if long else {}
            if path == ("stages",) and rest and step.word not in known:
                raise _unknown(step, f"{step.word!r} is not a stage here", known)
            if not path and step.word == "extends":
                help = "name the other spec in place of this one"
                raise fail("extends", "a spec cannot change its base", help=help, span=step.span)
            below = known[step.word].node if step.word in known else None
            inner = _own(below, rest, (*path, step.word), setting)
            given = {} if node is long else known  # a short form is written out
            return Entries({**given, step.word: Entry(step.span, inner)}, step.span)
        case Items():
            return _with_item(long, steps, path, setting)
        case Scalar():
            whole = f"set it as a whole: --set {_shown(path)}=..."
            raise fail(
                "unknown-key", f"{_shown(path)} has no parts", help=whole, span=steps[0].span
            )


def _next(steps: Sequence[_Step], path: SpecPath) -> Sequence[_Step]:
    """The steps from here on: a block's name has a dot in it, and `rows` may be left out."""
    first, *rest = steps
    if path == ("aux",) and rest:
        word = f"{first.word}.{rest[0].word}"
        return [_Step(word, first.span._replace(end=rest[0].span.end)), *rest[1:]]
    if path[:-1] == ("stages",) and _INDEX.fullmatch(first.word):
        return [_Step("rows", first.span), *steps]
    return steps


def _long_form(node: Node | None, path: SpecPath) -> Node | None:
    """A stage that is a row is short for a mapping, one row for a list, a norm's kind for both."""
    match node, path:
        case Scalar() | Items(), ("stages", _):
            return Entries({"rows": Entry(node.span, node)}, node.span)
        case Scalar(), ("stages", _, "rows"):
            return Items((node,), node.span)
        case Scalar(value=str()), (*_, "norm"):
            return Entries({"kind": Entry(node.span, node)}, node.span)
        case _:
            return node


def _value(setting: _Setting, path: SpecPath) -> Node:
    """The value as YAML reads it, but a row as the text that it is."""
    of_rows = path[:1] == ("stages",) and (len(path) == 2 or path[2:] == ("rows",))
    if of_rows and re.match(r"""\[(?!\s*["'\]])""", setting.text):
        return setting.scalar(setting.text, shown=True)
    prefix = "value: "
    shift = setting.span.column - 1 - len(prefix)

    def moved(span: Span) -> Span:
        return Span(setting.span.source, 1, span.column + shift, span.end + shift)

    try:
        tree = compose(Source("--set", prefix + setting.text), tuple(map(str, path)) or ("value",))
    except SpecError as error:
        placed = (replace(d, span=moved(d.span) if d.span else None) for d in error.diagnostics)
        raise SpecError(placed) from None
    return _moved(tree.entries["value"].node, moved)


def _moved(node: Node, moved: Callable[[Span], Span]) -> Node:
    """The same tree in another place."""
    span = moved(node.span)
    match node:
        case Scalar(value=value, inner=inner):
            return Scalar(value, span, moved(inner) if inner else None)
        case Items(items=items):
            return Items(tuple(_moved(item, moved) for item in items), span)
        case Entries(entries=entries):
            return Entries(
                {k: Entry(moved(e.key), _moved(e.node, moved)) for k, e in entries.items()}, span
            )


def _with_item(items: Items, steps: Sequence[_Step], path: SpecPath, setting: _Setting) -> Node:
    """A list of layers or rows with one of them set, reworded or removed."""
    first, *rest = steps
    i = _index(first, len(items.items), _shown(path))
    put: tuple[Node, ...] = ()
    if rest:
        put = (_reworded(items.items[i], rest, path, setting),)
    elif not setting.removes:
        put = (_text(setting),)
    span = setting.span if setting.removes else items.span
    return Items((*items.items[:i], *put, *items.items[i + 1 :]), span)


def _text(setting: _Setting) -> Scalar:
    """The value as the text of a layer or a row, whatever YAML would make of it."""
    quoted = _value(setting, ()) if setting.text[:1] in {'"', "'"} else None
    return quoted if isinstance(quoted, Scalar) else setting.scalar(setting.text, shown=True)


def _index(step: _Step, count: int, what: str) -> int:
    """The place of an item, from 0; negative ones count from the end, as in Python."""
    if _INDEX.fullmatch(step.word) and -count <= int(step.word) < count:
        return int(step.word) % count
    help = f"items count from 0: 0 to {count - 1}" if count else "it is empty"
    raise fail("unknown-key", f"{what} has no item {step.word}", help=help, span=step.span)


def _reworded(node: Node, steps: Sequence[_Step], path: SpecPath, setting: _Setting) -> Node:
    """The text of a layer or a row with what the steps lead to set, and the rest as it was."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        raise fail(
            "unknown-key", f"{_shown(path)} holds no text here", help=_LIKE, span=steps[0].span
        )
    text, span = node.value, node.inner or node.span
    if path[0] == "stages":
        return setting.scalar(_row(_parsed(parse_row, text, span), text, steps, setting))
    return setting.scalar(_layer(_parsed(parse_layer, text, span), steps, setting))


def _parsed(parse: Callable[[str], _T], text: str, span: Span) -> _T:
    try:
        return parse(text)
    except NotationError as error:
        raise fail(error.code, error.message, help=error.help, span=span) from None


def _row(row: Row, text: str, steps: Sequence[_Step], setting: _Setting) -> str:
    first, *rest = steps
    if first.word == "repeats" and not rest:
        return format_row(replace(row, repeats=_option("repeats", setting)))
    if not _INDEX.fullmatch(first.word):
        raise _unknown(first, f"{first.word!r} is not a part of a row", ["repeats"])
    branch = row.branches[0]
    if rest and _INDEX.fullmatch(rest[0].word):
        branch = row.branches[_index(first, len(row.branches), "the row")]
        first, *rest = rest
    layer = branch[_index(first, len(branch), "the block")]
    if not rest and setting.removes:
        # by its place: equal layers may stand in a row more than once
        kept = (tuple(other for other in path if other is not layer) for path in row.branches)
        return format_row(replace(row, branches=tuple(kept)))
    put = _layer(layer, rest, setting) if rest else _text(setting).value
    return f"{text[: layer.at[0]]}{put}{text[layer.at[1] :]}"


_FIELDS: Final = {"cardinality": "C", "padding": "pad"}
_NOT_SETTABLE: Final = {"at", "bare", "kind"}
_SETTABLE: Final = re.compile(r"int|float|bool|ActKind|Activation")
"""The types of fields that one value sets; others are set by writing the layer."""


def _layer(layer: HeadLayer, steps: Sequence[_Step], setting: _Setting) -> str:
    step, *rest = steps
    words = {
        _FIELDS.get(f.name, f.name): f
        for f in fields(layer)
        if f.name not in _NOT_SETTABLE and _SETTABLE.match(str(f.type))
    }
    if step.word not in words:
        raise _unknown(step, f"{format_layer(layer)!r} has no {step.word!r}", words)
    if rest:
        help = f"it is one value: --set ...{step.word}=VALUE"
        raise fail("unknown-key", f"{step.word} has no parts", help=help, span=rest[0].span)
    field = words[step.word]
    value = field.default if setting.removes else _option(step.word, setting, str(field.type))
    if value is MISSING:
        help = "write its value after the ="
        raise fail("value", f"{step.word} cannot be left out", help=help, span=setting.span)
    return format_layer(replace(layer, **{field.name: value}))


def _option(word: str, setting: _Setting, kind: str = "int") -> Any:
    """The value of an option of a layer or a row, of a field whose type is `kind`; the parser
    decides whether it makes sense."""
    node = _value(setting, ())
    value = node.value if isinstance(node, Scalar) else None
    if "Activation" in kind or "ActKind" in kind:
        return _activation_option(value, setting, plain="ActKind" in kind)
    if "bool" in kind:
        fits, none = isinstance(value, bool), "is neither true nor false"
    elif "float" in kind:
        fits, none = type(value) in (int, float), "is not a number"
    else:
        fits, none = type(value) is int, "is not a whole number"
    if not fits:
        likes = {"is neither": "true or false", "is not a n": "like 0.1", "is not a w": "like 2"}
        raise fail("value", f"{setting.text!r} {none}", help=likes[none[:10]], span=setting.span)
    least = 0 if word in {"pad", "before", "after"} or "int" not in kind else 1
    if word != "factor" and isinstance(value, int | float) and value < least:
        raise fail("value", f"{value} is too small", help=f"at least {least}", span=setting.span)
    return value


def _activation_option(value: object, setting: _Setting, *, plain: bool) -> Any:
    if value == "linear" and not plain:
        return value
    activation = parse_activation(value) if isinstance(value, str) else None
    if activation is None or (plain and activation.kind == "prelu"):
        message = f"{setting.text!r} is not an activation"
        raise fail("value", message, help="like relu, or linear for none", span=setting.span)
    return activation.kind if plain else activation


def _unknown(step: _Step, message: str, known: Iterable[str]) -> SpecError:
    names = list(known)
    guess = nearest(step.word, names)
    listed = f"known here: {', '.join(names)}" if names else None
    help = f"did you mean {guess!r}?" if guess else listed
    return fail("unknown-key", message, help=help, span=step.span)


def _shown(path: SpecPath) -> str:
    return ".".join(map(str, path))
