"""`resnet-dsl check`: warnings, formats for other programs, the standard input, and fixes."""

from __future__ import annotations

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resnet_dsl import SpecWarning, analyze, check, load
from resnet_dsl.sources.fixing import fixed_text
from tests.command import run

SUSPICIOUS = "extends: resnet18\ninput: 224x224x3\n"
BROKEN = "extend: resnet18\n"
TWO = BROKEN + "head: [average pool, 10-d fc relu]\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suspicious.yaml").write_text(SUSPICIOUS)
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "wide.yaml").write_text("extends: resnet18\nhead: [average pool, '9-d fc, relu']\n")
    return tmp_path


@pytest.mark.usefixtures("here")
def test_a_warning_is_no_error_unless_the_check_is_strict() -> None:
    result = run("check", "suspicious.yaml")
    assert (result.exit_code, result.stdout) == (0, "suspicious.yaml: ok\n")
    assert result.stderr.startswith("suspicious.yaml:2:8: warning[suspicious-input]: ")
    result = run("check", "--strict", "suspicious.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("suspicious.yaml:2:8: error[suspicious-input]: ")
    assert [each.severity for each in check("suspicious.yaml")] == ["warning"]
    assert [each.severity for each in check("suspicious.yaml", strict=True)] == ["error"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["summary", "layers", "table", "diff"])
def test_every_command_warns_once(command: str) -> None:
    files = ["suspicious.yaml"] * (2 if command == "diff" else 1)
    result = run(command, *files)
    assert result.exit_code == 0
    assert result.stderr.count("warning[suspicious-input]") == 1
    assert "warning" not in result.stdout


@pytest.mark.usefixtures("here")
def test_in_python_a_warning_is_a_warning() -> None:
    with pytest.warns(SpecWarning, match="channels come first") as caught:
        analyze("suspicious.yaml")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load("resnet18")


@pytest.mark.usefixtures("here")
def test_an_input_is_checked_as_the_spec_is() -> None:
    assert run("check", "vgg16", "--input", "8").exit_code == 2
    assert run("check", "vgg16", "--input", "1x64x64").exit_code == 0
    assert "suspicious-input" in run("check", "vgg16", "--input", "64x64x3").stderr


@pytest.mark.usefixtures("here")
def test_json_has_every_diagnostic_of_every_spec() -> None:
    result = run("check", "broken.yaml", "suspicious.yaml", "resnet18", "--format", "json")
    assert result.exit_code == 2
    first, second = json.loads(result.stdout)
    assert first["fix"] == {
        "file": "broken.yaml",
        "line": 1,
        "column": 1,
        "end_column": 7,
        "text": "extends",
    }
    assert (first["code"], first["severity"], first["help"]) == (
        *("unknown-key", "error"),
        "did you mean 'extends'?",
    )
    assert (second["severity"], second["line"], second["path"]) == ("warning", 2, "input")
    assert json.loads(run("check", "resnet18", "--format", "json").stdout) == []


@pytest.mark.usefixtures("here")
def test_github_shows_each_at_its_line() -> None:
    lines = run("check", "broken.yaml", "suspicious.yaml", "--format", "github").stdout.splitlines()
    assert lines[0] == (
        "::error file=broken.yaml,line=1,col=1,endColumn=7,title=resnet-dsl%3A unknown-key::"
        "'extend' is not a key here%0Ahelp: did you mean 'extends'?"
    )
    assert lines[1].startswith("::warning file=suspicious.yaml,line=2,col=8,endColumn=17,")
    assert len(lines) == 2


@pytest.mark.usefixtures("here")
def test_sarif_is_of_its_standard() -> None:
    report = json.loads(run("check", "broken.yaml", "--format", "sarif").stdout)
    (sarif_run,) = report["runs"]
    (result,) = sarif_run["results"]
    assert report["version"] == "2.1.0"
    assert result["ruleId"] in {rule["id"] for rule in sarif_run["tool"]["driver"]["rules"]}
    assert (result["level"], result["message"]["text"][:8]) == ("error", "'extend'")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "broken.yaml"},
        "region": {"startLine": 1, "startColumn": 1, "endColumn": 7},
    }
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "extends"}


def test_the_standard_input_is_checked() -> None:
    result = run("check", "-", input=SUSPICIOUS)
    assert (result.exit_code, result.stdout) == (0, "-: ok\n")
    assert result.stderr.startswith("<stdin>:2:8: warning")
    assert run("check", "-", input=BROKEN).exit_code == 2
    assert run("check", "-", "--fix", input=BROKEN).exit_code == 2


def test_fix_rewrites_what_has_one_fix_and_shows_it(here: Path) -> None:
    (here / "broken.yaml").write_text(TWO)
    result = run("check", "--fix", "broken.yaml")
    assert result.exit_code == 0
    assert "-extend: resnet18\n" in result.stdout
    assert "+extends: resnet18\n" in result.stdout
    assert (here / "broken.yaml").read_text() == (
        'extends: resnet18\nhead: [average pool, "10-d fc, relu"]\n'
    )
    again = run("check", "--fix", "broken.yaml")  # a warning is no error: it stays
    assert "@@" not in again.stdout


def test_fix_keeps_line_ends_marks_and_what_has_no_fix(here: Path) -> None:
    path = here / "broken.yaml"
    path.write_bytes(b"\xef\xbb\xbfextend: resnet18\r\nstem: [dropout]  # why\r\n")
    result = run("check", "--fix", "broken.yaml")
    assert result.exit_code == 2
    assert "a dropout without its rate" in result.stderr
    assert path.read_bytes() == b"\xef\xbb\xbfextends: resnet18\r\nstem: [dropout]  # why\r\n"


def test_fix_follows_a_base_in_its_folder_and_spares_it(here: Path) -> None:
    base = "extends: resnet18\nblock: {bias: yes}\n"
    (here / "base.yaml").write_text(base)
    (here / "mine.yaml").write_text("extends: base.yaml\nblock: {norm: bn, bias: true}\n")
    assert run("check", "--fix", "mine.yaml").exit_code == 0
    assert (here / "base.yaml").read_text() == base
    assert (here / "mine.yaml").read_text() == (
        "extends: base.yaml\nblock: {norm: batch, bias: true}\n"
    )


def test_fix_rewrites_no_shipped_spec() -> None:
    result = run("check", "--fix", "resnet18")
    assert result.exit_code == 2
    assert "is a shipped spec and is not rewritten" in result.stderr


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("extends: resnet18\nblock: {bias: yes}\n", "extends: resnet18\nblock: {bias: true}\n"),
        (
            "extends: resnet18\nblock: {projection: avg}\n",
            'extends: resnet18\nblock: {projection: "average pool, 1x1"}\n',
        ),
        ("extends: resnet18\ninput:3x64x64\n", "extends: resnet18\ninput: 3x64x64\n"),
        ("extends: resnet18\nstem: 3x3, 64\n", 'extends: resnet18\nstem: ["3x3, 64"]\n'),
        ("extends: resnet18\ninput: ３x64x64\n", "extends: resnet18\ninput: 3x64x64\n"),
        (
            "extends: resnet18\nstages:\n  conv2_x: '[[3x3 64], [3x3 64]] x 2'\n",
            "extends: resnet18\nstages:\n  conv2_x: '[[3x3, 64], [3x3, 64]] x 2'\n",
        ),
        (
            "extends: resnet18\nstem:\n- 7x7 64 /2\n- 3x3 max pool /2\n",
            "extends: resnet18\nstem:\n- 7x7, 64, /2\n- 3x3 max pool, /2\n",
        ),
    ],
)
def test_fixes_give_the_text_that_was_meant(text: str, fixed: str) -> None:
    result = fixed_text(text)
    assert result.text == fixed
    assert result.diagnostics == ()
    assert fixed_text(fixed) == (fixed, "", ())


@pytest.mark.parametrize(
    "text",
    [
        "extends: resnet18\ninput: [3,\n  64, 64]\n",
        "extends: resnet18\nstages:\n  conv2_x: [[3x3, 64],\n    [3x3, 64]]\n",
        "extends: resnet18\nstem:\n- 7x7 64\n  /2\n",
        "extends: resnet18\nhead:\n  average pool\n  10-d fc\n",
        "extends: resnet18\nblock: {norm: group}\nblok: {bias: true}\n",
        "extends: resnet18\nhead: [average pool, 10-d fc]\nhed: [average pool]\n",
        "extends: resnet18\ninit: xavier\n",
        "extends: resnet18\ndrop_path: 1\n",
        "extends: resnet18\nhead: [average pool, softmax 10]\n",
        "extends: resnet18\nstages: {conv2_x: '[[3x3, 64], [3x3, 64]] x 2 x 3'}\n",
        "name: Модель\ninput: 3x32x32\nstem: []\nstages: {a: '[[3x3, 8]]'}\n",
    ],
)
def test_fix_leaves_what_it_cannot_mend(text: str) -> None:
    result = fixed_text(text)
    assert (result.text, result.change) == (text, "")
    assert result.diagnostics


def test_a_number_of_channels_is_never_joined_to_another() -> None:
    assert "64128" not in fixed_text("extends: resnet18\nstem: [3x3 64 128]\n").text


def test_fix_indents_below_a_key_in_the_place_of_tabs() -> None:
    text = "extends: resnet18\nstages:\n\tconv2_x: '[[3x3, 64], [3x3, 64]] x 3'\n"
    assert fixed_text(text).text == text.replace("\t", "  ")


def test_checks_in_threads_do_not_mix(here: Path) -> None:
    (here / "clean.yaml").write_text("extends: resnet18\n")
    names = ["suspicious.yaml", "clean.yaml"] * 40
    with ThreadPoolExecutor(8) as pool:
        counts = [len(each) for each in pool.map(check, names)]
    assert counts == [1, 0] * 40


@pytest.mark.usefixtures("here")
def test_a_warning_is_at_the_line_of_the_caller_and_once() -> None:
    for size in (None, 64, "1x64x64"):
        with pytest.warns(SpecWarning) as caught:
            analyze("wide.yaml", size)
        assert [each.filename for each in caught] == [__file__]


@pytest.mark.usefixtures("here")
def test_an_input_that_does_not_fit_is_at_its_option() -> None:
    result = run("summary", "vgg16", "--input", "8")
    assert result.stderr.startswith("--input:1:1: error[size]: ")
    line = run("check", "resnet18", "--input", "64x64x3", "--format", "github").stdout
    assert "file=" not in line


def test_each_fault_is_at_its_own_cause(here: Path) -> None:
    (here / "two.yaml").write_text(
        "extends: resnet50\nblock: {order: pre, norm: {kind: group, groups: 7}}\n"
        "stages: {conv5_x: {dilation: 2}}\n"
    )
    places = [(each.code, each.line, each.column) for each in check("two.yaml")]
    assert sorted(places) == [("cardinality", 2, 49), ("dilation", 3, 30)]


def test_one_key_is_one_diagnostic_whatever_it_breaks(here: Path) -> None:
    (here / "evo.yaml").write_text("extends: resnet50\nblock: {norm: evonorm}\n")
    (fault,) = check("evo.yaml")
    assert (fault.code, fault.line) == ("order", 2)


SENSIBLE = [
    "head: [average pool, '10-d fc, sigmoid']",
    "head: [average pool, '48-d fc, tanh']",
    "head: [average pool, '4096-d fc, relu', dropout 0.5, '4096-d fc, relu']",
    "head: [average pool, '2048-d fc, relu', 2048-d fc]",
    "head: [average pool]",
    "input: 64x32x4",
    "input: 22x1000x2",
    "input: 1x224x224",
    "input: 3x320x480",
    "block: {order: pre, norm: group}",
    "expect: {layers: 18, params: 11689512, macs: 1814073344}",
    "stages: {conv6_x: '[[3x3, 1024], [3x3, 1024]] x 2'}",
]


@pytest.mark.parametrize("line", SENSIBLE)
def test_a_sensible_variant_is_not_suspicious(line: str, here: Path) -> None:
    (here / "a.yaml").write_text(f"extends: resnet18\n{line}\n")
    assert check("a.yaml", overrides=[]) == ()


def test_stages_may_be_named_by_the_size_of_their_maps(here: Path) -> None:
    stages = ", ".join(f"res{size}: '[[3x3, 8], [3x3, 8]]'" for size in (56, 28, 14, 7))
    (here / "a.yaml").write_text(
        f"input: 3x56x56\nstem: ['3x3, 8']\nstages: {{{stages}}}\nhead: [average pool]\n"
    )
    assert check("a.yaml") == ()
