"""Table 1 of He et al. 2015 for any networks: a column a network, a row the maps of one size.

This is the table as data; `resnet_dsl.render.paper_table` prints it. It has the rows of the pages and
the sizes and MACs that they give, as papers do; keys of blocks and auxiliary classifiers stand in
the pages alone.

>>> conv1, conv2_x, *_ = paper_table(["resnet18", "resnet50"]).rows
>>> conv2_x.output, conv2_x.shared
('56x56', ('3x3 max pool, /2',))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import merge
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from resnet_dsl.ir import Shape, Size
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation import (
    BlurPool,
    Conv,
    HeadLayer,
    Pool,
    Row,
    ZeroPad,
    format_layer,
    format_row,
)
from resnet_dsl.report.analysis import Analysis, Part
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.sources.resolve import Source, resolve

Item: TypeAlias = str | Row
"""A layer in its printed form, or a block and its repeats."""

Cell: TypeAlias = tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """The layers of a part whose maps have one size; the head has no name.

    The layers in `shared` stand first in all networks, and span their columns; `cells` has what
    follows in each. A network without such a row has an empty cell, and then nothing is shared.
    """

    layer: str
    output: str
    shared: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def bands(self) -> tuple[tuple[Cell, ...], ...]:
        """What stands below each other: one cell for all networks, then a cell for each."""
        spanning = ((self.shared,),) if self.shared else ()
        return (*spanning, self.cells) if any(self.cells) else spanning

    @property
    def whole_cells(self) -> tuple[Cell, ...]:
        """All that each network has in this row."""
        return tuple((*self.shared, *cell) for cell in self.cells)

    @property
    def texts(self) -> list[list[str]]:
        """The same in the notation."""
        return [[_text(item) for item in cell] for cell in self.whole_cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """The rows, and of each network its name, the size of its images and its MACs."""

    networks: tuple[str, ...]
    inputs: tuple[Shape, ...]
    rows: tuple[PaperRow, ...]
    macs: tuple[int, ...]


def paper_table(sources: Iterable[Source], input: str | Sequence[int] | None = None) -> PaperTable:
    """The table of paths, zoo names, Specs or Networks, at their own inputs or at another one.

    Networks share a row where the stage's name and the size of its maps agree. Each column reads
    from top to bottom; between rows that are shared, larger maps come first. Raises `SpecError`
    where a source is no network, or cannot take the input.
    """
    shape = input_shape(input)
    names, found, rows = [], [], list[_Row]()
    for i, source in enumerate(sources):
        resolved = resolve(source)
        found.append(resolved.analysis(shape))
        typed = str(source) if isinstance(source, str | Path) else f"network {i + 1}"
        names.append(resolved.spec.name or typed)
        rows = _joined(rows, _column(i, resolved.spec, found[i]))
    stem = _stem_name(rows)
    return PaperTable(
        networks=tuple(names),
        inputs=tuple(one.input for one in found),
        rows=tuple(_paper_row(row, stem, len(found)) for row in rows),
        macs=tuple(one.macs for one in found),
    )


def paper_table_json(table: PaperTable) -> dict[str, Any]:
    """The same facts for programs."""
    return {
        "networks": list(table.networks),
        "inputs": [list(input) for input in table.inputs],
        "rows": [
            {"layer": row.layer, "output": row.output, "cells": row.texts} for row in table.rows
        ],
        "macs": list(table.macs),
    }


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


def _column(network: int, spec: Spec, found: Analysis) -> list[_Row]:
    """The rows of one network, from top to bottom."""
    placed: list[tuple[_Place, Item]] = []
    for place, word in reversed(list(_words(spec, found))):
        if placed and _is_pool(word) and _leads(place, placed[-1][0]):
            place = placed[-1][0]
        placed.append((place, _item(word)))
    runs = groupby(reversed(placed), key=lambda piece: piece[0])
    return [_Row(place, {network: tuple(item for _, item in run)}) for place, run in runs]


def _leads(pool: _Place, below: _Place) -> bool:
    """Pools stand at the head of what follows them: those that end the stem, of the first stage."""
    ends_the_stem = (pool.part, below.part) == ("stem", "stage")
    return ends_the_stem or pool[:2] == below[:2]


def _words(spec: Spec, found: Analysis) -> Iterator[tuple[_Place, Row | HeadLayer]]:
    """The words of a network, where their outputs put them."""
    for word, size in _said(spec.stem, found.stem):
        yield _Place("stem", "", *_sides(size)), word
    for (name, stage), part in zip(spec.stages.items(), found.stages, strict=True):
        for word, size in _said(stage.rows, part):
            yield _Place("stage", name, *_sides(size)), word
    for word, _ in _said(spec.head, found.head):
        yield _Place("head", "", *_sides(found.output)), word


def _said(words: Sequence[Row | HeadLayer], part: Part) -> Iterator[tuple[Row | HeadLayer, Size]]:
    """Words and their outputs; no word says the norm that ends a pre-activated network."""
    by_text = {_text(word): word for word in words}
    return ((by_text[line.text], line.output) for line in part.lines if line.text in by_text)


def _text(word: Item | HeadLayer) -> str:
    match word:
        case str():
            return word
        case Row():
            return format_row(word)
        case _:
            return format_layer(word)


def _sides(size: Size) -> tuple[int, int]:
    """Height and width; the paper prints a vector as a map of one pixel."""
    return (size.height, size.width) if isinstance(size, Shape) else (1, 1)


def _is_pool(word: Row | HeadLayer) -> bool:
    layers = word.layers if isinstance(word, Row) else (word,)
    return all(isinstance(layer, Pool | BlurPool | ZeroPad) for layer in layers)


def _item(word: Row | HeadLayer) -> Item:
    """A pool alone in a row of a stage is a layer, no block."""
    match word:
        case Row(branches=((layer,),), repeats=1) if not isinstance(layer, Conv):
            return _text(layer)
        case Row():
            return word
        case _:
            return _text(word)


def _joined(rows: list[_Row], column: list[_Row]) -> list[_Row]:
    """The rows with one more column, both in their order."""
    joined: list[_Row] = []
    ours, theirs = [row.place for row in rows], [row.place for row in column]
    for same, i, j, k, m in SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes():
        if same == "equal":
            pairs = zip(rows[i:j], column[k:m], strict=True)
            joined += [_Row(one.place, one.cells | other.cells) for one, other in pairs]
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
    shared = _shared(cells)
    return PaperRow(
        layer=stem if place.part == "stem" else place.stage,
        output=f"{place.height}x{place.width}",
        shared=shared,
        cells=tuple(cell[len(shared) :] for cell in cells),
    )


def _shared(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The layers, and no blocks, that all cells begin with."""
    firsts = takewhile(lambda items: len(set(items)) == 1, zip(*cells, strict=False))
    return tuple(takewhile(lambda item: isinstance(item, str), (items[0] for items in firsts)))
