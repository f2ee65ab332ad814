"""Every broken spec gives its diagnostic: `reject/NAME.yaml` and what is printed for it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from resnet_dsl import check
from resnet_dsl.diagnostics import Code, render
from resnet_dsl.sources.resolve import check_text

FOLDER = Path(__file__).parent / "reject"
SPECS = sorted(source.stem for source in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", SPECS)
def test_a_broken_or_suspicious_spec_is_diagnosed(
    name: str, monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    monkeypatch.chdir(FOLDER)
    diagnostics = check(f"{name}.yaml")
    printed = "".join(f"{render(diagnostic)}\n" for diagnostic in diagnostics)
    golden = FOLDER / f"{name}.txt"
    if update_golden:
        golden.write_text(printed, encoding="utf-8")
        pytest.fail(f"wrote {golden.name}: read it, then run again")
    assert printed == golden.read_text(encoding="utf-8")
    assert diagnostics
    for diagnostic in diagnostics:
        assert diagnostic.line is not None
        assert diagnostic.column is not None
        assert diagnostic.message
        assert diagnostic.help
        is_warning = diagnostic.code.startswith("suspicious-")
        assert (diagnostic.severity == "warning") == is_warning


@pytest.mark.parametrize("name", SPECS)
def test_advice_that_is_followed_works(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    path = Path(f"{name}.yaml")
    for diagnostic in check(path):
        if diagnostic.fix is None or diagnostic.fix.span is None:
            continue
        source, (_, line, start, end) = diagnostic.fix.span.source, diagnostic.fix.span
        before, after = source.offset(line, start), source.offset(line, end)
        assert source.text[before:after] != diagnostic.fix.text  # what was typed
        text = source.text[:before] + diagnostic.fix.text + source.text[after:]
        left = check_text(text, str(path), path=path)
        same = [(each.code, each.message, each.line, each.column) for each in left]
        place = (diagnostic.line, diagnostic.column)
        assert (diagnostic.code, diagnostic.message, *place) not in same


def test_every_code_of_a_spec_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    actual = {diagnostic.code for name in SPECS for diagnostic in check(f"{name}.yaml")}
    elsewhere = {
        "unsupported",
        "weights",
        "source",
        "device",
        "install",
    }  # no fault of a spec: see test_weights and others
    assert actual == set(get_args(Code)) - elsewhere
