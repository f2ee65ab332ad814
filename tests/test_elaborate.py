"""What the compiler inserts: strides, paddings, shortcuts, norms, activations, biases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resnet_dsl import SpecError, analyze, elaborate, ir, load, loads
from resnet_dsl.elaboration import elaboration_of
from resnet_dsl.folds.vocabulary import node_op
from resnet_dsl.folds.walk import WITHOUT_VALUES as NODES
from resnet_dsl.folds.walk import leaves, walk
from resnet_dsl.ir import Residual
from resnet_dsl.language.spec import CHOICES, DEFAULTS, Expect, Stage
from resnet_dsl.notation.terms import Conv, Row

SPEC = """
input: 3x64x64
stem:
  - 3x3, 16
{block}
stages:
  conv2_x: "[[3x3, 16], [3x3, 16]] x 2"
  conv3_x: {stage}
head: []
"""


def blocks(stage: str, block: str = "") -> list[ir.Layer]:
    """The layers of the second stage."""
    actual = elaboration_of(loads(SPEC.format(stage=stage, block=block and f"block: {block}")))
    return [actual.network.layers[i] for i in actual.stages["conv3_x"].layers]


def strides(layer: ir.Layer) -> list[int]:
    return [leaf.stride for _, leaf in leaves(layer) if isinstance(leaf, ir.Conv)]


BOTTLENECK = "[[1x1, 8], [3x3, 8], [1x1, 32]] x 2"


@pytest.mark.parametrize(
    ("stage", "first"),
    [
        (f'"{BOTTLENECK}"', [1, 2, 1, 2]),
        (f'{{rows: "{BOTTLENECK}", stride_on: first}}', [2, 1, 1, 2]),
        (f'{{rows: "{BOTTLENECK}", stride_on: spatial}}', [1, 2, 1, 2]),
        (f'{{rows: "{BOTTLENECK}", stride: 1}}', [1, 1, 1, 1]),
        (f'{{rows: "{BOTTLENECK}", stride: 4}}', [1, 4, 1, 4]),
        ('"[[3x3, 16], [3x3, 16]] x 2"', [2, 1, 2]),
        ('"[[1x1, 32], [1x1, 16]] x 2"', [2, 1, 2]),
        ('"[[1x1, 32], [5x5, 16]] x 2"', [1, 2, 2]),
        ('["[[3x3, 16, /3], [3x3, 16]]", "[[3x3, 16], [3x3, 16]]"]', [3, 1, 3]),
        ('["[[3x3, 16]]", "[[3x3, 16], [3x3, 16]]"]', [2, 2]),
    ],
)
def test_the_stride_stands_where_the_paper_says(stage: str, first: list[int]) -> None:
    actual = blocks(stage)
    assert strides(actual[0]) == first
    assert set(strides(actual[1])) == {1}


def test_a_written_stride_applies_to_every_repeat() -> None:
    assert [strides(block) for block in blocks('"[[3x3, 16, /2], [3x3, 16]] x 2"')] == [
        [2, 1, 2]
    ] * 2
    assert [strides(block) for block in blocks('"[[3x3, 16, /1], [3x3, 16]] x 2"')] == [[1, 1]] * 2


def test_the_stride_waits_for_a_convolution() -> None:
    actual = blocks('["[[dropout 0.1]]", "[[3x3, 16]] x 2"]')
    assert [strides(block) for block in actual] == [[], [2, 2], [1]]


def test_a_pool_or_branches_leave_no_stride_to_insert() -> None:
    assert strides(blocks('["[[2x2 max pool]]", "[[3x3, 16]]"]')[1]) == [1]
    assert strides(blocks('"[[3x3, 8] | [1x1, 8]]"')[0]) == [1, 1]


def test_a_block_projects_where_its_shape_changes() -> None:
    first, second = blocks('"[[3x3, 16], [3x3, 16]] x 2"')
    assert isinstance(first, Residual)
    assert isinstance(second, Residual)
    projection = ir.Conv(in_channels=16, out_channels=16, kernel=1, stride=2)
    norm = ir.BatchNorm(channels=16, eps=1e-5, momentum=0.1)
    assert first.shortcut == ir.Sequence((projection, norm))
    assert second.shortcut == ir.Identity()
    (wider,) = blocks('{rows: "[[3x3, 16], [3x3, 24]]", stride: 1}')
    assert isinstance(wider, Residual)
    assert isinstance(wider.shortcut, ir.Sequence)


def test_option_a_takes_every_other_pixel_and_adds_zeros() -> None:
    (block,) = blocks('"[[3x3, 24]]"', "{shortcut: padding}")
    assert isinstance(block, Residual)
    pixels = ir.Pool(kind="max", kernel=1, stride=2)
    assert block.shortcut == ir.Sequence((pixels, ir.PadChannels(after=8)))
    (block,) = blocks('{rows: "[[3x3, 24]]", stride: 1}', "{shortcut: padding}")
    assert isinstance(block, Residual)
    assert block.shortcut == ir.PadChannels(after=8)
    (block,) = blocks('"[[3x3, 24]]"', "{shortcut: padding on both sides}")
    assert isinstance(block, Residual)
    assert block.shortcut == ir.Sequence((pixels, ir.PadChannels(before=4, after=4)))


def test_the_last_activation_comes_after_the_addition() -> None:
    (block,) = blocks('{rows: "[[3x3, 16], [3x3, 16]]", stride: 1}', "{activation: gelu}")
    assert isinstance(block, Residual)
    kinds = [type(leaf).__name__ for leaf in ir.steps(block.body)]
    assert kinds == ["Conv", "BatchNorm", "Act", "Conv", "BatchNorm"]
    assert block.after == ir.Act("gelu")


def test_a_plain_stage_is_flat() -> None:
    kinds = [type(layer).__name__ for layer in blocks('{rows: "[[3x3, 16]] x 2", shortcut: none}')]
    assert kinds == ["Conv", "BatchNorm", "Act"] * 2


@pytest.mark.parametrize(
    ("layer", "stage", "block", "bias"),
    [
        ("3x3, 16", "", "", False),
        ("3x3, 16", "", "bias: true", True),
        ("3x3, 16", "bias: false", "bias: true", False),
        ("3x3, 16, bias", "bias: false", "bias: true", True),
        ("3x3, 16, no bias", "bias: true", "", False),
        ("3x3, 16", "norm: none", "", True),
        ("3x3, 16", "norm: none, bias: false", "", False),
        ("3x3, 16", "norm: batch", "norm: none", False),
    ],
)
def test_a_layers_option_overrides_the_stage_and_that_the_block(
    layer: str, stage: str, block: str, bias: bool
) -> None:
    keys = f", {stage}" if stage else ""
    actual = blocks(f'{{rows: "[[{layer}]]", stride: 1{keys}}}', f"{{{block}}}")
    assert [leaf.bias for _, leaf in leaves(actual[0]) if isinstance(leaf, ir.Conv)] == [bias]


@pytest.mark.parametrize(
    ("layer", "padding"),
    [
        ("3x3, 16", 1),
        ("7x7, 16", 3),
        ("1x1, 16", 0),
        ("3x3, 16, dilation 2", 2),
        ("2x2 max pool", 0),
        ("3x3 max pool, /2", 1),
        ("3x3 average pool, /2", 0),
        ("3x3 max pool, /2, pad 0", 0),
    ],
)
def test_padding_is_half_the_window(layer: str, padding: int) -> None:
    actual = blocks(f'{{rows: ["[[{layer}]]", "[[3x3, 8]]"], shortcut: none}}')[0]
    assert isinstance(actual, ir.Conv | ir.Pool)
    assert actual.padding == padding


def test_pools_step_by_their_window() -> None:
    actual = blocks('["[[3x3 average pool]]"]')[0]
    assert isinstance(actual, ir.Pool)
    assert actual.stride == 3


@pytest.mark.parametrize(
    ("single", "other"),
    [
        ("[3x3, 16], [dropout 0]", "[3x3, 16]"),
        ("[3x3, 16], [drop path 0]", "[3x3, 16]"),
        ("[3x3, 16], [1x1 average pool, /2]", "[3x3, 16], [1x1 max pool, /2]"),
        ("[3x3, 16], [1x1 max pool, /2, ceil]", "[3x3, 16], [1x1 max pool, /2]"),
        ("[3x3, 16], [3x3 max pool, /1, ceil]", "[3x3, 16], [3x3 max pool, /1]"),
    ],
)
def test_layers_that_compute_the_same_are_the_same(single: str, other: str) -> None:
    plain = "{shortcut: none}"
    assert blocks(f'"[{single}]"', plain) == blocks(f'"[{other}]"', plain)


def test_auxiliary_classifiers_are_in_the_order_of_their_blocks() -> None:
    source = "input: 3x32x32\nstem: []\nstages: {a: '[[3x3, 8]] x 2'}\nhead: []\n"
    single = loads(source + "aux: {a.2: [4-d fc], a.1: [2-d fc]}")
    other = loads(source + "aux: {a.1: [2-d fc], a.2: [4-d fc]}")
    assert elaborate(single) == elaborate(other)
    assert [part.name for part in analyze(single).auxiliaries] == ["aux a.1", "aux a.2"]


def test_repeated_blocks_are_one_object() -> None:
    source = SPEC.format(stage='"[[3x3, 16], [3x3, 16]] x 5000"', block="")
    network = elaborate(loads(source))
    assert len(network.layers) == 3 + 2 + 5000
    assert len({id(layer) for layer in network.layers[-4999:]}) == 1


def test_a_head_flattens_before_an_fc_and_activates_between_two() -> None:
    source = SPEC.format(stage='"[[3x3, 16]]"', block="").replace(
        "head: []", "head: [average pool, 12-d fc, dropout 0.5, 10-d fc, softmax]"
    )
    assert elaborate(loads(source)).layers[-7:] == (
        ir.AdaptivePool(),
        ir.Flatten(),
        ir.Linear(in_features=16, out_features=12),
        ir.Act("relu"),
        ir.Dropout(0.5),
        ir.Linear(in_features=12, out_features=10),
        ir.Softmax(),
    )


def test_an_fc_takes_a_whole_map() -> None:
    source = SPEC.format(stage='"[[3x3, 16]]"', block="").replace("head: []", "head: [10-d fc]")
    assert elaborate(loads(source)).layers[-1] == ir.Linear(
        in_features=16 * 32 * 32, out_features=10
    )


def test_a_stage_is_held_to_its_output() -> None:
    blocks('{rows: "[[3x3, 16]]", output: 32x32}')
    with pytest.raises(SpecError) as caught:
        blocks('{rows: "[[3x3, 16]]", output: 31x32}')
    assert [fault.code for fault in caught.value.diagnostics] == ["output"]


def test_a_spec_without_a_text_has_faults_without_a_place() -> None:
    spec = replace(load("resnet18"), expect=Expect(layers=19))
    with pytest.raises(SpecError) as caught:
        analyze(spec)
    (fault,) = caught.value.diagnostics
    assert (fault.line, fault.path) == (None, ("expect", "layers"))
    assert str(caught.value).startswith("error[expect]: the network has 18 layers")


def test_a_word_used_twice_is_two_layers() -> None:
    """Rows put together in Python may hold the same object more than once."""
    word = Conv(kernel=3, channels=16)
    row = Row(branches=((word, word),))
    spec = loads(SPEC.format(stage='"[[3x3, 16], [3x3, 16]]"', block=""))
    stage = Stage(rows=(row,))
    twin = replace(spec, stages={**spec.stages, "conv3_x": stage})
    assert elaborate(twin) == elaborate(spec)


def shortcut(stage: str, block: str) -> ir.Layer:
    actual = blocks(stage, block)[0]
    assert isinstance(actual, Residual)
    return actual.shortcut


AVERAGE = '{projection: "average pool, 1x1"}'


def test_projections_are_made_of_what_the_spec_says() -> None:
    pool, conv, norm = ir.steps(shortcut('"[[3x3, 16]]"', AVERAGE))
    assert pool == ir.Pool(kind="average", kernel=2, stride=2, ceil=True)
    assert conv == ir.Conv(in_channels=16, out_channels=16, kernel=1)
    assert norm == ir.BatchNorm(channels=16, eps=1e-5, momentum=0.1)
    conv, _ = ir.steps(shortcut('"[[3x3, 16]]"', "{projection: 3x3}"))
    assert conv == ir.Conv(in_channels=16, out_channels=16, kernel=3, stride=2, padding=1)


@pytest.mark.parametrize("block", [AVERAGE, "{projection: 3x3}", "{projection: 1x1}"])
def test_a_projection_that_does_not_stride_is_a_1x1(block: str) -> None:
    conv, _ = ir.steps(shortcut('{rows: "[[3x3, 24]]", stride: 1}', block))
    assert conv == ir.Conv(in_channels=16, out_channels=24, kernel=1)


def test_anti_aliasing_splits_the_strides_of_bodies_alone() -> None:
    (block,) = blocks('"[[3x3, 16], [3x3, 16]]"', "{antialias: blur}")
    assert isinstance(block, Residual)
    assert strides(block) == [1, 1, 2], "the projection strides as ever"
    kinds = [type(leaf).__name__ for leaf in ir.steps(block.body)]
    assert kinds == ["Conv", "BatchNorm", "Act", "BlurPool", "Conv", "BatchNorm"]
    (block,) = blocks('"[[3x3, 16], [3x3, 16]]"', "{antialias: average}")
    assert isinstance(block, Residual)
    assert ir.steps(block.body)[3] == ir.Pool(kind="average", kernel=2, stride=2)


def test_attention_stands_where_it_is_written() -> None:
    (block,) = blocks('{rows: "[[3x3, 16], [3x3, 16], [se 4]]", stride: 1}')
    assert isinstance(block, Residual)
    assert ir.steps(block.body)[-1] == ir.SqueezeExcite(channels=16, hidden=4)


def test_the_first_choice_of_a_key_is_its_default() -> None:
    assert {key: values[0] for key, values in CHOICES.items()} == {
        key: getattr(DEFAULTS, key) for key in CHOICES
    }


LAYERS_OF_A_BLOCK = [
    ("[[3x3, 16, linear], [3x3, 16]]", ["bn", "conv", "bn", "add", "relu"]),
    ("[[3x3, 16, no norm, gelu], [3x3, 16]]", ["gelu", "conv", "bn", "add", "relu"]),
    ("[[3x3, 16], [3x3, 16, relu]]", ["bn", "relu", "conv", "bn", "relu", "add", "relu"]),
    ("[[3x3, 16], [add], [norm], [se /4]]", ["bn", "add", "relu", "bn", "se"]),
    ("[[norm], [relu], [3x3, 16], [scale 0.1]]", ["relu", "conv", "bn", "scale", "add", "relu"]),
]


@pytest.mark.parametrize(("row", "ends"), LAYERS_OF_A_BLOCK)
def test_a_row_says_what_each_layer_brings(row: str, ends: list[str]) -> None:
    short = {"batchnorm": "bn"}
    stage = f'{{rows: "{row}", stride: 1}}'
    ops = [node_op(visit.node) for visit in walk(ir.Sequence(tuple(blocks(stage))), None, NODES)[0]]
    assert [short.get(op, op) for op in ops][-len(ends) :] == ends


def test_a_shortcut_may_be_written() -> None:
    row = "[[3x3, 32, /2] + [2x2 average pool], [1x1, 32, no norm]]"
    (block,) = blocks(f'"{row}"')
    assert isinstance(block, Residual)
    pool, conv = ir.steps(block.shortcut)
    assert pool == ir.Pool(kind="average", kernel=2, stride=2)
    assert conv == ir.Conv(in_channels=16, out_channels=32, kernel=1, bias=True)


@pytest.mark.parametrize(
    ("letter", "shortcut"), [("A", "padding"), ("b", "projection"), ("C", "always")]
)
def test_options_of_the_paper_are_read_by_their_letters(letter: str, shortcut: str) -> None:
    stage = '"[[3x3, 32], [3x3, 32]]"'
    assert blocks(stage, f"{{shortcut: {letter}}}") == blocks(stage, f"{{shortcut: {shortcut}}}")


def test_what_follows_the_addition_is_no_key_of_pre_activated_blocks() -> None:
    with pytest.raises(SpecError, match="nothing follows its additions"):
        blocks('{rows: "[[3x3, 32], [3x3, 32]]", order: pre, after: gelu}')
    (first, *_), (raw, *_) = (
        blocks('"[[3x3, 32], [3x3, 32]]"', f"{{order: pre, projection_input: {value}}}")
        for value in ("activated", "raw")
    )
    assert isinstance(first, ir.BatchNorm)  # shared by body and projection
    assert isinstance(raw, Residual)
