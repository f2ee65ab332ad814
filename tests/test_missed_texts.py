"""Texts and values that no other test would miss: what a mutant of the code read otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from resnet_dsl import SpecError, check, dumps, loads
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import NotationError
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.reader import read_text

# ---------------------------------------------------------------- texts


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ",3x3, 64",
            "[3x3, 64",
            "average pool to 7x8",
            "scale 0",
            "scale 0.1, bias",
            "relu 3",
        ),
        *("normalize, mean 1 2, std 1", "normalize, mean 1, std 0", "eca", "spatial attention"),
        *("eca 3, bias", "se 4, eps 0.1", "se 16, linear", "se 16, prelu", "se 16, elu 0.5"),
        *("se 4, gate prelu", "se 4, gate nonsense", "batch norm, eps 2", "batch norm, eps -0.5"),
        *("batch norm, momentum 2", "3x3 max pool, as window", "average pool to 7x7, as window"),
        *("average and max pool, bias", "dropout -0.5", "10-d 1x2 conv"),
    ],
)
def test_texts_that_are_no_layers(text: str) -> None:
    with pytest.raises(NotationError):
        parse_layer(text)


@pytest.mark.parametrize(
    "text",
    [
        *("[[identity], [3x3, 4]]", "[[add], [3x3, 4]]", "[[3x3, 4] + [add]]"),
        *(
            "[[3x3, 4], [add] | [3x3, 4]]",
            "[[3x3, 4], [add], [add]]",
            "[[3x3, 4], [add], [3x3, 4]]",
        ),
    ],
)
def test_texts_that_are_no_rows(text: str) -> None:
    with pytest.raises(NotationError):
        parse_row(text)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("batch norm, eps 0", "batch norm, eps 0.0"),
        ("Batch norm, momentum 1", "batch norm, momentum 1.0"),
        ("batch norm, momentum 0.25", "batch norm, momentum 0.25"),
        ("batch norm, momentum Cumulative", "batch norm, momentum cumulative"),
        ("3x3 MAX pool", "3x3 max pool"),
        ("Global MAX pool", "global max pool"),
        ("max pool to 2x2", "max pool to 2x2"),
        ("average pool, as window", "average pool, as window"),
        ("average pool, as window of the Height", "average pool, as window of the height"),
        ("average and max pool", "average and max pool"),
        ("MAX and average pool", "max and average pool"),
        ("Log Softmax", "log softmax"),
        ("L2 normalize", "l2 normalize"),
        ("3x3, 64, norm", "3x3, 64, norm"),
        ("channel dropout 0.5", "channel dropout 0.5"),
    ],
)
def test_layers_are_printed_as_they_are_read(text: str, printed: str) -> None:
    layer = parse_layer(text)
    assert format_layer(layer).replace("eps 0,", "eps 0.0,") in {
        printed,
        printed.replace(".0", ""),
    }
    assert parse_layer(printed) == layer


# ---------------------------------------------------------------- the reader

BASE = "input: 3x8x8\nstem: ['3x3, 4']\nstages: {a: '[[3x3, 4], [3x3, 4]]'}\nhead: []\n"


@pytest.mark.parametrize(
    ("setting", "option"),
    [("linear", ", linear"), ("prelu", ", prelu"), ("gelu", ", gelu"), ("swish", ", silu")],
)
def test_activations_of_layers_are_set(setting: str, option: str) -> None:
    spec = read_text(BASE, overrides=[f"stem.0.activation={setting}"]).spec
    assert format_layer(spec.stem[0]) == f"3x3, 4{option}"


@pytest.mark.parametrize("setting", ["nonsense", "3", "[relu]"])
def test_other_values_are_no_activations(setting: str) -> None:
    with pytest.raises(SpecError, match="is not an activation"):
        read_text(BASE, overrides=[f"stem.0.activation={setting}"])


def test_a_text_is_set_as_it_stands() -> None:
    with pytest.raises(SpecError, match="a blank is missing before the #"):
        read_text(BASE, overrides=["stem.0=3x3, 4 # c"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: [resnet18]", "extends takes the name of one spec"),
        ("extends: resnet18\nstages: none\n", "is not a mapping"),
        ("extends: resnet18\nblock: relu\n", "is not a mapping"),
    ],
)
def test_variants_of_the_wrong_kind(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_text(text)


def test_null_removes_a_stage_that_is_a_mapping() -> None:
    base = "extends: cifar/resnet20\nstages: {conv4_x: null}"
    assert list(read_text(base).spec.stages) == ["conv2_x", "conv3_x"]


@pytest.mark.parametrize(
    ("keys", "printed"),
    [
        ("block: {norm: {kind: batch, eps: 0.00001, momentum: 0.2}}", "momentum: 0.2"),
        ("block: {norm: {kind: batch, eps: 0.0000001}}", "eps: 1.0e-07"),
        ("name: 'No'", 'name: "No"'),
        ("name: '010'", 'name: "010"'),
        ("block: {activation: {kind: leaky_relu, slope: 0.2}}", "slope: 0.2"),
    ],
)
def test_values_are_written_so_that_yaml_reads_them_back(keys: str, printed: str) -> None:
    spec = loads(f"{BASE}{keys}\n")
    assert printed in dumps(spec)
    assert loads(dumps(spec)) == spec


# ---------------------------------------------------------------- groups, settings and places


def test_groups_that_divide_nothing_are_said_to() -> None:
    keys = "block: {norm: {kind: group, groups: 4}}\n"
    odd = BASE.replace("4]", "5]").replace("3x3, 4'", "3x3, 7'")
    with pytest.raises(SpecError, match="no number of groups divides all widths") as error:
        loads(odd + keys)
    assert len(error.value.diagnostics) == 1
    own = BASE.replace("[3x3, 4], [3x3, 4]", "[3x3, 4], [group norm, groups 3]")
    with pytest.raises(SpecError, match="groups must divide 4: 1, 2 or 4"):
        loads(own)
    with pytest.raises(SpecError, match="norm's 3 groups"):
        loads(own.replace("group norm", "evonorm norm"))


def test_a_factor_may_be_negative_and_a_rate_may_not() -> None:
    row = BASE.replace("[3x3, 4]]", "[3x3, 4], [scale 0.1], [dropout 0.5]]")
    spec = read_text(row, overrides=["stages.a.rows.0.2.factor=-0.5"]).spec
    assert format_layer(spec.stages["a"].rows[0].layers[2]) == "scale -0.5"
    with pytest.raises(SpecError, match="is too small"):
        read_text(row, overrides=["stages.a.rows.0.3.p=-0.5"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stem.0.at=3", "has no 'at'"),
        ("head.0.pad=1", "has no item 0"),
        ("stages.a.rows.0=[[3x3", "the value ends inside of brackets"),
    ],
)
def test_settings_that_lead_nowhere(setting: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        read_text(BASE, overrides=[setting])
    (fault,) = error.value.diagnostics
    assert fault.span
    assert fault.span.source.text == setting
    assert fault.span.end <= len(setting) + 1


def test_a_base_whose_stages_are_none_is_a_fault_of_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("input: 3x8x8\nstem: []\nstages: none\nhead: []\n")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nname: mine\n")
    (fault,) = check(tmp_path / "mine.yaml")
    assert fault.span
    assert fault.span.source.name.endswith("base.yaml")
    assert (fault.code, fault.line) == ("value", 3)


@pytest.mark.parametrize(
    ("setting", "message", "place"),
    [
        ('stem.0="3x3, 4, foo"', "'foo'", (17, 20)),
        ("block.norm=nonsense  ", "nonsense", (12, 20)),
        (" block.norm=nonsense", "nonsense", (13, 21)),
        ("=3", "empty part", (1, 3)),
        ("stages.a.rows.0.repeats=x", "whole number", (25, 26)),
    ],
)
def test_faults_of_settings_have_their_places(
    setting: str, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(SpecError, match=message) as error:
        read_text(BASE, overrides=[setting])
    (fault,) = error.value.diagnostics
    assert fault.span
    assert (fault.span.column, fault.span.end) == place


def test_a_part_of_what_is_no_text_is_not_set() -> None:
    with pytest.raises(SpecError, match="holds no text here"):
        read_text(BASE.replace("'3x3, 4'", "null"), overrides=["stem.0.pad=1"])


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("hello", "it begins like input: 3x224x224"),
        ("resnet50", "a variant begins with extends: resnet50"),
        ("extends: qqqqqq", "`resnet-dsl zoo` lists the names; a file ends in .yaml"),
    ],
)
def test_what_is_no_spec_yet_is_helped(text: str, help: str) -> None:
    with pytest.raises(SpecError) as error:
        loads(text)
    assert error.value.diagnostics[0].help == help
