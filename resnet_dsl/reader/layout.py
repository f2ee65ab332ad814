"""A page in its canonical form, laid out as its author did.

Each text of the notation is replaced, where it stands, by its one printed form; comments, blank
lines, keys and their order stay, and so do line ends, but for the blanks in front of them. Texts
in block scalars stay as well: `|` and `>` are there to break lines. A page without an author is
printed by `resnet_dsl.reader.write`; what this prints of such a page is that page.
"""

from __future__ import annotations

import codecs
import re
import shutil
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias, assert_never

import yaml

from resnet_dsl import ir
from resnet_dsl.diagnostics import Span, fail
from resnet_dsl.language.shipped import is_shipped
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation import format_layer, format_row
from resnet_dsl.reader import Page, find, read_page
from resnet_dsl.reader.files import whole
from resnet_dsl.reader.tree import Entries, Items, Node, Scalar, compose
from resnet_dsl.reader.write import quoted, scalar

_BREAKS: Final = ("\n", "\r", "\x85", "\u2028", "\u2029")
_BLANKS: Final = re.compile(rf"[ \t]+(?=[{''.join(_BREAKS)}])")

Place: TypeAlias = tuple[int, int]
"""The line and column of a value, or of the anchor in front of it."""


def formatted(page: Page) -> str:
    """The page's text, with every text of the notation in its one printed form.

    >>> from resnet_dsl.reader import read_text
    >>> page = read_text("extends: resnet18\\nstem: ['3×3,64']  # small images")
    >>> print(formatted(page), end="")
    extends: resnet18
    stem: ["3x3, 64"]  # small images
    """
    text = page.tree.span.source.text
    forms = _forms(page)
    words = list(_words(text))
    pieces, end = [], 0
    for word in words:
        pieces.append(_BLANKS.sub("", text[end : word.start]))
        form = None if word.block else forms.get(word.place)
        keeps_quotes = word.style == '"' and words[0].flow  # in braces as a whole: it may be JSON
        if form is None:
            pieces.append(text[word.start : word.end])
        elif keeps_quotes or text[word.end : word.end + 1] == "#":  # no comment behind a bare word
            pieces.append(quoted(form))
        else:
            pieces.append(scalar(form, flow=word.flow))
        end = word.end
    rest = text[end:]
    if not text.endswith(_BREAKS) and (rest or not words[-1].block):  # whose value it would change
        rest += "\r\n" if "\r\n" in text else "\n"
    return "".join([*pieces, _BLANKS.sub("", rest)])


def is_formatted(page: Page) -> bool:
    """Whether a page is in its canonical form."""
    return formatted(page) == page.tree.span.source.text


def rewrite(where: str) -> bool:
    """Bring a file into its canonical form; False where it is in it already, and untouched."""
    if is_shipped(where):
        raise fail(
            "file",
            f"{where} is a page of the zoo, which stays as it is",
            help=f"a page of your own: resnet-dsl new NAME --like {where}",
        )
    page, path = read_page(where), find(where)
    if is_formatted(page):
        return False
    with whole(path) as draft:
        mark = codecs.BOM_UTF8 if path.read_bytes().startswith(codecs.BOM_UTF8) else b""
        draft.write_bytes(mark + formatted(page).encode())
        shutil.copymode(path, draft)
    return True


class _Word(NamedTuple):
    """A scalar of the text: `flow` if it stands in brackets or braces, `style` as in PyYAML."""

    place: Place
    start: int
    end: int
    style: str | None
    flow: bool

    @property
    def block(self) -> bool:
        return self.style in {"|", ">"}


def _words(text: str) -> Iterator[_Word]:
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
                yield _Word(
                    place=(first.line + 1, first.column + 1),
                    start=start.index,
                    end=end.index,
                    style=style,
                    flow=depth > 0,
                )
        anchor = token.start_mark if isinstance(token, yaml.AnchorToken) else None


def _forms(page: Page) -> dict[Place, str]:
    """The printed form of every text of the notation; none where an alias says it elsewhere too."""
    found: dict[Place, set[str | None]] = {}
    for path, span in _spans(compose(page.tree.span.source)):
        found.setdefault((span.line, span.column), set()).add(_printed(page.spec, path))
    sole = {place: forms.pop() for place, forms in found.items() if len(forms) == 1}
    return {place: form for place, form in sole.items() if form is not None}


def _spans(node: Node, path: ir.Path = ()) -> Iterator[tuple[ir.Path, Span]]:
    """Where the words of a tree stand: texts by their path, all else by the empty path."""
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


def _printed(spec: Spec, path: ir.Path) -> str | None:
    """What a spec prints for the text at a path of its page, if that is one of the notation.

    What a page says itself counts more than what its base says: it is what the spec says.
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
