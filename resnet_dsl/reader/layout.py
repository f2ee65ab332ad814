"""A spec in its printed form, laid out as its author did.

Each text of the notation is replaced, where it stands, by its one printed form; comments, blank
lines, keys and their order stay, and so do line ends, but for the blanks before them. Texts
in block scalars stay as well: `|` and `>` are there to break lines. A spec without a text is
written by `resnet_dsl.reader.write`; formatting such a text changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple, TypeAlias, assert_never

import yaml

from resnet_dsl.diagnostics import Span, SpecPath, fail
from resnet_dsl.language.shipped import is_shipped
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.printed import format_layer, format_row
from resnet_dsl.reader import ReadSpec, find_spec, read_spec, read_text
from resnet_dsl.reader.files import rewritten
from resnet_dsl.reader.scalars import quoted, scalar
from resnet_dsl.reader.tree import LARGEST_FILE, Entries, Items, Node, Scalar, compose, decode

_BREAKS: Final = ("\n", "\r", "\x85", "\u2028", "\u2029")
_BLANKS: Final = re.compile(rf"[ \t]+(?=[{''.join(_BREAKS)}])")

Place: TypeAlias = tuple[int, int]
"""The line and column of a value, or of the anchor before it."""


def formatted(read: ReadSpec) -> str:
    """The text of a spec, with every row and layer in its printed form."""
    text = read.tree.span.source.text
    forms = _forms(read)
    scalars = list(_scalars(text))
    pieces, end = [], 0
    for scalar_text in scalars:
        pieces.append(_BLANKS.sub("", text[end : scalar_text.start]))
        form = None if scalar_text.block else forms.get(scalar_text.place)
        keeps_quotes = (
            scalar_text.style == '"' and scalars[0].flow
        )  # in braces as a whole: it may be JSON
        if form is None:
            pieces.append(text[scalar_text.start : scalar_text.end])
        elif (
            keeps_quotes or text[scalar_text.end : scalar_text.end + 1] == "#"
        ):  # a # after a bare text would start a comment
            pieces.append(quoted(form))
        else:
            pieces.append(scalar(form, flow=scalar_text.flow))
        end = scalar_text.end
    rest = text[end:]
    if not text.endswith(_BREAKS) and (
        rest or not scalars[-1].block
    ):  # whose value it would change
        rest += "\r\n" if "\r\n" in text else "\n"
    return "".join([*pieces, _BLANKS.sub("", rest)])


def is_formatted(read: ReadSpec) -> bool:
    """Whether a spec is in its printed form."""
    return formatted(read) == read.tree.span.source.text


def read_layout(where: str, stdin: BinaryIO) -> ReadSpec:
    """Read a spec by name or by file; `-` is the standard input."""
    if where != "-":
        return read_spec(where)
    source = decode(stdin.read(LARGEST_FILE + 1), "<stdin>")
    return read_text(source.text, source.name)


def format_text(text: str) -> str:
    """The text of a spec with every row and layer in its printed form; comments and layout stay.

    >>> print(format_text("extends: resnet18\\nstem: ['3×3,64']  # small images"), end="")
    extends: resnet18
    stem: ["3x3, 64"]  # small images
    """
    return formatted(read_text(text))


def rewrite(where: str) -> bool:
    """Rewrite a file in its printed form; False where it is in it already, and untouched."""
    if is_shipped(where):
        raise fail(
            "file",
            f"{where} is a shipped spec and is not rewritten",
            help=f"a spec of your own: resnet-dsl new NAME --like {where}",
        )
    read, path = read_spec(where), find_spec(where)
    if is_formatted(read):
        return False
    rewritten(path, formatted(read))
    return True


class _ScalarText(NamedTuple):
    """A scalar of a text: `flow` if it stands in brackets or braces, `style` as in PyYAML."""

    place: Place
    start: int
    end: int
    style: str | None
    flow: bool

    @property
    def block(self) -> bool:
        return self.style in {"|", ">"}


def _scalars(text: str) -> Iterator[_ScalarText]:
    """The scalars of a text in order, keys and values, each once however many aliases it has."""
    depth, anchor = 0, None
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        match token:
            case yaml.FlowSequenceStartToken() | yaml.FlowMappingStartToken():
                depth += 1
            case yaml.FlowSequenceEndToken() | yaml.FlowMappingEndToken():
                depth -= 1
            case yaml.ScalarToken(start_mark=start, end_mark=end, style=style):
                first = anchor or start
                yield _ScalarText(
                    place=(first.line + 1, first.column + 1),
                    start=start.index,
                    end=end.index,
                    style=style,
                    flow=depth > 0,
                )
        anchor = token.start_mark if isinstance(token, yaml.AnchorToken) else None


def _forms(read: ReadSpec) -> dict[Place, str]:
    """The printed form of every text of the notation; none where an alias uses it elsewhere too."""
    forms_by_place: dict[Place, set[str | None]] = {}
    for path, span in _spans(compose(read.tree.span.source)):
        forms_by_place.setdefault((span.line, span.column), set()).add(_printed(read.spec, path))
    sole = {place: forms.pop() for place, forms in forms_by_place.items() if len(forms) == 1}
    return {place: form for place, form in sole.items() if form is not None}


def _spans(node: Node, path: SpecPath = ()) -> Iterator[tuple[SpecPath, Span]]:
    """Where the values of a tree stand: texts by their path, all else by the empty path."""
    match node:
        case Scalar(value=value, span=span):
            yield path if isinstance(value, str) else (), span
        case Items(items=items):
            for i, item in enumerate(items):
                yield from _spans(item, (*path, i))
        case Entries(entries=entries):
            for key, entry in entries.items():
                yield (), entry.key
                yield from _spans(entry.node, (*path, key))
        case _:
            assert_never(node)


def _printed(spec: Spec, path: SpecPath) -> str | None:
    """What is printed for the text at a path of a spec, if that is a row or a layer.

    What a spec has itself counts more than what its base has.
    """
    match path:
        case ("input",):
            return str(spec.input)
        case ("stem", int(i)):
            return format_layer(spec.stem[i])
        case ("head", int(i)):
            return format_layer(spec.head[i])
        case ("aux", str(block), int(i)):
            return format_layer(spec.aux[block][i])
        case ("stages", str(name)) | ("stages", str(name), "rows"):
            return format_row(spec.stages[name].rows[0])
        case ("stages", str(name), int(i)) | ("stages", str(name), "rows", int(i)):
            return format_row(spec.stages[name].rows[i])
        case ("stages", str(name), "output"):
            return str(spec.stages[name].output)
        case _:
            return None
