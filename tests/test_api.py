"""Every command is a function with the same arguments; names are in plain words."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

import resnet_dsl
from resnet_dsl import Shape, SpecError, analyze, load
from resnet_dsl.cli import COMMANDS, main
from resnet_dsl.language.spec import Expect

ROOT = Path(__file__).parent.parent
FUNCTIONS = {"fmt": "format_text"}
PRINTED = {
    "as_csv",
    "as_json",
    "caption",
    "every",
    "form",
    "fix",
    "format",
    "output",
    "write",
    "verify",
    "help",
    "label",
    "meta",
    "sort",
    "standalone",
    "weights",
    "device",
}
"""Options about what is printed or written, and those of `build` that its own tests cover."""
ANSWERS = ["summary", "layers", "trace", "table", "diff", "blocks", "check"]


def function_of(command: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(resnet_dsl, FUNCTIONS.get(command, command))
    return function


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_public_function(command: str) -> None:
    assert FUNCTIONS.get(command, command) in resnet_dsl.__all__
    assert inspect.signature(function_of(command))


@pytest.mark.parametrize("command", ANSWERS)
def test_a_command_and_its_function_have_the_same_arguments(command: str) -> None:
    click_command = main.get_command(click.Context(main), command)
    assert click_command is not None
    options = {str(parameter.name) for parameter in click_command.params} - PRINTED
    parameters = set(inspect.signature(function_of(command)).parameters) - {
        "names",
        "inputs",
    }  # --input repeated
    assert {re.sub("^specs?$", "source", name) for name in options} == {
        re.sub("^sources$", "source", name) for name in parameters
    }


@pytest.mark.parametrize("command", ["summary", "trace", "table", "blocks", "diff"])
def test_an_input_is_a_text_a_tuple_or_a_shape(command: str) -> None:
    ask = function_of(command)
    sources = ["resnet18", "resnet34"] if command == "diff" else ["resnet18"]
    arguments: list[Any] = [sources] if command in {"summary", "table"} else sources
    if command == "summary":
        arguments = ["resnet18"]
    answers = [ask(*arguments, input=input) for input in ("3x96x64", (3, 96, 64), Shape(3, 96, 64))]
    assert answers[0] == answers[1] == answers[2]
    assert ask(*arguments, input=64) == ask(*arguments, input="64x64")
    assert ask(*arguments, input=(96, 64)) == answers[0]  # the channels stay
    for invalid in ("x96", (64,), (3, 96, 0), (3, 96.5, 64), [3, "a", 64], 0, True, "3x96x64x1"):
        with pytest.raises(SpecError, match="input"):
            ask(*arguments, input=invalid)


def test_a_spec_is_validated_wherever_it_comes_from() -> None:
    spec = load("resnet18")
    assert analyze(replace(spec, input=(3, 64, 64), expect=Expect())).input == Shape(3, 64, 64)  # type: ignore[arg-type]
    for invalid in (
        replace(spec, drop_path=7.0),
        replace(spec, input=(64, 64)),  # type: ignore[arg-type]
        replace(spec, block="basic"),  # type: ignore[arg-type]
        replace(spec, output_stride=7),  # type: ignore[arg-type]
    ):
        with pytest.raises(SpecError):
            analyze(invalid)


# The words that were private to this project, and names that say nothing about a value.
IDENTIFIERS = {"found", "pace", "paces", "paced", "carrier", "manner", "aside", "taps", "showing"}
IDENTIFIERS |= {
    "one",
    "made",
    "said",
    "sayable",
    "unsayable",
    "DoubtError",
    "_Rehearsal",
}
WORDS = re.compile(r"\b(unsayable|sayable|in front of|carriers?|a mend)\b")
PUBLISHED = {"CHANGELOG.md", "test_api.py"}  # the list itself, and what was renamed
SOURCES = [
    path
    for folder in ("resnet_dsl", "tests", "benchmarks", "examples", "docs", "specs")
    for path in [*(ROOT / folder).rglob("*"), *ROOT.glob("*.md")]
    if path.suffix in {".py", ".md", ".yaml", ".txt", ".csv"} and path.name not in PUBLISHED
]


def test_no_name_is_of_the_old_vocabulary() -> None:
    for path in SOURCES:
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {getattr(node, field, None) for field in ("id", "arg", "attr", "name")}
            assert not {str(name) for name in names} & IDENTIFIERS, path


def test_no_text_is_of_the_old_vocabulary() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [match[0] for match in WORDS.finditer(text)], path
