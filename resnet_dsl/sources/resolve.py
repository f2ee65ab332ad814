"""Pages in and out: what a user names as a network, checked and elaborated.

A source is a zoo name, a path, a Spec or a Network; `resolve` makes one thing of the four.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import Elaboration, elaborate_with_origins
from resnet_dsl.folds.shape import ShapeError
from resnet_dsl.ir import Network, Shape
from resnet_dsl.language.spec import Spec
from resnet_dsl.reader import Page, read_page, read_text
from resnet_dsl.reader.files import whole
from resnet_dsl.recovery import recover
from resnet_dsl.report.analysis import Analysis, analysis
from resnet_dsl.report.expectations import check_expect

Source: TypeAlias = str | Path | Spec | Network


class Resolved(NamedTuple):
    """A network with its spec, and the page where it came from one."""

    spec: Spec
    elaboration: Elaboration
    page: Page | None = None
    known: Analysis | None = None

    @property
    def network(self) -> Network:
        return self.elaboration.network

    def analysis(self, input: Shape | None = None) -> Analysis:
        """The numbers of the network, at its own input or another one."""
        if self.known and input in {None, self.known.input}:
            return self.known
        with self.placing():
            return analysis(self.spec, self.elaboration, input)

    @contextmanager
    def placing(self) -> Iterator[None]:
        """Complaints about this network get their place in its page."""
        with _placing(self.page):
            try:
                yield
            except ShapeError as error:
                raise SpecError([self.elaboration.fault(error)]) from None


@contextmanager
def _placing(page: Page | None) -> Iterator[None]:
    try:
        yield
    except SpecError as error:
        if page is None:
            raise
        raise SpecError(map(page.place, error.diagnostics)) from None


def resolve(source: Source, overrides: Sequence[str] = ()) -> Resolved:
    """The network that a source means, checked; `SpecError` says all that is wrong with it.

    `overrides` are settings like `stem.1.pad=0`, in place of what its page says.
    """
    if overrides and isinstance(source, Network | Spec):
        spec = source if isinstance(source, Spec) else recover(source)
        page = read_text(dumps(spec), overrides=overrides)
        return _checked(page.spec, page)
    match source:
        case Network():
            spec = recover(source)
            return Resolved(spec, elaborate_with_origins(spec))
        case Spec():
            return _checked(source, None)
        case _:
            page = read_page(source, overrides)
            return _checked(page.spec, page)


def _checked(spec: Spec, page: Page | None) -> Resolved:
    with _placing(page):
        elaboration = elaborate_with_origins(spec)
        found = analysis(spec, elaboration)
        check_expect(spec, found)
        return Resolved(spec, elaboration, page, found)


def load(where: str | Path) -> Spec:
    """Read a page by zoo name or by path, and check it.

    `extends:` is resolved: the spec is complete. Raises `SpecError` with every fault and its place.

    >>> load("resnet50").expect.layers
    50
    """
    page = read_page(where)
    return _checked(page.spec, page).spec


def loads(text: str) -> Spec:
    """Read a page from a text, and check it; it may extend pages of the zoo."""
    page = read_text(text)
    return _checked(page.spec, page).spec


def dumps(spec: Spec) -> str:
    """The page of a spec in its one printed form.

    >>> print(dumps(load("cifar/resnet20")).splitlines()[1])
    input: 3x32x32
    """
    from resnet_dsl.reader.write import write  # questions about pages write none

    return write(spec)


def dump(spec: Spec, path: str | Path) -> None:
    """Write the page of a spec to a file, whole or not at all."""
    with whole(Path(path)) as draft:
        draft.write_text(dumps(spec), encoding="utf-8")
