"""The documents say what the program does: their Python, commands and specs are run."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from resnet_dsl import loads
from resnet_dsl.cli import COMMANDS, main
from tests.command import run as run_command

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
WITH_TORCH = re.compile(r"\b(build|lift|timm)\b")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    """The fenced blocks of a language in all documents, each with its place."""
    parameters: list[object] = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for block in FENCE.finditer(text):
            if block[1] == language:
                place = f"{document.relative_to(ROOT)}:{text[: block.start()].count(chr(10)) + 2}"
                parameters.append(parameter(block[2], block[2].partition("\n")[0], place))
    return parameters


def parameter(value: object, text: str, id: str) -> object:
    """A parameter, marked where its text needs torch."""
    return pytest.param(value, id=id, marks=pytest.mark.torch if WITH_TORCH.search(text) else ())


def python_of(document: Path) -> str:
    """The Python of a document, as one text."""
    fences = FENCE.findall(document.read_text(encoding="utf-8"))
    return "".join(block for language, block in fences if language == "python")


@pytest.mark.parametrize(
    "document",
    [parameter(path, python_of(path), path.name) for path in DOCUMENTS],
)
def test_python_in_the_documents_runs(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "timm" in python_of(document):
        import_module("tests.pytorch.conftest")  # declares the operators of torchvision
    test = doctest.DocTestParser().get_doctest(python_of(document), {}, "document", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


SECONDS = re.compile(r"\d+\.\d+ s")
BROKEN = """input: 3x32x32
stem:
  - 3x3, 16
stages:
  conv2_x: "[[3x3, 16], [3x3, 16]] x 3"
  conv3_x: "[[1x1, 96], [3x3, 96, C=64], [1x1, 256]] x 3"
head: []
"""


@pytest.mark.parametrize("text", blocks("console"))
def test_commands_in_the_documents_print_what_they_show(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, _, shown = text.partition("\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text(BROKEN)
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "resnet-dsl"
    printed = CliRunner().invoke(main, arguments).output
    assert _plain(shown) == _plain(printed)


def _plain(text: str) -> list[str]:
    return [SECONDS.sub("… s", line.rstrip()) for line in text.rstrip().splitlines()]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_specs_in_the_documents_are_specs(text: str) -> None:
    loads(text)


def keys(data: Any, prefix: str = "") -> Iterator[str]:
    """The keys of what `--json` prints, dotted; lists stand for what is in them."""
    if isinstance(data, list):
        for item in data:
            yield from keys(item, prefix)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield prefix + key
            yield from keys(value, f"{prefix}{key}.")


JSON = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        "summary resnet18 --training",
        "layers resnet18",
        "trace googlenet",
        "table resnet18 lenet5",
        "diff resnet18 resnet34",
        "blocks resnet50",
        "zoo",
        "export lenet5 -o lenet5.py",
        pytest.param("build lenet5 --meta", marks=pytest.mark.torch),
        pytest.param("benchmark lenet5 --seconds 0", marks=pytest.mark.torch),
    ],
)
def test_the_keys_for_programs_are_documented(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command, *_ = arguments.split()
    section = re.search(rf"^## `{command} .*?(?=^## |\Z)", JSON, re.MULTILINE | re.DOTALL)
    assert section
    rows = [line for line in section[0].splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`(.*?)`", row.split("|")[1])}
    printed = CliRunner().invoke(main, [*arguments.split(), "--json"]).stdout
    free = ("not_counted.", "training.kept.", "training.total.")
    shown = {key for key in keys(json.loads(printed)) if not key.startswith(free)}
    assert shown == documented


def test_the_readme_names_its_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in (
        "pip install -c constraints.txt . && resnet-dsl build specs/resnet50.yaml",
        'pip install -c constraints.txt -e ".[test]" && pytest',
    ):
        assert f"    {command}\n" in readme


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_documents_speak_of_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"resnet-dsl {command}" in readme


def test_the_figures_are_those_that_the_script_makes() -> None:
    spec = spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    assert spec
    assert spec.loader
    figures = module_from_spec(spec)
    sys.modules["figures"] = figures
    spec.loader.exec_module(figures)
    shown = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    for path, text in figures.files():
        assert (ROOT / "docs" / path).read_text(encoding="utf-8") == text, f"{path}: make it again"
        assert path.name in shown, path
    for figure in figures.GALLERY:
        words = figure.command.split()[1:-2]
        assert run_command(*words).exit_code == 0, words
