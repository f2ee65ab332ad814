"""Numbers beyond params and MACs: what a network sees, keeps and puts out; how its layers count."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resnet_dsl import SpecError, analyze, elaborate, load, loads
from resnet_dsl.answers.layer_counts import layers
from resnet_dsl.answers.summaries import summary
from resnet_dsl.folds.field import receptive_field
from resnet_dsl.folds.memory import peak_activations
from resnet_dsl.render.layer_count_text import arithmetic
from tests.command import run

# Araujo et al. 2019, table 1, for v1: 483, 1027 and 1507; one stride later for v1.5
FIELDS = {
    "resnet18": 435,
    "resnet34": 899,
    "resnet50": 427,
    "resnet101": 971,
    "resnet152": 1451,
    "paper/resnet50": 483,
    "paper/resnet101": 1027,
    "paper/resnet152": 1507,
    "vgg16": 212,
    "alexnet": 195,
}


@pytest.mark.parametrize("name", FIELDS)
def test_receptive_fields(name: str) -> None:
    assert receptive_field(elaborate(load(name))) == FIELDS[name]


def test_a_dilated_kernel_sees_further_and_a_blur_sees_more() -> None:
    source = "input: 3x32x32\nstem: []\nblock: {{shortcut: none}}\nstages: {{a: '{}'}}\nhead: []"
    for row, field in (
        ("[[3x3, 8, dilation 4]]", 9),
        ("[[3x3, 8, /2], [blur pool, /2], [3x3, 8]]", 3 + 2 * 2 + 2 * 4),
        ("[[1x1, 8] | [5x5, 8]]", 5),
        ("[[3x3, 8], [se 4], [eca 3]]", 3),
    ):
        assert receptive_field(elaborate(loads(source.format(row)))) == field


def test_a_window_over_the_whole_map_ends_the_field() -> None:
    """A pool of the size of the map computes what a pool over the map does, and sees as much."""
    window = ["head=[7x7 average pool, 1000-d fc]"]
    assert summary("resnet50", overrides=window).receptive_field == FIELDS["resnet50"]
    both = ["head=[7x7 average pool, average pool, 1000-d fc]"]
    larger = summary("resnet50", "448x448", both)  # on 14x14 it slides
    assert larger.parts[-2].receptive_field == 427
    assert larger.receptive_field == 427 + 6 * 32
    source = "input: 3x8x8\nstem: ['3x3, 4']\nblock: {shortcut: none}\nhead: []\n"
    assert receptive_field(elaborate(loads(source + "stages: {a: '[[8x8, 4, pad 0]]'}"))) == 3


STEM = 64 * 112 * 112
MAP = 256 * 56 * 56


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("resnet18", 2 * STEM),  # the stem's norm
        ("resnet50", 3 * MAP),  # a block's input, and the last norm of its body
        ("cifar/resnet20", 3 * 16 * 32 * 32),
        ("vgg16", 2 * 64 * 224 * 224),
    ],
)
def test_peaks_of_maps_that_live_at_once(name: str, peak: int) -> None:
    assert peak_activations(elaborate(load(name))) == peak


def test_parts_of_a_summary_add_up() -> None:
    actual = summary("resnet50")
    for number in ("layers", "params", "buffers", "macs", "activations"):
        assert sum(getattr(part, number) for part in actual.parts) == getattr(actual, number)
    assert [part.receptive_field for part in actual.parts] == [11, 35, 91, 267, 427, None]
    norms = 53
    assert actual.bytes["float16"] == 2 * (25_557_032 + actual.buffers - norms) + 8 * norms


def test_stages_may_be_called_stem_and_head() -> None:
    rows = 'stem: "[[3x3, 16], [3x3, 16]] x 2", head: "[[3x3, 32], [3x3, 32]] x 2"'
    source = f"input: 3x32x32\nstem: ['3x3, 16']\nstages: {{{rows}}}\nhead: [average pool, 10-d fc]"
    actual = summary(loads(source))
    assert [(part.name, part.layers, part.receptive_field) for part in actual.parts] == [
        ("stem", 1, 3),
        ("stem", 4, 11),
        ("head", 4, 25),
        ("head", 1, None),
    ]


def test_another_input_is_summed_up() -> None:
    small, large = summary("resnet18"), summary("resnet18", "3x448x448")
    assert large.activations == 4 * small.activations
    assert large.peak_activation_bytes == 4 * small.peak_activation_bytes
    assert (large.receptive_field, large.bytes) == (small.receptive_field, small.bytes)


@pytest.mark.parametrize("ask", [summary, layers, analyze])
def test_an_input_of_other_channels_changes_the_first_layer(ask: Callable[..., Any]) -> None:
    assert ask("resnet18", input="1x64x32") == ask("resnet18", overrides=["input=1x64x32"])
    assert ask("resnet18", input="64x32") == ask("resnet18", input=(3, 64, 32))
    with pytest.raises(SpecError, match="1 channels come in"):
        ask(elaborate(load("resnet18")), input="1x64x32")  # a network has its channels


def test_the_count_of_layers_has_its_arithmetic() -> None:
    assert arithmetic(layers("resnet18")) == [
        "1 stem + 16 in blocks + 1 fc = 18 layers",
        "not counted: 3 projections, 20 batch norms, 17 activations, 2 pools, 8 additions",
        "all convolutions: 20; with fully connected layers: 21",
        "modules as torch prints them: 68; without children: 52",
    ]


def test_layers_beside_the_longest_path_are_said() -> None:
    actual = layers("googlenet")
    assert (actual.stem, actual.blocks, actual.head, actual.layers) == (3, 18, 1, 22)
    assert actual.not_counted["convolutions in shorter branches"] == 57 - 21
    assert actual.not_counted["layers of auxiliary classifiers"] == 6
    assert arithmetic(actual)[0] == "3 stem + 18 in stages + 1 fc = 22 layers"
    assert arithmetic(layers("timm/resnetv2_50"))[0] == (
        "1 stem + 48 in blocks + 1 in the head = 50 layers"
    )


def test_summary_prints_parts_and_totals() -> None:
    result = run("summary", "resnet50")
    lines = [line.split() for line in result.stdout.splitlines()]
    total = ["total", "50", "25,557,032", "53,173", "4,089,184,256", "11,113,984", "427"]
    assert total in lines
    assert "peak activations, float32: 9.63 MB" in result.stdout
    assert "size, float16: 51.22 MB" in result.stdout
    assert result.stderr == ""


def test_summary_sets_specs_side_by_side() -> None:
    result = run("summary", "resnet18", "timm/resnetblur18", "--input", "3x256x256")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["resnet18", "resnetblur18"] in lines
    assert ["input", "3x256x256", "3x256x256"] in lines
    blurs = 9 * sum(c * n * n for c, n in ((64, 64), (128, 32), (256, 16), (512, 8)))
    assert ["MACs", "of", "blurs", f"{blurs:,}"] in lines


def test_summary_and_layers_speak_json() -> None:
    first, other = json.loads(run("summary", "resnet18", "resnet50", "--json").stdout)
    assert (first["name"], other["receptive_field"]) == ("resnet18", 427)
    assert set(first) == {
        *("name", "input", "layers", "params", "buffers", "macs", "activations", "blur_macs"),
        *("receptive_field", "peak_activation_bytes", "bytes", "parts", "batch", "training"),
    }
    assert first["peak_activation_bytes"] == 4 * 2 * STEM
    actual = json.loads(run("layers", "resnet18", "--json").stdout)
    assert actual["layers"] == 18
    assert actual["not_counted"]["projections"] == 3


@pytest.mark.parametrize("command", ["summary", "layers"])
def test_bad_input_is_a_diagnostic(command: str) -> None:
    result = run(command, "resnet5O")
    assert result.exit_code == 2
    assert "did you mean 'resnet50'?" in result.stderr
    assert result.stdout == ""
