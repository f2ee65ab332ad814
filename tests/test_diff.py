"""Two networks compared: equal or not, in which words, and at what cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resnet_dsl import Spec, loads
from resnet_dsl.answers.differences import Diff, diff
from tests.command import run


def stated(actual: Diff) -> dict[str, dict[str, tuple[Any, Any]]]:
    """The words that differ, by part."""
    return {part.name: {w.key: (w.a, w.b) for w in part.keys} for part in actual.parts}


def differing(source: str, base: str = "resnet50") -> dict[str, dict[str, tuple[Any, Any]]]:
    """The words in which a variant differs from its base."""
    return stated(diff(base, loads(f"extends: {base}\n{source}\n")))


COPY = """
# the same network in another author's words
name: mine
input: 3x224x224
stem: ["7x7 conv, 64, stride 2, pad 3", "3x3 max pool, /2, pad 1"]
stages:
  first: "[[1x1, 64]; [3x3, 64]; [1x1, 256]] × 3"
  second: ["[[1x1, 128], [3x3, 128], [1x1, 512]] x 2", "[[1x1, 128], [3x3, 128], [1x1, 512]] x 2"]
  third: {rows: "[[1x1, 256], [3x3, 256], [1x1, 1024]] x 6", stride: 2, activation: relu}
  fourth: "[[1x1, 512], [3x3, 512], [1x1, 2048]] x 3"
head: [average pool, fc 1000]
init: {scheme: pytorch, zero_init_residual: true}
expect: {layers: 50}
"""


def test_a_network_in_other_words_is_equal(tmp_path: Path) -> None:
    source = tmp_path / "mine.yaml"
    source.write_text(COPY, encoding="utf-8")
    result = run("diff", "resnet50", source)
    assert result.exit_code == 0
    assert result.stdout == f"equal: resnet50 and {source} are the same network\n"
    assert result.stderr == ""
    actual = json.loads(run("diff", "resnet50", source, "--json").stdout)
    assert (actual["equal"], actual["parts"]) == (True, [])
    assert actual["totals"]["params"] == [25_557_032, 25_557_032]


def test_v1_strides_at_the_first_convolution_and_saves_macs() -> None:
    actual = diff("resnet50", "paper/resnet50")
    assert stated(actual) == {
        "all stages": {"stride_on": ("spatial", "first")},
        "conv3_x": {},
        "conv4_x": {},
        "conv5_x": {},
    }
    # the first 1x1 of three blocks gives a quarter of its map: 3/4 of 256·128·56·56 are saved
    saved = 256 * 128 * 56 * 56 * 3 // 4
    assert [a - b for a, b in (part.macs for part in actual.parts)] == [0, saved, saved, saved]
    assert all(part.params[0] == part.params[1] for part in actual.parts)
    assert actual.totals["macs"] == (4_089_184_256, 4_089_184_256 - 3 * saved)
    assert actual.totals["params"] == (25_557_032, 25_557_032)
    # Araujo et al. 2019, table 1, for v1
    assert actual.totals["receptive_field"] == (427, 483)


def test_resnet50d_has_another_stem_and_another_projection() -> None:
    actual = diff("resnet50", "timm/resnet50d")
    pool = "3x3 max pool, /2"
    assert stated(actual) == {
        "all stages": {"projection": ("1x1", "average pool, 1x1")},
        "stem": {"layers": (("7x7, 64, /2", pool), ("3x3, 32, /2", "3x3, 32", "3x3, 64", pool))},
    }
    stem = actual.parts[1]
    convolutions = (27 * 32, 9 * 32 * 32, 9 * 32 * 64)
    assert stem.params == (49 * 3 * 64 + 2 * 64, sum(convolutions) + 2 * (32 + 32 + 64))
    assert stem.macs == (49 * 3 * 64 * 112**2, sum(convolutions) * 112**2)


def test_bottlenecks_in_place_of_basic_blocks_differ_in_rows() -> None:
    actual = stated(diff("resnet34", "resnet50"))
    assert list(actual) == ["conv2_x", "conv3_x", "conv4_x", "conv5_x", "head"]
    assert actual["conv4_x"] == {
        "rows": (
            ("[[3x3, 256], [3x3, 256]] x 6",),
            ("[[1x1, 256], [3x3, 256], [1x1, 1024]] x 6",),
        )
    }
    assert actual["head"] == {"takes": ("512x7x7", "2048x7x7")}


def test_a_deeper_stage_differs_alone() -> None:
    actual = diff("resnet50", "resnet101")
    assert list(stated(actual)) == ["conv4_x"]
    block = 2 * 1024 * 256 + 9 * 256 * 256 + 2 * (256 + 256 + 1024)
    assert actual.parts[0].params[1] - actual.parts[0].params[0] == 17 * block


def test_a_stage_that_only_one_has_is_said() -> None:
    row = "[[3x3, 512], [3x3, 512]] x 2"
    added = {"conv6_x": {"rows": (None, (row,))}}
    assert differing(f"stages: {{conv6_x: '{row}'}}", "resnet34") == added
    actual = differing("stages: {conv3_x: null}", "resnet34")
    assert list(actual) == ["conv3_x", "conv4_x → conv3_x", "conv5_x → conv4_x"]
    assert actual["conv3_x"] == {"rows": (("[[3x3, 128], [3x3, 128]] x 4",), None)}
    assert actual["conv4_x → conv3_x"] == {"takes": ("128x28x28", "64x56x56")}


def test_a_stage_of_only_one_spec_lists_all_its_keys() -> None:
    stage = "{rows: '[[3x3, 512]]', stride: 1, norm: none}"
    assert differing(f"stages: {{conv6_x: {stage}}}", "resnet18")["conv6_x"] == {
        "rows": (None, ("[[3x3, 512]]",)),
        "stride": (None, 1),
        "norm": (None, "none"),
    }
    row = "[[1x1, 128], [3x3, 128], [1x1, 512]]"
    first = f"block: {{stride_on: first}}\nstages: {{conv6_x: '{row}'}}"
    words = {"rows": (None, (row,)), "stride_on": (None, "first")}
    assert differing(first, "resnet18") == {"conv6_x": words}


def test_stages_are_recognized_by_their_blocks() -> None:
    """Without conv3_x, and as deep as ResNet-101."""
    row = "[[1x1, 256], [3x3, 256], [1x1, 1024]] x"
    actual = differing(f"stages: {{conv3_x: null, conv4_x: '{row} 23'}}")
    assert list(actual) == ["conv3_x", "conv4_x → conv3_x", "conv5_x → conv4_x"]
    assert actual["conv4_x → conv3_x"] == {"rows": ((f"{row} 6",), (f"{row} 23",))}


def test_stages_with_little_in_common_are_paired_by_number() -> None:
    actual = stated(diff("cifar/resnet20", "resnet18"))
    assert actual["input"] == {"input": ("3x32x32", "3x224x224")}
    assert actual["all stages"] == {"shortcut": ("padding", "projection")}
    rows = "[[3x3, 64], [3x3, 64]] x"
    assert actual["conv2_x"]["rows"] == (("[[3x3, 16], [3x3, 16]] x 3",), (f"{rows} 2",))
    assert actual["conv4_x"]["rows"][0] == (f"{rows} 3",)
    assert actual["conv5_x"]["rows"][0] is None


def test_shortcuts_that_cost_nothing_are_a_difference() -> None:
    actual = diff("paper/plain34", "paper/resnet34-A")
    assert stated(actual)["all stages"] == {"shortcut": ("none", "padding")}
    assert all(a == b for a, b in actual.totals.values())


RATE = "all stages", "drop_path", 0.0, 0.2
GROUP = "batch", "group, groups 16"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("drop_path: 0.2", [RATE]),
        ("block: {order: pre}", [("all stages", "order", "post", "pre")]),
        ("block: {antialias: blur}", [("all stages", "antialias", "none", "blur")]),
        (
            "block: {norm: {kind: group, groups: 16}}",
            [("all stages", "norm", *GROUP), ("stem", "norm", *GROUP)],
        ),
        (
            "block: {norm: {kind: batch, eps: 0.001}}",
            [(part, "norm", "batch", "batch, eps 0.001") for part in ("all stages", "stem")],
        ),
        (
            "block: {bias: true}",
            [(p, "bias", "where no norm follows", True) for p in ("all stages", "stem")],
        ),
        ("stages: {conv3_x: {activation: silu}}", [("conv3_x", "activation", "relu", "silu")]),
        (
            "stages: {conv4_x: {stride: 1}}",
            [
                ("conv4_x", "stride", 2, 1),
                ("conv5_x", "takes", "1024x14x14", "1024x28x28"),
            ],
        ),
        (
            "output_stride: 16",
            [("conv5_x", "stride", 2, 1), ("conv5_x", "dilation", 1, 2)],
        ),
        (
            "aux: {conv4_x.2: [average pool, 10-d fc]}",
            [("aux conv4_x.2", "layers", None, ("average pool", "10-d fc"))],
        ),
    ],
)
def test_one_word_makes_the_difference(source: str, words: list[tuple[Any, ...]]) -> None:
    actual = differing(source)
    own = [(part, key, *both) for part, keys in actual.items() for key, both in keys.items()]
    assert own == words


def test_another_input_changes_what_parts_take() -> None:
    actual = differing("input: 3x448x448")
    assert actual["input"] == {"input": ("3x224x224", "3x448x448")}
    assert actual["stem"] == {"takes": ("3x224x224", "3x448x448")}
    assert actual["conv3_x"] == {"takes": ("256x56x56", "256x112x112")}
    assert "head" not in actual  # it costs the same


MIXED = """
input: 3x32x32
stem: ["3x3, 16"]
stages:
  a: "[[3x3, 16], [3x3, 16]] x 2"
  b: {rows: "[[3x3, 32], [3x3, 32]] x 2", activation: B}
  c: {rows: "[[1x1, 16], [3x3, 16], [1x1, 64]] x 2", stride_on: C}
  d: {rows: "[[1x1, 16], [3x3, 16], [1x1, 64]] x 2", stride_on: D}
head: [average pool, 10-d fc]
"""


def mixed(activation: str, *strides: str) -> Spec:
    source = MIXED.replace("B}", f"{activation}}}")
    for stage, stride_on in zip("CD", strides, strict=True):
        source = source.replace(f"{stage}}}", f"{stride_on}}}")
    return loads(source)


def test_words_without_effect_are_no_difference() -> None:
    """A basic block strides at its first convolution either way."""
    stride_on, activation = {"stride_on": ("spatial", "first")}, {"activation": ("relu", "silu")}
    single, other = mixed("relu", "spatial", "spatial"), mixed("silu", "first", "first")
    actual = stated(diff(single, other))
    assert actual == {
        "all stages": stride_on,
        "conv3_x": activation,
        "conv4_x": {},
        "conv5_x": {},
    }
    actual = stated(diff(mixed("relu", "spatial", "first"), other))
    assert actual == {"conv3_x": activation, "conv4_x": stride_on}
    assert diff("resnet34", loads("extends: resnet34\nblock: {stride_on: first}")).equal


def test_keys_that_only_make_sense_together_are_all_said() -> None:
    plain = "extends: resnet18\nblock: {shortcut: none}"
    evolved = "extends: resnet18\nblock: {order: pre, norm: evonorm}"
    assert stated(diff(loads(plain), loads(evolved)))["all stages"] == {
        "shortcut": ("none", "projection"),
        "order": ("post", "pre"),
        "norm": ("batch", "evonorm"),
    }


def test_a_bare_stem_has_no_norm_to_differ() -> None:
    source = (
        "input: 3x32x32\nstem: ['3x3, {0}']\nblock: {{order: pre, norm: {1}}}\n"
        "stages: {{a: '[[3x3, {0}], [3x3, {0}]] x 2'}}\nhead: [average pool, 10-d fc]"
    )
    actual = stated(diff(loads(source.format(48, "batch")), loads(source.format(64, "group"))))
    assert list(actual["stem"]) == ["layers"]
    assert actual["conv2_x"]["norm"] == ("batch", "group")


def test_biases_are_a_difference_where_a_norm_follows() -> None:
    single = "extends: resnet18\nblock: {norm: none}"
    other = "extends: resnet18\nblock: {bias: true}"
    words = {"norm": ("none", "batch"), "bias": ("where no norm follows", True)}
    assert stated(diff(loads(single), loads(other)))["all stages"] == words


def test_strides_in_the_rows_are_no_strides_of_stages() -> None:
    actual = stated(diff("vgg16", "resnet18"))
    assert actual["conv3_x"]["stride"] == ("in the rows", 2)
    assert "stride" not in stated(diff("vgg16", "vgg19_bn"))["conv5_x"]


def test_what_holds_in_some_stages_is_said_there() -> None:
    keys = "stages: {conv3_x: {projection: 3x3}, conv4_x: {projection: 3x3}}"
    words = {"projection": ("1x1", "3x3")}
    assert differing(keys) == {"conv3_x": words, "conv4_x": words}


def test_a_projection_is_compared_where_one_projects() -> None:
    source = """
extends: resnet50
stages:
  conv3_x: {{shortcut: padding, activation: {}}}
  conv4_x: {{projection: 3x3}}
  conv5_x: {{projection: {}}}
"""
    actual = stated(diff(loads(source.format("relu", "1x1")), loads(source.format("silu", "3x3"))))
    assert actual["conv3_x"] == {"activation": ("relu", "silu")}
    assert actual["conv5_x"] == {"projection": ("1x1", "3x3")}
    padded = differing("block: {projection: 3x3}\nstages: {conv3_x: {shortcut: padding}}")
    assert padded["conv3_x"] == {"shortcut": ("projection", "padding")}


def test_auxiliary_classifiers_are_parts() -> None:
    moved = "extends: googlenet\naux: {{inception4.1: null, inception4.4: null, {}: [1000-d fc]}}"
    single, other = (loads(moved.format(f"inception4.{block}")) for block in (2, 3))
    after = {"block": ("conv3_x.2", "conv3_x.3")}
    assert stated(diff(single, other)) == {"aux conv3_x.2 → aux conv3_x.3": after}
    layers = differing("aux: {inception4.1: [1000-d fc]}", "googlenet")
    assert list(layers) == ["aux conv3_x.1"]
    added = stated(diff(single, "googlenet"))
    assert list(added) == ["aux conv3_x.2 → aux conv3_x.1", "aux conv3_x.4"]


ODD = """
input: 3x32x32
stem: ["3x3, 8"]
block: {{shortcut: none}}
stages: {{a: "[[3x3, 8], [2x2 max pool]]"}}
head: [flatten, {}-d fc]
aux: {{a.1: [flatten, 10-d fc]}}
"""


def test_networks_without_a_normal_form_are_compared_as_written(tmp_path: Path) -> None:
    sources = [tmp_path / f"{features}.yaml" for features in (10, 12)]
    for source in sources:
        source.write_text(ODD.format(source.stem), encoding="utf-8")
    actual = diff(sources[0], sources[1], names=("ten", "twelve"))
    assert actual.refused == "ten"
    layers = ("flatten", "10-d fc"), ("flatten", "12-d fc")
    assert stated(actual) == {"head": {"layers": layers}}
    result = run("diff", *sources)
    assert result.exit_code == 1
    assert f"compared as written: {sources[0]} has no normal form" in result.stdout
    assert run("diff", sources[0], "cifar/resnet20").exit_code == 1
