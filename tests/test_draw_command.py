"""`resnet-dsl draw`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resnet_dsl import SpecError, draw
from tests.command import run


def test_a_terminal_shows_boxes() -> None:
    lines = run("draw", "resnet18", "-o", "-").stdout.splitlines()
    assert " stem     112x112 ┌───────────────────┐" in lines
    assert "                  │ 3x3 conv, 128, /2 │  ┊ 1x1 conv, 128, /2" in lines
    assert "                  └───────────────────┘◂╌╯" in lines
    assert any(
        "auxiliary" in line for line in run("draw", "googlenet", "-o", "-").stdout.split("\n")
    )


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.svg", b"<svg"),
        ("a.pdf", b"%PDF"),
        ("a.png", b"\x89PNG"),
        ("a.tikz", b"% resnet18"),
        ("a.tex", b"% resnet18"),
        ("a.dot", b"digraph"),
        ("a.mmd", b"%% resnet18"),
    ],
)
def test_the_end_of_a_name_is_the_format(name: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    result = run("draw", "resnet18", "-o", path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"wrote {path}\n")
    assert path.read_bytes().startswith(start)
    again = run("draw", "resnet18", "-o", path)
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert run("draw", "resnet18", "-o", path, "--force").exit_code == 0


def test_without_an_output_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("draw", "resnet152")
    assert result.stdout.startswith("resnet152: stages, ")
    assert "-o figure.svg writes it" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        ("resnet18 -o a.gif", "a.gif: the name ends in .gif", "end it in one of .svg"),
        ("resnet18 -o a", "a: the name has no ending", ".pdf"),
        ("resnet18 --block conv2_x.3", "conv2_x has no block '3'", "conv2_x.1 to conv2_x.2"),
        ("resnet18 --block conv2_x", "conv2_x is a stage", "conv2_x.1 to conv2_x.2"),
        ("resnet18 --block stem.1", "stem has no blocks", "blocks: conv2_x.1, conv3_x.1"),
        ("resnet18 --block conv9_x.1", "'conv9_x' is not a stage", "conv5_x"),
        ("resnet18 --block conv2_x.1 --style maps", "a block is drawn alone", "leave out style"),
        ("resnet18 resnet34 --block conv2_x.1", "a block is drawn alone", "name one network"),
        ("resnet18 --diff", "a difference is that of two networks", "name two"),
        ("resnet18 resnet34 --diff --style maps", "maps show no difference", "figure3"),
        ("resnet18 --width 1", "1.0 is not a width", "88"),
        ("resnet18 -o nowhere/a.svg", "no such folder", "mkdir nowhere"),
        ("resnet18 -o tests", "tests: is a folder", "name a file"),
        ("resnet18 --style maps -o a.dot", "maps have no graph", ".svg"),
        ("resnet18 --width 88 -o a.mmd", "a width of 88 mm", "leave it out"),
        ("resnet18 --block layer1.2", "no block '3'", "conv2_x.1 to conv2_x.2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(words: str, message: str, help: str) -> None:
    result = run("draw", *words.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert help in result.stderr


def test_other_words_are_refused_in_python() -> None:
    words: list[dict[str, Any]] = [{"style": "figure5"}, {"theme": "blue"}]
    for arguments in words:
        with pytest.raises(SpecError, match="is not a"):
            draw("resnet18", **arguments)
    for sources in (list[str](), 5):
        with pytest.raises(SpecError):
            draw(sources)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="'88' is not a width"):
        draw("resnet18", width="88")  # type: ignore[arg-type]


def test_modules_of_libraries_name_blocks() -> None:
    assert draw("resnet50", block="layer2.0").columns == draw("resnet50", block="conv3_x.1").columns


def test_small_texts_are_told(tmp_path: Path) -> None:
    result = run("draw", "resnet50", "--style", "maps", "--width", "88", "-o", tmp_path / "a.svg")
    assert "its texts have 3." in result.stderr


def test_a_spec_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.svg"
    path.write_text("extends: resnet18\n")
    assert run("draw", path, "-o", path, "--force").exit_code == 2
    assert path.read_text() == "extends: resnet18\n"


def test_names_of_files_of_any_bytes_are_drawn(tmp_path: Path) -> None:
    source = "{input: 3x8x8, stem: [], stages: {a: '[[3x3, 8]]'}, head: []}"
    for name in ("b\udcff.yaml", "n\nx.yaml"):
        path = tmp_path / name
        path.write_text(source)
        for ending in ("svg", "pdf", "tex", "dot", "mmd"):
            assert run("draw", path, "-o", tmp_path / f"a.{ending}", "--force").exit_code == 0
        assert run("report", path, "-o", tmp_path / "a.html", "--force").exit_code == 0


def test_numbers_of_any_length_are_refused() -> None:
    for number in ("9" * 5000, "01", "\u0661"):
        result = run("draw", "resnet18", "--block", f"conv2_x.{number}")
        assert result.exit_code == 2
        assert "conv2_x has no block" in result.stderr
