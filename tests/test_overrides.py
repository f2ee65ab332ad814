"""`--set KEY=VALUE`: what a spec says, set otherwise, as a variant would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_dsl import Spec, SpecError, elaborate, load, loads
from resnet_dsl.answers.summaries import summary
from resnet_dsl.sources.resolve import resolve
from tests.command import run


def as_set(name: str, *settings: str) -> Spec:
    spec = resolve(name, settings).spec
    assert spec is not None
    return spec


ROWS = {
    "conv2_x": "[[1x1, 64], [3x3, 64], [1x1, 256]]",
    "conv4_x": "[[1x1, 256], [3x3, 256], [1x1, 1024]]",
}
VARIANTS = [
    ("input=3x64x64", "input: 3x64x64"),
    ("block.stride_on=first", "block: {stride_on: first}"),
    ("block={stride_on: first, bias: true}", "block: {stride_on: first, bias: true}"),
    ("block.norm.eps=1e-3", "block: {norm: {kind: batch, eps: 0.001}}"),
    ("output_stride=8", "output_stride: 8"),
    ("init.zero_init_residual=true", "init: {zero_init_residual: true}"),
    ("stages.conv3_x.stride=1", "stages: {conv3_x: {stride: 1}}"),
    ("stem.0.activation=gelu", 'stem: ["7x7, 64, /2, gelu", "3x3 max pool, /2"]'),
    ("stem.0.norm=false", 'stem: ["7x7, 64, /2, no norm", "3x3 max pool, /2"]'),
    ("head.1.bias=false", 'head: [average pool, "1000-d fc, no bias"]'),
    ("block.activation={kind: leaky_relu, slope: 0.1}", "block: {activation: leaky_relu 0.1}"),
    ("stages.conv5_x=null", "stages: {conv5_x: null}"),
    (
        "stages.conv2_x=[[3x3, 64], [3x3, 64]] x 3",
        'stages: {conv2_x: "[[3x3, 64], [3x3, 64]] x 3"}',
    ),
    (
        'stages.conv2_x=["[[3x3, 64]]", "[[5x5, 64]] x 2"]',
        'stages: {conv2_x: ["[[3x3, 64]]", "[[5x5, 64]] x 2"]}',
    ),
    ("stages.conv6_x=[[3x3, 64]]", 'stages: {conv6_x: "[[3x3, 64]]"}'),
    ("stages.conv2_x.rows.0.repeats=5", f'stages: {{conv2_x: "{ROWS["conv2_x"]} x 5"}}'),
    ("stages.conv2_x.0.repeats=5", f'stages: {{conv2_x: "{ROWS["conv2_x"]} x 5"}}'),
    (
        "stages.conv4_x.rows.0.1.C=32",
        'stages: {conv4_x: "[[1x1, 256], [3x3, 256, C=32], [1x1, 1024]] x 6"}',
    ),
    (
        "stages.conv4_x.rows.-1.1.C=32",
        'stages: {conv4_x: "[[1x1, 256], [3x3, 256, C=32], [1x1, 1024]] x 6"}',
    ),
    (
        "stages.conv4_x.0.1=5x5, 64",
        'stages: {conv4_x: "[[1x1, 256], [5x5, 64], [1x1, 1024]] x 6"}',
    ),
    ("stages.conv4_x.rows.0.0=null", 'stages: {conv4_x: "[[3x3, 256], [1x1, 1024]] x 6"}'),
    ("stem.1.pad=0", 'stem: ["7x7, 64, /2", "3x3 max pool, /2, pad 0"]'),
    ("stem.1.ceil=true", 'stem: ["7x7, 64, /2", "3x3 max pool, /2, ceil"]'),
    ("stem.1.stride=null", 'stem: ["7x7, 64, /2", "3x3 max pool"]'),
    ("stem.0.stride=1", 'stem: ["7x7, 64, /1", "3x3 max pool, /2"]'),
    ("stem.0.channels=32", 'stem: ["7x7, 32, /2", "3x3 max pool, /2"]'),
    ("stem.0.kernel=3", 'stem: ["3x3, 64, /2", "3x3 max pool, /2"]'),
    ("stem.0.bias=true", 'stem: ["7x7, 64, /2, bias", "3x3 max pool, /2"]'),
    ("stem.1=null", 'stem: ["7x7, 64, /2"]'),
    ("stem.-1=2x2 max pool", 'stem: ["7x7, 64, /2", "2x2 max pool"]'),
    ('stem.0="5x5, 64, /2"', 'stem: ["5x5, 64, /2", "3x3 max pool, /2"]'),
    ('stem=["3x3, 64"]', 'stem: ["3x3, 64"]'),
    ("stem=[]", "stem: []"),
    ("head.1=10-d fc", "head: [average pool, 10-d fc]"),
    ("head.1.features=10", "head: [average pool, 10-d fc]"),
    ("drop_path=0.1", "drop_path: 0.1"),
]


@pytest.mark.parametrize(("setting", "variant"), VARIANTS, ids=[case[0] for case in VARIANTS])
def test_a_setting_is_a_variant(setting: str, variant: str) -> None:
    actual = resolve("resnet50", [setting])
    assert actual.spec is not None
    expected = loads(f"extends: resnet50\n{variant}")
    assert actual.network == elaborate(expected)
    assert actual.spec.init == expected.init


OTHERS = [
    (
        "timm/resnet50_gn",
        "block.norm.groups=16",
        "block: {norm: {kind: group, groups: 16}}",
    ),
    ("timm/resnet50d", "stem.-1=null", 'stem: ["3x3, 32, /2", "3x3, 32", "3x3, 64"]'),
    ("timm/resnet50d", "block.projection=3x3", "block: {projection: 3x3}"),
    (
        "googlenet",
        "aux.inception4.1.1.channels=64",
        'aux: {inception4.1: [average pool to 4x4, "1x1, 64", 1024-d fc, dropout 0.7, 1000-d fc]}',
    ),
    ("googlenet", "aux.inception4.4=null", "aux: {inception4.4: null}"),
    (
        "googlenet",
        "stages.inception5.rows.1.2.0.channels=64",
        'stages: {inception5: ["[[2x2 max pool, ceil]]", "[[1x1, 256] | [1x1, 160], [3x3, 320] | '
        '[1x1, 64], [3x3, 128] | [3x3 max pool, /1], [1x1, 128]]", "[[1x1, 384] | [1x1, 192], '
        '[3x3, 384] | [1x1, 48], [3x3, 128] | [3x3 max pool, /1], [1x1, 128]]"]}',
    ),
    (
        "timm/seresnet18",
        "stages.conv2_x.0.2.hidden=4",
        'stages: {conv2_x: "[[3x3, 64], [3x3, 64], [se 4]] x 2"}',
    ),
    (
        "cifar/wrn28_10",
        "stages.conv2_x.0.1.p=0.5",
        'stages: {conv2_x: "[[3x3, 160], [dropout 0.5], [3x3, 160]] x 4"}',
    ),
    ("cifar/course", "stages.conv3_x=[[3x3, 8]]", 'stages: {conv3_x: "[[3x3, 8]]"}'),
    (
        "timm/resnetv2_50x1_bit",
        "stem.1.before=0",
        'stem: ["7x7, 64, /2", zero pad 0 1, "3x3 max pool, /2, pad 0"]',
    ),
]


@pytest.mark.parametrize(("name", "setting", "variant"), OTHERS, ids=[case[1] for case in OTHERS])
def test_variants_of_other_specs(name: str, setting: str, variant: str) -> None:
    assert resolve(name, [setting]).network == elaborate(loads(f"extends: {name}\n{variant}"))


def test_settings_follow_each_other() -> None:
    actual = as_set("resnet50", "stem.1=null", "stem.0.stride=1", "stem.0.stride=4")
    assert elaborate(actual) == elaborate(loads('extends: resnet50\nstem: ["7x7, 64, /4"]'))


def test_claims_of_the_spec_are_dropped_and_its_name_stays() -> None:
    actual = as_set("resnet50", "head.1=10-d fc")
    assert (actual.name, actual.expect.layers) == ("resnet50", None)
    assert as_set("resnet50", "name=mine").name == "mine"
    assert as_set("resnet50", "expect.layers=50").expect.layers == 50
    with pytest.raises(SpecError, match="the network has 50 layers, 51 expected"):
        as_set("resnet50", "expect.layers=51")


SPEC = """\
extends: resnet18
stages:
  conv2_x: {output: 56x56}
  conv3_x: {antialias: blur, output: 28x28}
"""


def test_files_are_set_as_zoo_names_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SPEC)
    actual = resolve(path, ["stages.conv3_x.stride=1"]).spec
    assert actual is not None
    stage = actual.stages["conv3_x"]
    assert (stage.output, stage.stride, stage.antialias) == (None, 1, "blur")
    with pytest.raises(SpecError, match="conv3_x gives 28x28, not 27x27") as error:
        resolve(path, ["stages.conv3_x.output=27x27"])
    assert str(error.value).startswith("--set:1:23: error[output]")


def test_specs_and_networks_are_set_too() -> None:
    spec = load("cifar/resnet20")
    expected = as_set("cifar/resnet20", "stem.0.channels=8")
    for source in (spec, elaborate(spec)):
        assert resolve(source, ["stem.0.channels=8"]).network == elaborate(expected)


FAULTS = [
    # the key
    ("stem", "value", 1, "--set stem=VALUE"),
    ("", "value", 1, "sets nothing"),
    ("=1", "value", 1, "empty part"),
    ("stem..pad=0", "value", 1, "empty part"),
    ("stem.1.pad=0\nname: x", "value", 1, "not a printable line"),
    (f"{'a.' * 5000}a=1", "limit", 1, "5,001 steps"),
    ("stm.1.pad=0", "unknown-key", 1, "did you mean 'stem'?"),
    ("block.stride_onn=first", "unknown-key", 7, "did you mean 'stride_on'?"),
    ("stages.conv7_x.stride=1", "unknown-key", 8, "'conv7_x' is not a stage"),
    ("stages.conv3_x.strid=1", "unknown-key", 16, "did you mean 'stride'?"),
    ("stem.2.pad=0", "unknown-key", 6, "items count from 0: 0 to 1"),
    ("stem.pad=0", "unknown-key", 6, "stem has no item pad"),
    ("head.-3=1-d fc", "unknown-key", 6, "head has no item -3"),
    ("stem.1.padd=0", "unknown-key", 8, "did you mean 'pad'?"),
    ("stem.1.C=0", "unknown-key", 8, "known here: kernel, stride, pad, ceil"),
    ("stem.1.pad.left=0", "unknown-key", 12, "pad has no parts"),
    ("head.0.pad=0", "unknown-key", 8, "known here: side"),
    ("input.0=1", "unknown-key", 7, "set it as a whole: --set input="),
    ("name.first=x", "unknown-key", 6, "name has no parts"),
    ("stages.conv3_x.rows.1.repeats=2", "unknown-key", 21, "stages.conv3_x.rows has no item 1"),
    ("stages.conv3_x.rows.0.3.C=2", "unknown-key", 23, "the block has no item 3"),
    ("stages.conv3_x.rows.0.1.0.C=2", "unknown-key", 23, "the row has no item 1"),
    ("stages.conv3_x.rows.0.repeat=2", "unknown-key", 23, "did you mean 'repeats'?"),
    ("output_stride=null", "unknown-key", 1, "nothing to remove"),
    ("extends=resnet18", "extends", 1, "cannot change its base"),
    # the value
    ("stem.1.pad=x", "value", 12, "'x' is not a whole number"),
    ("stem.1.pad=-1", "value", 12, "at least 0"),
    ("stem.0.C=0", "value", 10, "at least 1"),
    ("stem.1.pad=2", "row", 12, "more than half its window"),
    ("stem.1.ceil=3", "value", 13, "neither true nor false"),
    ("stem.0.kernel=null", "value", 15, "cannot be left out"),
    ("stem.0.channels=99999999", "limit", 17, "too large"),
    ("stem.0=7x7 64", "row", 8, "write 7x7, 64"),
    ("stem.0=softmax", "row", 8, "belongs to the head"),
    ("stages.conv3_x.rows.0.repeats=0", "value", 31, "at least 1"),
    ("stages.conv3_x.rows.0.1=se x", "row", 25, "not a layer"),
    ("stages.conv3_x=[[3x3, 64], [3x3 64]] x 3", "row", 29, "a comma is missing"),
    ("stages.conv3_x.rows.0.1.C=3", "cardinality", 27, "do not divide into 3 groups"),
    ("stages.conv3_x.rows.0=null", "missing", 23, "there are no rows"),
    ("block.stride_on=frist", "value", 17, "write first"),
    ("output_stride=7", "value", 15, "7 is not a value"),
    ("input=3x32", "value", 7, "write 3x32x32"),
    ('input="3x32', "yaml", 11, "a quote is not closed"),
    ("input=!x 3", "yaml", 7, "the tag !x has no meaning"),
    ("stem={", "yaml", 6, "is not closed"),
    ("stem=[[7x7, 64]]", "unquoted", 6, "put each layer in quotes"),
    ("head=null", "missing", 1, "'head' is missing"),
]


@pytest.mark.parametrize(("setting", "code", "column", "text"), FAULTS)
def test_faults_are_placed_in_the_setting(setting: str, code: str, column: int, text: str) -> None:
    with pytest.raises(SpecError) as error:
        resolve("resnet50", [setting])
    (actual,) = error.value.diagnostics
    assert (actual.code, actual.column) == (code, column)
    assert actual.span
    assert actual.span.source.name == "--set"
    assert text in str(error.value)


def test_a_fault_is_shown_in_the_text_of_its_setting() -> None:
    result = run("trace", "resnet50", "--set", "stem.0.stride=1", "--set", "stem.1.pad=x")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "--set:1:12: error[value]: 'x' is not a whole number\n"
        "  |\n"
        "1 | stem.1.pad=x\n"
        "  |            ^\n"
        "  = help: like 2\n"
    )


def test_a_fault_of_the_spec_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("input: 3x32x32\nstem: []\nstages: {a: '[[3x3, 8]]'}\n")
    with pytest.raises(SpecError, match="'head' is missing") as error:
        resolve(path, ["input=3x64x64"])
    assert error.value.diagnostics[0].span
    assert error.value.diagnostics[0].span.source.name == str(path)


WORDS = ["stem", "head", "stages", "conv2_x", "rows", "0", "1", "-1", "C", "pad", "repeats", "x y"]
VALUES = ["null", "", "0", "[", "{a: b}", "&a b", "*a", "!t x", "| x", "a: b", "# c", "- a", '"x']


@given(
    key=st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=6).map(".".join),
    value=st.sampled_from(VALUES) | st.text(max_size=12),
    equals=st.sampled_from(["=", "=", "=", ""]),
)
def test_any_setting_gives_a_network_or_a_diagnostic(key: str, value: str, equals: str) -> None:
    result = run("summary", "resnet18", f"--set={key}{equals}{value}")
    assert (result.exit_code, bool(result.stdout)) in {(0, True), (2, False)}


def test_summaries_take_settings() -> None:
    actual = summary("resnet50", overrides=["block.stride_on=first"])
    assert (actual.receptive_field, actual.macs) == (483, load("paper/resnet50").expect.macs)
    arguments = ("resnet18", "resnet50", "--set", "head.1=10-d fc")
    first, other = json.loads(run("summary", *arguments, "--json").stdout)
    assert [part["params"] for part in (first["parts"][-1], other["parts"][-1])] == [5_130, 20_490]
    title, *_ = run("summary", "resnet50", "--set", "stem.1.pad=0").stdout.splitlines()
    assert title == "resnet50, 3x224x224, stem.1.pad=0"
    assert run("summary", "resnet50", "--set", "stem").exit_code == 2
