"""Where in its text is the value that a diagnostic means?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from resnet_dsl.diagnostics import Diagnostic, Fix, Span, SpecError
from resnet_dsl.reader.scalars import scalar
from resnet_dsl.reader.tree import Entries, Items, Node, Scalar


@contextmanager
def placing(tree: Entries | None) -> Iterator[None]:
    """Errors about a spec get their places in its text, and stand in its order."""
    try:
        yield
    except SpecError as error:
        if tree is None:
            raise
        placed = [place(tree, diagnostic) for diagnostic in error.diagnostics]
        raise SpecError(sorted(placed, key=lambda d: (d.line or 0, d.column or 0))) from None


def place(tree: Entries, diagnostic: Diagnostic) -> Diagnostic:
    """Walk to the value that a diagnostic means, as far as the text goes.

    A step that the text leaves out (`rows` of a stage that is a row) stays where it is.
    """
    if diagnostic.span:
        return diagnostic
    node: Node = tree
    key = span = Span(tree.span.source, tree.span.line, 1, 1)
    walked: list[str | int] = []
    for step in diagnostic.path:
        match node:
            case Entries(entries=entries) if step in entries:
                key, node = entries[str(step)].key, entries[str(step)].node
            case Items(items=items) if isinstance(step, int) and step < len(items):
                node = items[step]
                key = node.span
            case _:
                continue
        walked.append(step)
        span = node.span
    blank = isinstance(node, Scalar) and node.value is None
    if diagnostic.on_key or blank or (isinstance(node, Entries) and walked):
        span = key
    elif isinstance(node, Scalar) and diagnostic.within and node.inner:
        span = node.inner.within(*diagnostic.within)
    fix = diagnostic.fix and _placed_fix(diagnostic.fix, node, span)
    return replace(diagnostic, span=span, path=tuple(walked), fix=fix)


def _placed_fix(fix: Fix, node: Node, span: Span) -> Fix | None:
    """A fix with the place that it takes; None where the text shows other characters."""
    if fix.within is None:
        return fix._replace(span=span)
    if not isinstance(node, Scalar) or node.inner is None:
        return None
    inner, (start, end) = node.inner, fix.within
    if inner != node.span:  # in quotes
        is_plain = not set(fix.text) & set("\"'\\")
        return fix._replace(span=inner.within(start, end), within=None) if is_plain else None
    whole = str(node.value)
    text = whole[:start] + fix.text + whole[end:]
    before = inner.source.line(inner.line)[: inner.column - 1]
    in_list = not re.fullmatch(r"\s*(?:- )?(?:[\w.-]+:\s+)?", before)
    return Fix(scalar(text, flow=in_list), span=inner)
