"""Every broken spec gives its diagnostic: `reject/NAME.yaml` and what is printed for it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from resnet_dsl import SpecError, load
from resnet_dsl.diagnostics import Code, render

FOLDER = Path(__file__).parent / "reject"
SPECS = sorted(source.stem for source in FOLDER.glob("*.yaml"))


def rejected(name: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        load(f"{name}.yaml")
    return caught.value


@pytest.mark.parametrize("name", SPECS)
def test_a_broken_spec_is_rejected(
    name: str, monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    monkeypatch.chdir(FOLDER)
    error = rejected(name)
    printed = "".join(f"{render(diagnostic)}\n" for diagnostic in error.diagnostics)
    golden = FOLDER / f"{name}.txt"
    if update_golden:
        golden.write_text(printed, encoding="utf-8")
        pytest.fail(f"wrote {golden.name}: read it, then run again")
    assert printed == golden.read_text(encoding="utf-8")
    for diagnostic in error.diagnostics:
        assert diagnostic.line is not None
        assert diagnostic.column is not None
        assert diagnostic.message


def test_every_code_of_a_spec_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    actual = {diagnostic.code for name in SPECS for diagnostic in rejected(name).diagnostics}
    elsewhere = {
        "unsupported",
        "weights",
        "source",
        "device",
        "install",
    }  # no fault of a spec: see test_weights and others
    assert actual == set(get_args(Code)) - elsewhere
