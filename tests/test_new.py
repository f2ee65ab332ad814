"""Specs that start variants: they load as they are, and with every line in force."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_dsl import Spec, dumps, load, loads, zoo
from resnet_dsl.reader import read_spec
from resnet_dsl.reader.layout import is_formatted
from resnet_dsl.sources.new_variant import variant
from tests.command import run
from tests.specs import chosen


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stated(spec: Spec) -> list[str]:
    """What a spec says of a network: all but its name and what it expects."""
    return [line for line in dumps(spec).splitlines() if not line.startswith(("name:", "expect:"))]


def uncommented(text: str) -> str:
    """A spec with the lines after `extends:` in force."""
    head, mark, lines = text.partition("\nextends:")
    assert mark
    return head + mark + re.sub("^# ", "", lines, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "base",
    chosen(zoo()),
)
def test_a_new_spec_is_its_base_with_and_without_the_comments(base: str) -> None:
    text = variant("mine", base, load(base))
    full = uncommented(text)
    assert text != full
    assert text.count("\n# ") == full.count("\n") - 3
    for source in (text, full):
        assert loads(source).name == "mine"
        assert stated(loads(source)) == stated(load(base))


def test_new_writes_a_spec_that_checks(folder: Path) -> None:
    result = run("new", "mine")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "wrote mine.yaml\n")
    assert [source.name for source in folder.iterdir()] == ["mine.yaml"]
    assert (folder / "mine.yaml").read_text().splitlines() == [
        "# yaml-language-server: $schema=resnet-dsl.schema.json",
        "# A variant of resnet50: uncomment and change what differs",
        "name: mine",
        "extends: resnet50",
        "# input: 3x224x224",
        "# stem:",
        "#   - 7x7, 64, /2",
        "#   - 3x3 max pool, /2",
        "# stages:",
        '#   conv2_x: "[[1x1, 64], [3x3, 64], [1x1, 256]] x 3"',
        '#   conv3_x: "[[1x1, 128], [3x3, 128], [1x1, 512]] x 4"',
        '#   conv4_x: "[[1x1, 256], [3x3, 256], [1x1, 1024]] x 6"',
        '#   conv5_x: "[[1x1, 512], [3x3, 512], [1x1, 2048]] x 3"',
        "# head:",
        "#   - average pool",
        "#   - 1000-d fc",
    ]
    assert is_formatted(read_spec("mine.yaml"))
    assert run("check", "mine.yaml").stdout == "mine.yaml: ok\n"


BASE = """
name: base
input: 3x32x32
stem: ["3×3, 16"]
block: {bias: true}
stages:
  output: "[[3x3, 16]]"
  b: {rows: "[[3x3, 32]]", output: 16x16}
head: []
expect: {layers: 3}
"""


def test_a_variant_of_a_file_names_it_from_its_own_folder(folder: Path) -> None:
    (folder / "specs").mkdir()
    (folder / "specs" / "my base.yaml").write_text(BASE, encoding="utf-8")
    run("new", "first", "--like", "specs/my base.yaml")
    run("new", "second", "--like", "specs/my base.yaml", "-o", "specs/other.yaml")
    run("new", "third", "--like", str(folder / "specs" / "my base.yaml"))
    for source, extends in {
        "first.yaml": "specs/my base.yaml",
        "specs/other.yaml": "my base.yaml",
        "third.yaml": "specs/my base.yaml",
    }.items():
        text = (folder / source).read_text()
        assert f"\nextends: {extends}\n" in text or f'\nextends: "{extends}"\n' in text
        (folder / source).write_text(uncommented(text))
        assert load(source).stages["output"] == load("specs/my base.yaml").stages["output"]
        assert load(source).stages["b"].output is None, "it speaks of the base"
        assert load(source).expect.layers is None
    assert load("specs/other.yaml").name == "second"


def test_a_name_may_come_with_its_suffix(folder: Path) -> None:
    assert run("new", "mine.yaml", "--like", "resnet18").stderr == "wrote mine.yaml\n"
    assert load("mine.yaml").name == "mine"
    assert run("new", "a/b", "-o", "ab.yaml").exit_code == 0
    assert load("ab.yaml").name == "a/b", "-o says where, the name says what"
    assert {source.name for source in folder.iterdir()} == {"mine.yaml", "ab.yaml"}


@pytest.mark.parametrize("name", ["", ".yaml", ".", "..", "../x", "a/b", "/x", r"a\b", "C:x"])
def test_a_name_leads_nowhere_else(folder: Path, name: str) -> None:
    result = run("new", name)
    assert result.exit_code == 2
    assert "is not a name of a file" in result.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", [" ", "a\x07", "a\x7f", "a\0", "\udcff", "a\nb", "x" * 101])
def test_a_name_is_one_that_a_spec_can_have(folder: Path, name: str) -> None:
    for arguments in ([name], [name, "-o", "spec.yaml"]):
        result = run("new", *arguments)
        assert result.exit_code == 2
        assert "error[" in result.stderr
    assert list(folder.iterdir()) == []


@given(st.text(max_size=110))
def test_no_name_gives_a_spec_that_does_not_load(name: str) -> None:
    source = Path("spec.yaml")
    source.unlink(missing_ok=True)
    if run("new", "-o", "spec.yaml", "--", name).exit_code == 0:
        assert load(source).name == re.sub(r"\.ya?ml$", "", name)
    else:
        assert not source.exists()


def test_nothing_is_written_over(folder: Path) -> None:
    (folder / "mine.yaml").write_text("kept")
    (folder / "link.yaml").symlink_to("nowhere.yaml")
    for name in ("mine", "link"):
        result = run("new", name)
        assert result.exit_code == 2
        assert f"{name}.yaml: exists" in result.stderr
    assert (folder / "mine.yaml").read_text() == "kept"
    assert not (folder / "nowhere.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--like", "resnet5O"], "did you mean 'resnet50'?"),
        (["--like", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["--like", ""], "is not a spec of the zoo"),
        (["--like", "."], "is a directory"),
        (["--like", "broken.yaml"], "broken.yaml:2:8: error[row]"),
        (["--like", "binary.yaml"], "not a text file"),
        (["--like", "vanishing.yaml"], "vanishing.yaml:2:"),
        (["--like", "spec.txt"], "a file ends in .yaml"),
        (["--like", "spec.yaml", "-o", "below/x.yaml"], "outside the new spec's folder"),
        (["-o", "no/x.yaml"], "no such folder"),
        (["-o", "below"], "is a folder"),
        (["-o", "spec.txt/x.yaml"], "no such folder"),
    ],
)
def test_bad_input_is_a_diagnostic(folder: Path, arguments: list[str], message: str) -> None:
    (folder / "below").mkdir()
    (folder / "spec.yaml").write_text("extends: resnet18\n")
    (folder / "spec.txt").write_text("extends: resnet18\n")
    (folder / "broken.yaml").write_text("extends: resnet18\nhead: [fc ten]\n")
    (folder / "vanishing.yaml").write_text("extends: resnet18\nexpect: {layers: 3}\n")
    (folder / "binary.yaml").write_bytes(bytes(range(256)))
    before = sorted(folder.rglob("*"))
    result = run("new", "mine", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "error[" in result.stderr
    assert sorted(folder.rglob("*")) == before
