"""What notebooks show of specs, networks and answers."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

from resnet_dsl import analyze, diff, draw, elaborate, load, loads, table, trace, zoo

NOTEBOOK = Path(__file__).parent.parent / "examples" / "figures.ipynb"


@pytest.mark.parametrize("name", zoo()[::15])
def test_a_spec_prints_as_yaml_and_is_one_line(name: str) -> None:
    spec = load(name)
    assert loads(str(spec)) == spec
    assert re.fullmatch(r"<Spec .*: \d+x\d+x\d+, \d+ stages?, \d+ blocks?>", repr(spec))
    assert repr(load("resnet50")) == "<Spec resnet50: 3x224x224, 4 stages, 16 blocks>"


def test_records_are_shown_as_html() -> None:
    spec = load("resnet18")
    shown = {
        "spec": spec,
        "figure": elaborate(spec),
        "numbers": analyze(spec),
        "trace": trace(spec),
        "table": table([spec]),
        "diff": diff(spec, "resnet34"),
    }
    for what, record in shown.items():
        root = ElementTree.fromstring(record._repr_html_())  # noqa: S314 - our own text
        assert root.tag.rpartition("}")[2] == {
            "spec": "pre",
            "figure": "svg",
            "diff": "pre",
        }.get(what, "table")
    assert f"{analyze(spec).params:,}" in analyze(spec)._repr_html_()
    assert trace("resnet50")._repr_html_().count("<tr>") < len(trace("resnet50").lines)


def test_a_drawing_is_shown_as_svg_and_printed_as_boxes() -> None:
    drawing = draw("resnet18")
    assert drawing._repr_svg_() == drawing.data("svg").decode()
    assert "┌───" in str(drawing)


def test_the_notebook_runs_and_shows_what_it_has(update_golden: bool) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    metadata = deepcopy(notebook.metadata)
    NotebookClient(notebook, timeout=60).execute()
    if update_golden:
        for cell in notebook.cells:
            cell.metadata = {}
        notebook.metadata = metadata
        nbformat.write(notebook, NOTEBOOK)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, outputs in zip(cells, shown, strict=True):
        assert outputs, cell.source
        assert [output.data for output in cell.outputs] == [output.data for output in outputs]
    assert NOTEBOOK.stat().st_size < 100_000
