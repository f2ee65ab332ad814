"""docs/errors.md: a section for each code, whose examples are refused and taken as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from resnet_dsl.diagnostics import Code
from resnet_dsl.sources.resolve import check_text
from tests.command import run

TEXT = (Path(__file__).parent.parent / "docs" / "errors.md").read_text(encoding="utf-8")
SECTIONS = {
    section.partition("\n")[0]: section for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)
}
REFUSED = re.compile(r"^```yaml refused\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TAKEN = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    \$ resnet-dsl (.*)\n    (.*)$", re.MULTILINE)


def test_every_code_has_a_section_in_order() -> None:
    assert list(SECTIONS)[1:] == list(get_args(Code))


@pytest.mark.parametrize("code", [code for code in SECTIONS if REFUSED.search(SECTIONS[code])])
def test_a_spec_is_refused_with_its_code_and_taken_without(code: str) -> None:
    (refused,), (taken,) = REFUSED.findall(SECTIONS[code]), TAKEN.findall(SECTIONS[code])
    assert {diagnostic.code for diagnostic in check_text(refused, "a.yaml")} == {code}
    assert check_text(taken, "a.yaml") == ()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=() if code in {"file", "not-text"} else pytest.mark.torch)
        for code in ("file", "not-text", "weights", "source", "device")
    ],
)
def test_a_command_is_refused_with_its_code(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.txt").write_text("not weights")
    Path("picture.yaml").write_bytes(b"\x89PNG\r\n")
    match = COMMAND.search(SECTIONS[code])
    assert match
    result = run(*match[1].split())
    assert result.exit_code == 2
    assert f"error[{code}]" in result.stderr
    assert match[2] in result.stderr
