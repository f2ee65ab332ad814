"""Every layer in the order of computation: its name, its sizes and its costs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from resnet_dsl import SpecError, analyze, elaborate, load, loads
from resnet_dsl.answers.tracing import trace
from resnet_dsl.folds.field import receptive_field
from tests.command import run

LISTINGS = Path(__file__).parent / "listings"


def traced(*arguments: str) -> list[dict[str, Any]]:
    result = run("trace", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    lines: list[dict[str, Any]] = json.loads(result.stdout)
    return lines


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
def test_the_trace_agrees_with_the_listing(name: str) -> None:
    with (LISTINGS / f"{name}_224.csv").open(newline="") as file:
        _, *listed = csv.reader(file)
    actual = []
    for line in traced(name):
        if line["op"] in {"conv", "maxpool"} and "downsample" not in line["path"]:
            keys = ("op", "kernel", "in_channels", "out_channels", "stride", "padding")
            sizes = (line["in_size"], line["out_size"])
            assert all(height == width for height, width in sizes)
            stage = line["stage"] if line["stage"] != "stem" else "conv1"
            where = ["conv2_x" if line["op"] == "maxpool" else stage, str(line["block"] or "")]
            actual.append([*where, *(str(line[key]) for key in keys), *(str(s[0]) for s in sizes)])
    assert actual == listed


@pytest.mark.parametrize(
    "name", ["resnet50", "googlenet", "vgg16", "timm/seresnet18", "timm/ecaresnet26t", "lenet5"]
)
def test_params_and_macs_add_up(name: str) -> None:
    actual, lines = analyze(name), trace(name).lines
    auxiliary = sum(part.params for part in actual.auxiliaries)
    assert sum(line.params for line in lines) == actual.params - auxiliary
    assert sum(line.macs for line in lines) == actual.macs
    for part in actual.parts[: len(actual.parts) - len(actual.auxiliaries)]:
        assert sum(line.params for line in lines if line.stage == part.name) == part.params


@pytest.mark.parametrize("name", ["resnet50", "vgg16"])
def test_the_last_line_has_the_receptive_field(name: str) -> None:
    assert trace(name).lines[-1].receptive_field == receptive_field(elaborate(load(name)))


def test_the_field_ends_with_the_map() -> None:
    source = """
    input: 3x32x32
    stem: ["3x3, 8"]
    stages: {a: "[[3x3, 8], [3x3, 8]]"}
    head: [average pool to 4x4, "3x3, 8", 10-d fc]
    """
    spec = loads(source)
    assert {line.receptive_field for line in trace(spec, stage="head").lines} == {7}
    assert receptive_field(elaborate(spec)) == 7


def test_sizes_follow_the_input() -> None:
    lines = {line["path"]: line for line in traced("resnet50", "--input", "3x448x224")}
    assert (lines["conv1"]["in_size"], lines["conv1"]["out_size"]) == ([448, 224], [224, 112])
    assert lines["layer4.2.add"]["out_size"] == [14, 7]
    assert (lines["flatten"]["in_size"], lines["flatten"]["out_size"]) == ([1, 1], None)
    assert (lines["fc"]["in_channels"], lines["fc"]["out_channels"]) == (2048, 1000)
    assert lines["layer2.0.downsample.0"]["why"] == "projection: 256x112x56 → 512x56x28"


def test_lines_of_a_basic_block_have_torchvisions_names() -> None:
    paths = [line["path"] for line in traced("resnet18", "--stage", "conv3_x", "--block", "1")]
    names = "conv1 bn1 relu conv2 bn2 downsample.0 downsample.1 add relu"
    assert paths == [f"layer2.0.{name}" for name in names.split()]


def test_branches_are_concatenated_in_their_block() -> None:
    lines = traced("googlenet", "--stage", "inception3", "--block", "1")
    last = lines[-1]
    assert (last["path"], last["op"]) == ("inception3a.concat", "concat")
    assert last["out_channels"] == 64 + 128 + 32 + 32
    assert last["why"] == "4 branches side by side"
    assert [line["path"] for line in lines if line["op"] == "maxpool"] == ["inception3a.branch4.0"]


def test_of_branches_the_widest_field_counts() -> None:
    source = (
        "input: 3x32x32\nstem: []\nblock: {shortcut: none}\nstages: {a: '[[1x1, 8] | [5x5, 8]]'}"
    )
    actual = trace(loads(f"{source}\nhead: []")).lines
    assert [line.receptive_field for line in actual if line.op in {"conv", "concat"}] == [1, 5, 5]


def test_pools_between_blocks_are_in_no_block() -> None:
    first, second, *_ = traced("googlenet", "--stage", "inception4")
    assert (first["path"], first["block"], first["why"]) == ("maxpool3", None, None)
    assert second["block"] == 1


def test_auxiliary_classifiers_do_not_run() -> None:
    assert not [line for line in traced("googlenet") if line["path"].startswith("aux")]


def test_every_kind_of_layer_has_its_word() -> None:
    source = """
    input: 3x32x32
    stem: ["3x3, 16", zero pad 1, "3x3 max pool, /1", "2x2 average pool", "blur pool, /1"]
    stages:
      a: {rows: "[[3x3, 16], [se 4], [eca 3], [dropout 0.5]] x 2", shortcut: padding}
      b: {rows: "[[3x3, 32], [3x3, 32]]", shortcut: padding, norm: group}
      c: {rows: "[[1x1, 32] | [3x3, 32]]", shortcut: none, activation: gelu}
      d: {rows: "[[3x3, 32], [3x3, 32]]", stride: 1, order: pre, norm: evonorm}
      e: {rows: "[[3x3, 32], [3x3, 32]]", stride: 1, order: pre, norm: filter response}
    head: [average pool, 10-d fc, softmax]
    drop_path: 0.1
    """
    words = "conv fc batchnorm groupnorm evonorm frn relu gelu maxpool avgpool zeropad blurpool"
    others = "se eca padchannels flatten dropout droppath softmax add concat"
    assert {line.op for line in trace(loads(source)).lines} == {*words.split(), *others.split()}


def test_numbers_that_mean_nothing_are_null() -> None:
    lines = {line["path"]: line for line in traced("timm/resnetblur50")}
    numbers = ("kernel", "stride", "padding", "dilation", "groups")
    assert [lines["layer2.0.conv2"][key] for key in numbers] == [3, 1, 1, 1, 1]
    assert [lines["layer2.0.blurpool"][key] for key in numbers] == [3, 2, 1, None, None]
    assert [lines["layer2.0.add"][key] for key in numbers] == [None] * 5
    assert set(lines["fc"]) == {
        "layer",
        *("path", "op", "kernel", "in_channels", "out_channels", "stride", "padding", "groups"),
        *("in_size", "out_size", "params", "macs", "stage", "block", "dilation"),
        *("receptive_field", "why"),
    }
    cardinalities = {
        line["groups"]
        for line in traced("resnext50_32x4d", "--stage", "conv2_x")
        if line["op"] == "conv" and line["kernel"] == 3
    }
    assert cardinalities == {32}


def calls_of(blocks: int) -> int:
    """How many calls a trace of so many blocks makes."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    setting = f"stages.conv3_x.rows.0.repeats={blocks}"
    sys.setprofile(counted)
    try:
        trace("cifar/resnet20", overrides=[setting])
    finally:
        sys.setprofile(None)
    return count


def test_work_grows_as_the_blocks_do() -> None:
    calls_of(1)  # imports, and what is kept between calls
    single, two, three = (calls_of(count) for count in (40, 80, 120))
    assert three - two < 1.05 * (two - single)
    actual = trace("cifar/resnet20", overrides=["stages.conv3_x.rows.0.repeats=2000"])
    basic = 7  # two convolutions with norms, two activations, an addition
    entering = 2 * 2  # two stages begin with pixels left out and channels of zeros
    assert len(actual.lines) == 3 + basic * (3 + 2000 + 3) + entering + 3


def test_the_trace_is_printed_in_columns() -> None:
    result = run("trace", "resnet50", "--stage", "conv3_x", "--block", "1")
    assert result.stderr == ""
    title, _, headings, _, *lines, _ = result.stdout.splitlines()
    assert title == "resnet50, 3x224x224"
    names = "path op kernel channels stride pad size params MACs field why"
    assert " ".join(headings.split()) == names
    assert len(lines) == 12
    op, why = headings.index("op"), headings.index("why")
    assert all(line[op - 1] == " " < line[op] for line in lines)
    assert {line[why - 1 : why] for line in lines} <= {" ", ""}
    (strided,) = (line for line in lines if "layer2.0.conv2" in line)
    assert " ".join(strided.split()) == (
        "layer2.0.conv2 conv 3x3 128 2 1 56x56 → 28x28 147,456 115,605,504 43 "
        "stride 2: first block of conv3_x"
    )
    assert strided[why:].startswith("stride 2")


def test_what_was_set_stands_in_the_title() -> None:
    settings = ("--set", "input=3x64x64", "--set", "stem.1.pad=0")
    title, *_ = run("trace", "resnet18", *settings).stdout.splitlines()
    assert title == "resnet18, 3x64x64, input=3x64x64, stem.1.pad=0"


def test_groups_and_dilations_stand_after_the_kernel() -> None:
    result = run("trace", "resnext50_32x4d", "--stage", "conv5_x", "--set", "output_stride=16")
    assert "3x3, C=32, dilation 2" in result.stdout


def test_a_stem_without_layers_has_no_lines() -> None:
    assert traced("vgg16", "--stage", "stem") == []
    assert run("trace", "vgg16", "--stage", "stem").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message", "help"),
    [
        (["resnet5O"], "not a spec of the zoo", "did you mean 'resnet50'?"),
        (["resnet50", "--stage", "conv3x"], "'conv3x' is not a stage", "did you mean 'conv3_x'?"),
        (
            ["resnet50", "--stage", "nowhere"],
            "not a stage",
            "stem, conv2_x, conv3_x, conv4_x, conv5_x",
        ),
        (
            ["resnet50", "--stage", "conv3_x", "--block", "5"],
            "conv3_x has no block 5",
            "its blocks are 1 to 4",
        ),
        (
            ["resnet50", "--stage", "conv3_x", "--block", "0"],
            "conv3_x has no block 0",
            "its blocks are 1 to 4",
        ),
        (
            ["resnet50", "--stage", "stem", "--block", "1"],
            "stem has no block 1",
            "blocks are in stages",
        ),
        (["resnet50", "--block", "1"], "a block needs its stage", "give its stage too"),
        (["resnet50", "--input", "3x"], "the input '3x' is not a size", "512x384 keep"),
        (["alexnet", "--input", "3x20x20"], "a 3x3 window does not fit a side of 1", ""),
        (["vgg16", "--input", "3x8x8"], "--input:1:1: error[size]", "a larger input"),
    ],
)
def test_bad_input_is_a_diagnostic(arguments: list[str], message: str, help: str) -> None:
    result = run("trace", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert help in result.stderr
    assert result.stdout == ""


def test_networks_and_specs_are_traced() -> None:
    spec = load("cifar/resnet20")
    assert trace(elaborate(spec)).lines[1].path == "bn1"
    assert trace(spec).lines == trace("cifar/resnet20").lines
    with pytest.raises(SpecError, match="not a stage of this network"):
        trace(spec, stage="conv5_x")
