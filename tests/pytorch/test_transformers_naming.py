"""transformers' names: its own models, key for key and bit for bit, and refusals of all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from resnet_dsl import SpecError, build, loads
from resnet_dsl.cli import main
from tests.pytorch.reference import assert_same_state, image, shuffle_statistics

BASIC = {"layer_type": "basic", "hidden_sizes": [64, 128, 256, 512], "num_labels": 1000}
BOTTLENECK = {
    "layer_type": "bottleneck",
    "hidden_sizes": [256, 512, 1024, 2048],
    "num_labels": 1000,
}
RESNET18 = {**BASIC, "depths": [2, 2, 2, 2]}
RESNET26 = {**BOTTLENECK, "depths": [2, 2, 2, 2]}


def theirs(**options: object) -> Any:
    """transformers' model of a configuration, with random weights."""
    return ResNetForImageClassification(ResNetConfig(**options))


def assert_is_theirs(source: str, model: nn.Module) -> None:
    """The same keys in order, shapes and dtypes; with their weights the same outputs."""
    ours = build(loads(source), init=False, naming="transformers")
    facts = [
        [(key, tensor.shape, tensor.dtype) for key, tensor in actual.state_dict().items()]
        for actual in (ours, model)
    ]
    assert facts[0] == facts[1]
    shuffle_statistics(model)
    ours.load_state_dict(model.state_dict(), strict=True)
    x = image(2, ours.spec.input.channels, 75, 83)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), model.eval()(x).logits)
        assert torch.equal(ours.train()(x), model.train()(x).logits)
    assert_same_state(ours, model)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        pytest.param("resnet18", RESNET18, id="18"),
        pytest.param("timm/resnet26", RESNET26, id="26"),
        *(
            pytest.param(
                f"resnet{layers}",
                {**kind, "depths": depths},
                marks=pytest.mark.exhaustive,
                id=str(layers),
            )
            for layers, kind, depths in [
                (34, BASIC, [3, 4, 6, 3]),
                (50, BOTTLENECK, [3, 4, 6, 3]),
                (101, BOTTLENECK, [3, 4, 23, 3]),
                (152, BOTTLENECK, [3, 8, 36, 3]),
            ]
        ),
    ],
)
def test_a_spec_is_transformers_model(source: str, options: dict[str, object]) -> None:
    assert_is_theirs(f"extends: {source}", theirs(**options))


TWO_STAGES = """
input: 3x4x4
stem: ["7x7, 16, /2", "3x3 max pool, /2"]
stages: {a: "[[3x3, 16], [3x3, 16]] x 1", b: "[[3x3, 16], [3x3, 16]] x 2"}
head: [average pool, 7-d fc]
"""
ODD_WIDTH = """
input: 3x64x64
stem: ["7x7, 16, /2", "3x3 max pool, /2"]
stages: {a: "[[1x1, 4], [3x3, 4], [1x1, 16]] x 2", b: "[[1x1, 12], [3x3, 12], [1x1, 51]] x 1"}
head: [average pool, 7-d fc]
"""
SMALL = {"embedding_size": 16, "depths": [1, 2], "num_labels": 7}


@pytest.mark.parametrize(
    ("source", "options"),
    [
        pytest.param(
            "extends: resnet18\nstages: {conv2_x: {stride: 2}}",
            {**RESNET18, "downsample_in_first_stage": True},
            id="downsample_in_first_stage",
        ),
        pytest.param(
            "extends: timm/resnet26\nblock: {stride_on: first}",
            {**RESNET26, "downsample_in_bottleneck": True},
            id="downsample_in_bottleneck",
        ),
        pytest.param(
            "extends: timm/resnet26\nblock: {stride_on: first}\nstages: {conv2_x: {stride: 2}}",
            {**RESNET26, "downsample_in_first_stage": True, "downsample_in_bottleneck": True},
            id="both",
        ),
        pytest.param(
            "extends: resnet18\nhead: [average pool, 10-d fc]",
            {**RESNET18, "num_labels": 10},
            id="num_labels",
        ),
        pytest.param(
            "extends: resnet18\nhead: [average pool, flatten]",
            {**RESNET18, "num_labels": 0},
            id="no labels",
        ),
        pytest.param(
            "extends: resnet18\ninput: 1x64x64\nstem: ['7x7, 24, /2', '3x3 max pool, /2']",
            {**RESNET18, "num_channels": 1, "embedding_size": 24},
            id="num_channels and embedding_size",
        ),
        pytest.param(
            TWO_STAGES,
            {**SMALL, "layer_type": "basic", "hidden_sizes": [16, 16]},
            id="stages of one width and one size",
        ),
        pytest.param(
            ODD_WIDTH,
            {**SMALL, "layer_type": "bottleneck", "hidden_sizes": [16, 51], "depths": [2, 1]},
            id="a width that has no quarter",
        ),
    ],
)
def test_a_variant_is_transformers_model(source: str, options: dict[str, object]) -> None:
    assert_is_theirs(source, theirs(**options))


def test_features_are_the_maps_of_transformers() -> None:
    model = theirs(**RESNET18)
    shuffle_statistics(model)
    ours = build("resnet18", init=False, naming="transformers", features=["conv2_x", "conv4_x"])
    kept = ours.state_dict()
    assert list(kept) == [
        key for key in model.state_dict() if key.startswith("resnet.") and ".stages.3." not in key
    ]
    ours.load_state_dict({key: model.state_dict()[key] for key in kept})
    x = image(2, 3, 75, 83)
    with torch.no_grad():
        maps = model.eval().resnet(x, output_hidden_states=True).hidden_states
        actual = ours.eval()(x)
    assert torch.equal(actual["conv2_x"], maps[1])
    assert torch.equal(actual["conv4_x"], maps[3])


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["build", *map(str, arguments), "--naming", "transformers"])
    return result.exit_code, result.stderr


def test_written_weights_are_those_of_transformers(tmp_path: Path) -> None:
    source, weights = tmp_path / "a.yaml", tmp_path / "a.safetensors"
    source.write_text(TWO_STAGES)
    assert run(source, "--seed", 0, "-o", weights) == (0, "")
    model = theirs(**SMALL, layer_type="basic", hidden_sizes=[16, 16])
    model.load_state_dict(load_file(weights), strict=True)
    assert_same_state(build(source, seed=0, naming="transformers"), model)
    assert run(source, "--weights", weights) == (0, "")


# ---------------------------------------------------------------- what transformers cannot say


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("extends: timm/resnet50d", "kernel 3, padding 1 where it has out channels 64, kernel 7"),
        ("extends: timm/seresnet18", "squeeze excite where it has nothing"),
        ("extends: timm/resnetaa50", "pool with kind average"),
        ("extends: timm/resnet50_gn", "group norm where it has batch norm"),
        ("extends: timm/resnetv2_50", "a pre-activated block"),
        ("extends: resnext50_32x4d", "out channels 128 where it has out channels 64"),
        ("extends: wide_resnet50_2", "out channels 128 where it has out channels 64"),
        ("extends: alexnet", "no residual blocks"),
        ("extends: googlenet", "no residual blocks"),
        ("extends: paper/plain18", "no residual blocks"),
        ("extends: paper/resnet34-A", "pool where it has convolution"),
        ("extends: paper/resnet34-C", "convolution where it has nothing"),
        ("extends: cifar/resnet20", "kernel 3, stride 1, padding 1 where it has kernel 7"),
        ("extends: resnet50\noutput_stride: 16", "stride 1 where it has stride 2"),
        ("extends: resnet18\nstages: {conv3_x: {stride: 3}}", "stride 3 where it has stride 2"),
        ("extends: resnet18\ndrop_path: 0.1", "drop path where it has nothing"),
        ("extends: resnet18\nblock: {norm: {kind: batch, eps: 1.0e-3}}", "eps 0.001"),
        ("extends: resnet18\nblock: {norm: {kind: batch, momentum: 0.2}}", "momentum 0.2"),
        ("extends: resnet18\nblock: {activation: gelu}", "kind gelu where it has kind relu"),
        ("extends: resnet18\nblock: {bias: true}", "bias true"),
        ("extends: resnet18\nhead: []", "nothing where it has adaptive pool"),
        ("extends: resnet18\nhead: [average pool, 10-d fc, softmax]", "softmax"),
        ("extends: resnet18\naux: {conv4_x.1: [average pool, 10-d fc]}", "an auxiliary classifier"),
        (
            "extends: resnet50\nstages: {conv2_x: '[[1x1, 64], [3x3, 64, C=32], [1x1, 256]] x 3'}",
            "groups 32 where it has groups 1",
        ),
        (
            "extends: resnet50\nstages: {conv3_x: {stride_on: first}}",
            "stride 1 where it has stride 2",
        ),
        (
            "extends: resnet50\nstages: {conv3_x: '[[3x3, 512], [3x3, 512]] x 2'}",
            "kernel 3, padding 1 where it has out channels 128, kernel 1, padding 0",
        ),
        (
            "extends: resnet50\nstages: {conv2_x: '[[1x1, 1], [3x3, 1], [1x1, 3]] x 1'}",
            "a bottleneck of less than 4 channels",
        ),
    ],
)
def test_what_transformers_cannot_say_is_refused(source: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        build(loads(source), device="meta", naming="transformers")
    (fault,) = caught.value.diagnostics
    assert fault.message.startswith("transformers has no such network: ")
    assert message in fault.message


def test_a_refusal_points_into_the_spec() -> None:
    code, printed = run("timm/seresnet18", "--meta")
    assert code == 2
    assert "seresnet18.yaml:6:12: error[value]: transformers has no such network" in printed
    assert "= at: stages.conv2_x" in printed
