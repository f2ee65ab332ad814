"""Mutants of specs and options are answered; the schema takes all that the reader takes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from resnet_dsl import SpecError, check
from resnet_dsl.language.json_schema import schema
from resnet_dsl.reader import plain_data, read_text
from resnet_dsl.reader.tree import compose
from tests.fuzz import examined, faults_of, mutant

VALIDATOR = jsonschema.Draft202012Validator(schema())


def sample(exhaustive: int, plain: int, request: pytest.FixtureRequest) -> range:
    return range(exhaustive if request.config.getoption("--exhaustive") else plain)


def test_mutants_are_answered(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for number in sample(4_000, 400, request):
        each = mutant(1, number)
        assert examined(each, tmp_path) == [], each


def test_a_place_outside_of_the_file_would_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("extends: resnet18\n\n\ninput: x\n")
    answer = check(path)
    assert faults_of(answer, path.read_text(), str(path)) == []
    assert len(faults_of(answer, "extends: resnet18\n", str(path))) == 1


def test_the_schema_takes_what_the_reader_takes(request: pytest.FixtureRequest) -> None:
    """And so the reader refuses what the schema refuses."""
    read = refused = 0
    for number in sample(8_000, 1_000, request):
        each = mutant(2, number)
        if each.options:
            continue
        text = each.data.decode("utf-8", "replace")
        try:
            read_text(text)
        except SpecError:
            refused += 1
            continue
        read += 1
        data = plain_data(compose(read_text(text).own.span.source))
        errors = [error.message for error in VALIDATOR.iter_errors(data)]
        assert not errors, f"{each.number}: {text}\n{errors[0][:500]}"
    assert read > 50
    assert refused > 50


SPEC = {
    "input": "3x32x32",
    "stem": ["3x3, 16"],
    "stages": {"a": "[[3x3, 16], [3x3, 16]] x 2"},
    "head": ["average pool", "10-d fc"],
}


@pytest.mark.parametrize(
    "change",
    [
        {"stem": ["3x3 16"]},
        {"stem": ["3x3, 16 /2"]},
        {"stem": ["[3x3, 16"]},
        {"stem": ["3x3, 16, /2,"]},
        {"head": ["average pool", "1,000-d fc"]},
        {"head": ["dropout"]},
        {"head": ["max pool"]},
        {"aux": {"a.1": ["fc"]}},
        {"stages": {"a": "[[3x3 16], [3x3, 16]] x 2"}},
        {"stages": {"a": "[[3x3, 16], [3x3, 16] x 2"}},
        {"stages": {"a": "[[3x3, 16], [3x3, 16]]] x 2"}},
        {"stages": {"a": "[3x3, 16], [3x3, 16] x 2"}},
        {"stages": {"a": "[[3x3, 16], [bn]] x 2"}},
        {"stages": {"a": ["[[3x3, 16], [3x3, 16]] 2"]}},
        {"stages": {"a": {"rows": "[[3x3, 16], [3x3]] x 2"}}},
        {"input": "３x32x32"},
        {"extends": "resnext50"},
        {"block": {"norm": "bn"}},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_a_pattern_can_see(change: dict[str, object]) -> None:
    VALIDATOR.validate(SPEC)
    with pytest.raises(SpecError):
        read_text(yaml.safe_dump({**SPEC, **change}))
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**SPEC, **change})
