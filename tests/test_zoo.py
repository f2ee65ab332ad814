"""The shipped specs: short, in normal form, valid by their schema."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from resnet_dsl import dumps, elaborate, load, recover, zoo
from resnet_dsl.language.json_schema import schema
from resnet_dsl.language.shipped import FOLDER, zoo_path
from tests.specs import chosen, plain

SCHEMA_FILE = FOLDER / "resnet-dsl.schema.json"
SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("name", chosen(zoo()))
def test_specs_are_in_normal_form(name: str) -> None:
    spec = load(name)
    assert recover(elaborate(spec)) == plain(spec)


@pytest.mark.parametrize("name", chosen(zoo()))
def test_specs_are_short_and_name_schema_and_source(name: str) -> None:
    lines = zoo_path(name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (60 if "pruned" in name else 40), "a pruned block has widths of its own"
    assert max(map(len, lines)) <= 100
    up = "../" * name.count("/")
    assert lines[0] == f"# yaml-language-server: $schema={up}resnet-dsl.schema.json"
    assert (zoo_path(name).parent / lines[0].partition("=")[2]).resolve() == SCHEMA_FILE.resolve()
    assert lines[1].startswith("# ")
    assert re.search(r" (19|20)\d\d\b", lines[1]), "a spec names its source and year"


@pytest.mark.parametrize("name", chosen(zoo()))
def test_every_spec_expects_its_counts(name: str) -> None:
    expect = load(name).expect
    assert None not in (expect.layers, expect.params, expect.macs)


WHOLE = [name for name in zoo() if "\nextends:" not in zoo_path(name).read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", chosen(WHOLE))
def test_specs_are_printed_as_they_are_written(name: str) -> None:
    lines = zoo_path(name).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("#")]
    assert dumps(load(name)).splitlines() == kept


def test_specs_are_short_on_the_whole() -> None:
    lengths = [len(zoo_path(name).read_text(encoding="utf-8").splitlines()) for name in zoo()]
    assert statistics.median(lengths) <= 15


@pytest.mark.parametrize("name", chosen(zoo()))
def test_specs_are_valid_by_the_schema(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load(zoo_path(name).read_text(encoding="utf-8")))


def test_the_schema_file_is_the_models_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == SCHEMA


SPEC: dict[str, Any] = {
    "input": "3x32x32",
    "stem": ["3x3, 16"],
    "stages": {"a": "[[3x3, 16]]"},
    "head": [],
}


@pytest.mark.parametrize(
    "source",
    [
        SPEC | {"stages": {"a": ["[[3x3, 16]]", "[[3x3, 8]] x 2"]}},
        SPEC | {"stages": {"a": {"rows": "[[3x3, 16]]", "stride": 1, "norm": "none"}}},
        SPEC | {"block": {"norm": {"kind": "batch", "eps": 0.001}}},
        {"extends": "resnet50", "stages": {"conv5_x": None, "conv4_x": {"stride": 1}}},
    ],
)
def test_the_schema_takes_every_form(source: dict[str, Any]) -> None:
    VALIDATOR.validate(source)


@pytest.mark.parametrize(
    "source",
    [
        {key: value for key, value in SPEC.items() if key != "head"},
        SPEC | {"blocks": {}},
        SPEC | {"stages": {"a": "3x3, 16"}},
        SPEC | {"stages": {"1st": "[[3x3, 16]]"}},
        SPEC | {"stages": {"a": {"rows": "[[3x3, 16]]", "shortcut": "D"}}},
        SPEC | {"input": "32x32"},
        SPEC | {"expect": {"layers": "18"}},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(source: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(source)


def test_the_zoo_lists_every_spec() -> None:
    names = zoo()
    assert len(names) == len(set(names)) == len(list(Path(FOLDER).rglob("*.yaml")))
    assert names.index("resnet50") < names.index("resnet101") < names.index("cifar/resnet20")
