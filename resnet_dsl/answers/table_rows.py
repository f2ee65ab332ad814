"""Which rows has Table 1 of He et al. 2015 for any networks? A column a network, a row a map size.

It has the rows of the specs and the sizes and MACs that they give, as papers do; keys of blocks and
auxiliary classifiers stand in the specs alone.

>>> conv1, conv2_x, *_ = table(["resnet18", "resnet50"]).rows
>>> conv2_x.output, conv2_x.shared
('56x56', ('3x3 max pool, /2',))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import merge
from itertools import groupby, takewhile
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl.answers.analysis import Analysis, PartAnalysis, analysis_of, analyze
from resnet_dsl.answers.network_names import network_names, several
from resnet_dsl.answers.summaries import summary
from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.ir import Shape, Size
from resnet_dsl.language.fields import Input
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.printed import format_layer, format_row
from resnet_dsl.notation.terms import BlurPool, Conv, HeadLayer, Pool, Row, ZeroPad
from resnet_dsl.notebooks import ShownInNotebooks
from resnet_dsl.sources.resolve import Source, with_spec

Item: TypeAlias = str | Row
"""A layer in its printed form, or a block and its repeats."""

Cell: TypeAlias = tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """The layers of a part whose maps have one size; the head has no name.

    `cells` have what each network has in the row; the layers in `shared` stand first in all of
    them, and span their columns. A network without such a row has an empty cell, and then nothing
    is shared.
    """

    layer: str
    output: str
    cells: tuple[Cell, ...]
    shared: tuple[str, ...]

    @property
    def bands(self) -> tuple[tuple[Cell, ...], ...]:
        """What stands below each other: one cell for all networks, then a cell for each."""
        own = tuple(cell[len(self.shared) :] for cell in self.cells)
        spanning = ((self.shared,),) if self.shared else ()
        return (*spanning, own) if any(own) else spanning


Total: TypeAlias = Literal["macs", "params", "layers", "receptive_field"]


class TotalRow(NamedTuple):
    """A number of each network, below the others; `input` is there where there are several."""

    total: Total
    input: str | None
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable(ShownInNotebooks):
    """The rows, and of each network its title, the size of its images, its MACs, and totals."""

    networks: tuple[str, ...]
    inputs: tuple[Shape, ...]
    rows: tuple[PaperRow, ...]
    macs: tuple[int, ...]
    totals: tuple[TotalRow, ...]


def table(
    sources: Source | Iterable[Source],
    input: Input | None = None,
    overrides: Sequence[str] = (),
    *,
    inputs: Sequence[Input] = (),
    rows: Sequence[Total] = ("macs",),
    titles: Mapping[str, str] | None = None,
) -> PaperTable:
    """Table 1 for paths, zoo names, Specs or Networks, at their own inputs or at others.

    Networks share a row where the stage's name and the size of its maps agree. Each column reads
    from top to bottom; between rows that are shared, larger maps come first. `rows` are the totals
    below, and `titles` those of columns, by what they would be. With several `inputs`
    in the place of `input`, the maps are those of the first, and totals that depend on the size
    have a row for each. Raises `SpecError` where a source is not a network, cannot take an input,
    or has no spec, and where a title is that of no column.
    """
    chosen = several(sources, "print")
    sizes: Sequence[Input | None] = inputs or [input]
    networks = [with_spec(source, overrides, sizes[0]) for source in chosen]
    names = network_names(chosen, networks)
    analyses = [analysis_of(resolved) for resolved in networks]
    placed: list[_Row] = []
    for i, (resolved, analysis) in enumerate(zip(networks, analyses, strict=True)):
        assert resolved.spec is not None
        placed = _joined(placed, _column(i, resolved.spec, analysis))
    stem = _stem_name(placed)
    return PaperTable(
        networks=_titled(names, titles or {}),
        inputs=tuple(analysis.input for analysis in analyses),
        rows=tuple(_paper_row(row, stem, len(analyses)) for row in placed),
        macs=tuple(analysis.macs for analysis in analyses),
        totals=tuple(_totals(chosen, sizes, overrides, rows, analyses)),
    )


def _titled(names: Sequence[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    for name in titles:
        if name not in names:
            guess = nearest(name, names)
            help = f"did you mean {guess}?" if guess else f"columns: {', '.join(names)}"
            raise fail("value", f"{name!r} is not a column", help=help)
    return tuple(titles.get(name, name) for name in names)


def _totals(
    sources: Sequence[Source],
    sizes: Sequence[Input | None],
    overrides: Sequence[str],
    rows: Sequence[Total],
    analyses: Sequence[Analysis],
) -> Iterator[TotalRow]:
    """A row for each total, and for each size of image where it depends on that."""
    for total in dict.fromkeys(rows):
        if total == "receptive_field":
            fields = (summary(source, sizes[0], overrides) for source in sources)
            yield TotalRow(total, None, tuple(each.receptive_field for each in fields))
        elif total != "macs" or len(sizes) == 1:
            yield TotalRow(total, None, tuple(getattr(each.cost, total) for each in analyses))
        else:
            for size in sizes:
                sized = [analyze(source, size, overrides) for source in sources]
                shown = {f"{each.input.height}x{each.input.width}" for each in sized}
                yield TotalRow(total, " or ".join(sorted(shown)), tuple(x.macs for x in sized))


class _Place(NamedTuple):
    """What networks share a row by."""

    part: Literal["stem", "stage", "head"]
    stage: str
    height: int
    width: int


class _Row(NamedTuple):
    """A row, and the cells of the networks that have it, by their numbers."""

    place: _Place
    cells: dict[int, Cell]


def _column(network: int, spec: Spec, analysis: Analysis) -> list[_Row]:
    """The rows of one network, from top to bottom."""
    placed: list[tuple[_Place, Item]] = []
    for place, term in reversed(list(_placed_terms(spec, analysis))):
        if placed and _is_pool(term) and _leads(place, placed[-1][0]):
            place = placed[-1][0]
        placed.append((place, _item(term)))
    runs = groupby(reversed(placed), key=lambda piece: piece[0])
    return [_Row(place, {network: tuple(item for _, item in run)}) for place, run in runs]


def _leads(pool: _Place, below: _Place) -> bool:
    """Pools stand with what follows them: those that end the stem, with the first stage."""
    ends_the_stem = (pool.part, below.part) == ("stem", "stage")
    return ends_the_stem or pool[:2] == below[:2]


def _placed_terms(spec: Spec, analysis: Analysis) -> Iterator[tuple[_Place, Row | HeadLayer]]:
    """The terms of a network, where their outputs put them."""
    for term, size in _printed(spec.stem, analysis.stem):
        yield _Place("stem", "", *_sides(size)), term
    for (name, stage), part in zip(spec.stages.items(), analysis.stages, strict=True):
        for term, size in _printed(stage.rows, part):
            yield _Place("stage", name, *_sides(size)), term
    for term, _ in _printed(spec.head, analysis.head):
        yield _Place("head", "", *_sides(analysis.output)), term


def _printed(
    terms: Sequence[Row | HeadLayer], part: PartAnalysis
) -> Iterator[tuple[Row | HeadLayer, Size]]:
    """Terms and their outputs; no term stands for the norm that ends a pre-activated network."""
    by_text = {item_text(term): term for term in terms}
    return ((by_text[line.text], line.output) for line in part.lines if line.text in by_text)


def item_text(term: Item | HeadLayer) -> str:
    """A layer, or a row, in the notation."""
    match term:
        case str():
            return term
        case Row():
            return format_row(term)
        case _:
            return format_layer(term)


def _sides(size: Size) -> tuple[int, int]:
    """Height and width; the paper prints a vector as a map of one pixel."""
    return (size.height, size.width) if isinstance(size, Shape) else (1, 1)


def _is_pool(term: Row | HeadLayer) -> bool:
    layers = term.layers if isinstance(term, Row) else (term,)
    return all(isinstance(layer, Pool | BlurPool | ZeroPad) for layer in layers)


def _item(term: Row | HeadLayer) -> Item:
    """A pool alone in a row of a stage is a layer, not a block."""
    match term:
        case Row(branches=((layer,),), repeats=1) if not isinstance(layer, Conv):
            return item_text(layer)
        case Row():
            return term
        case _:
            return item_text(term)


def _joined(rows: list[_Row], column: list[_Row]) -> list[_Row]:
    """The rows with one more column, both in their order."""
    joined: list[_Row] = []
    ours, theirs = [row.place for row in rows], [row.place for row in column]
    for same, i, j, k, m in SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes():
        if same == "equal":
            pairs = zip(rows[i:j], column[k:m], strict=True)
            joined += [_Row(row.place, row.cells | new.cells) for row, new in pairs]
        else:
            joined += merge(rows[i:j], column[k:m], key=_shrinking)
    return joined


def _shrinking(row: _Row) -> int:
    return -row.place.height * row.place.width


def _stem_name(rows: Sequence[_Row]) -> str:
    """The paper's, unless a stage has that name or a stem takes more than one row."""
    stems = Counter(network for row in rows if row.place.part == "stem" for network in row.cells)
    taken = any(row.place.stage == "conv1" for row in rows)
    return "stem" if taken or max(stems.values(), default=0) > 1 else "conv1"


def _paper_row(row: _Row, stem: str, count: int) -> PaperRow:
    place, cells = row.place, [row.cells.get(network, ()) for network in range(count)]
    return PaperRow(
        layer=stem if place.part == "stem" else place.stage,
        output=f"{place.height}x{place.width}",
        cells=tuple(cells),
        shared=_shared(cells),
    )


def _shared(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The layers, and no blocks, that all cells begin with."""
    firsts = takewhile(lambda items: len(set(items)) == 1, zip(*cells, strict=False))
    return tuple(takewhile(lambda item: isinstance(item, str), (items[0] for items in firsts)))
