"""Why a layer is there that no word of the spec stands for."""

from __future__ import annotations

import pytest

from resnet_dsl import load, loads, zoo
from resnet_dsl.answers.tracing import TraceLine, trace
from resnet_dsl.notation.terms import Dropout, DropPath
from tests.specs import chosen

BROUGHT = {"batchnorm", "groupnorm", "evonorm", "frn", "relu", "tanh", "silu", "add", "concat"}
"""What no word of a spec stands for."""


def reasons(name: str, stage: str, block: int | None = None, *settings: str) -> dict[str, str]:
    """The reasons in one block, by what its module is called there."""
    actual = trace(name, overrides=settings, stage=stage, block=block)
    return {_short(line): line.why for line in actual.lines if line.why is not None}


def _short(line: TraceLine) -> str:
    return line.path if line.block is None else line.path.split(".", 2)[2]


NORMS = {
    "bn1": "norm: batch",
    "bn2": "norm: batch",
    "relu": "activation: relu, after the addition",
}
BOTTLENECK = {**NORMS, "bn3": "norm: batch"}


def test_reasons_of_a_block_that_enters_a_stage() -> None:
    assert reasons("resnet50", "conv3_x", 1) == {
        **BOTTLENECK,
        "conv2": "stride 2: first block of conv3_x",
        "downsample.0": "projection: 256x56x56 → 512x28x28",
        "downsample.1": "norm: batch",
        "add": "projection shortcut",
    }
    assert reasons("resnet50", "conv3_x", 2) == {**BOTTLENECK, "add": "identity shortcut"}


def test_reasons_of_stem_and_head() -> None:
    assert reasons("resnet50", "stem") == {"bn1": "norm: batch", "relu": "activation: relu"}
    assert reasons("resnet50", "head") == {"flatten": "fc takes a vector"}
    assert reasons("googlenet", "head") == {}  # its spec says flatten
    assert reasons("vgg16", "head") == {
        "flatten": "fc takes a vector",
        "classifier.1": "activation: relu",
        "classifier.4": "activation: relu",
    }


def test_the_papers_models_stride_at_their_first_convolution() -> None:
    actual = reasons("paper/resnet50", "conv3_x", 1)
    assert actual["conv1"] == "stride 2: first block of conv3_x, at its first convolution"
    assert "conv2" not in actual


def test_reasons_of_an_average_pool_in_the_projection() -> None:
    actual = reasons("timm/resnet50d", "conv3_x", 1)
    assert actual["downsample.0"] == "average pool of the projection: 2x2, /2"
    assert actual["downsample.1"] == "projection: 256x56x56 → 512x28x28"
    assert "downsample.3" not in actual


def test_reasons_of_pre_activated_blocks() -> None:
    shared = reasons("timm/resnetv2_50", "conv2_x", 1)
    assert shared["bn1"] == "pre-activation"
    assert shared["downsample.0"] == "projection: 64x56x56 → 256x56x56"
    actual = trace("cifar/preact_resnet110", stage="conv2_x", block=2).lines
    assert [(line.op, line.why) for line in actual] == [
        ("batchnorm", "pre-activation"),
        ("relu", "pre-activation"),
        ("conv", None),
        ("batchnorm", "norm: batch"),
        ("relu", "activation: relu"),
        ("conv", None),
        ("add", "identity shortcut"),
    ]
    after = "pre-activation: after the last block"
    assert reasons("cifar/preact_resnet110", "head") == {
        "bn1": after,
        "relu": after,
        "flatten": "fc takes a vector",
    }
    assert reasons("cifar/preact_resnet110", "stem") == {}


def test_what_pre_activated_blocks_leave_is_in_no_block() -> None:
    setting = "stages.conv4_x.order=post"
    first, second, third, *_ = trace(
        "cifar/preact_resnet110", overrides=[setting], stage="conv4_x"
    ).lines
    assert [line.block for line in (first, second, third)] == [None, None, 1]
    assert first.why == second.why == "pre-activation: after the last block"


@pytest.mark.parametrize(
    ("name", "pool"), [("timm/resnetblur50", "blurpool"), ("timm/resnetaa50d", "avgpool")]
)
def test_reasons_of_anti_aliasing(name: str, pool: str) -> None:
    actual = reasons(name, "conv3_x", 1)
    assert actual[pool] == "anti-aliasing: strides by 2 after the convolution"
    assert "conv2" not in actual
    assert pool not in reasons(name, "conv3_x", 2)


def test_reasons_of_option_a() -> None:
    actual = reasons("paper/resnet34-A", "conv3_x", 1)
    assert actual == {
        **NORMS,
        "conv1": "stride 2: first block of conv3_x",
        "downsample.0": "option A: every second pixel",
        "downsample.1": "option A: 64 channels of zeros",
        "add": "padding shortcut",
    }
    both = reasons("paper/resnet34-A", "conv3_x", 1, "block.shortcut=padding on both sides")
    assert both["downsample.1"] == "option A: 64 channels of zeros on both sides"


def test_reasons_of_dilation() -> None:
    """The rates of torchvision's `replace_stride_with_dilation=[False, True, True]`."""
    source = "extends: resnet50\noutput_stride: 8"
    lines = {line.path: line for line in trace(loads(source)).lines}
    rates = {"layer2.1": 1, "layer3.0": 1, "layer3.1": 2, "layer4.0": 2, "layer4.1": 4}
    for block, rate in rates.items():
        line = lines[f"{block}.conv2"]
        assert line.dilation == rate
        cause = f"dilation {rate}: in place of a stride (output stride 8)" if rate > 1 else None
        assert line.why == cause
    settings = ("stages.conv5_x.stride=1", "stages.conv5_x.dilation=2")
    assert reasons("resnet50", "conv5_x", 2, *settings)["conv2"] == "dilation 2: conv5_x"


def test_reasons_where_dilation_meets_pools() -> None:
    actual = reasons("timm/resnetblur50d", "conv4_x", 1, "output_stride=8")
    assert (
        actual["blurpool"]
        == "anti-aliasing: a filter with stride 1, since dilation replaces the stride"
    )
    assert actual["downsample.0"] == "average pool of the projection: 2x2, /1"
    assert actual["downsample.pad"].startswith("zeros after the map")


def test_a_stride_that_the_row_says_has_no_reason() -> None:
    row = "stages.conv3_x=[[3x3, 128, /2, dilation 2], [3x3, 128]]"
    assert "conv1" not in reasons("resnet18", "conv3_x", 1, row)


def test_a_dropout_of_0_is_no_layer_to_have_a_reason() -> None:
    row = "stages.conv3_x=[[dropout 0], [3x3, 128], [3x3, 128]]"
    actual = reasons("resnet18", "conv3_x", 1, row)
    assert actual["conv1"] == "stride 2: first block of conv3_x"
    assert "conv2" not in actual


def test_reasons_of_attention_and_stochastic_depth() -> None:
    actual = trace("timm/seresnet18", overrides=["drop_path=0.1"], stage="conv3_x", block=2)
    lines = {line.op: line for line in actual.lines}
    assert lines["se"].why is None
    # the fourth of eight blocks, linear from 0
    assert lines["droppath"].why == f"drop path: {0.1 * 3 / 7:.3g} of 0.1, linear over the blocks"
    row = "stages.conv2_x=[[3x3, 64], [3x3, 64], [drop path 0.2]]"
    assert "drop_path" not in reasons("resnet18", "conv2_x", 1, row)


@pytest.mark.parametrize("name", chosen(zoo()))
def test_all_that_no_word_stands_for_has_a_reason(name: str) -> None:
    lines = trace(name).lines
    assert all(line.why for line in lines if line.op in BROUGHT)
    for stage, words in load(name).stages.items():
        written = sum(
            row.repeats
            for row in words.rows
            for layer in row.layers
            if not isinstance(layer, Dropout | DropPath) or layer.p
        )
        stated = [
            line
            for line in lines
            if line.stage == stage and (line.why or "stride").startswith(("stride", "dilation"))
        ]
        assert len(stated) == written
