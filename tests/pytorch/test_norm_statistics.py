"""Networks that are trained here, told apart by the statistics of their norms alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from resnet_dsl import Shape, Spec, SpecError, build, elaborate, lift_checkpoint, loads
from resnet_dsl.checkpoint.alternatives import alternatives
from resnet_dsl.language.spec import BlockKeys, Standardized
from resnet_dsl.pytorch.photographs import crops
from resnet_dsl.sources.lifted import Lifted
from tests.command import run

PADDING: Final = """
input: 3x32x32
stem: ["3x3, 16"]
block: {shortcut: padding}
stages:
  conv2_x: "[[3x3, 16], [3x3, 16]] x 2"
  conv3_x: "[[3x3, 32], [3x3, 32]] x 2"
  conv4_x: "[[3x3, 64], [3x3, 64]] x 2"
head: [average pool, 8-d fc]
"""
BOTTLENECKS: Final = """
input: 3x32x32
stem: ["3x3, 16"]
block: {stride_on: spatial}
stages:
  conv2_x: "[[1x1, 8], [3x3, 8], [1x1, 32]] x 2"
  conv3_x: "[[1x1, 16], [3x3, 16], [1x1, 64]] x 2"
  conv4_x: "[[1x1, 32], [3x3, 32], [1x1, 128]] x 2"
head: [average pool, 8-d fc]
"""
ONE_STRIDE: Final = 'conv3_x: {rows: "[[3x3, 32], [3x3, 32]] x 2", stride: 1}'
VARIANTS: Final = {
    "the family's": PADDING,
    "shortcut": PADDING.replace("padding}", "padding on both sides}"),
    "activation": PADDING.replace("padding}", "padding, activation: silu}"),
    "weights": PADDING.replace("padding}", "padding, weights: standardized}"),
    "stem": PADDING.replace('["3x3, 16"]', '["3x3, 16", "3x3 max pool, /2"]'),
    "stride": PADDING.replace('conv3_x: "[[3x3, 32], [3x3, 32]] x 2"', ONE_STRIDE),
    "stride_on": BOTTLENECKS.replace("spatial", "first"),
}
"""Networks that differ in one choice each from what a lift takes by default."""
STEPS: Final = 300
MEAN = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
DEVIATION = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)


def training_set(size: Shape) -> tuple[Tensor, Tensor]:
    """Crops of four photographs, by photograph and by which half is brighter."""
    images = crops("skimage", size, count=2048, seed=1)
    left, right = images.chunk(2, dim=-1)
    brighter = (left.mean((1, 2, 3)) > right.mean((1, 2, 3))).long()
    return (images - MEAN) / DEVIATION, torch.arange(len(images)) % 4 * 2 + brighter


def trained(spec: Spec, steps: int = STEPS) -> dict[str, Tensor]:
    """The weights of a network after a few hundred steps."""
    images, classes = training_set(spec.input)
    generator = torch.Generator().manual_seed(0)
    model = build(spec, seed=0).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        batch = torch.randint(0, len(images), (32,), generator=generator)
        loss = cross_entropy(model(images[batch]), classes[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.state_dict()


@pytest.mark.exhaustive
def test_trained_networks_are_told_by_their_statistics(tmp_path: Path) -> None:
    told = []
    for name, text in VARIANTS.items():
        spec = loads(text)
        torch.save(trained(spec), tmp_path / "w.pth")
        lifted = lift_checkpoint(tmp_path / "w.pth", images="skimage")
        assert_none_is_wrong(lifted, spec)
        assert_no_change_is_wrong(lifted, lift_checkpoint(tmp_path / "w.pth"), spec)
        told += [name] * (lifted.network == elaborate(spec))
    assert "the family's" in told
    assert len(told) >= len(VARIANTS) - 1  # training differs between machines


def assert_no_change_is_wrong(lifted: Lifted, default: Lifted, spec: Spec) -> None:
    """What differs from the family's defaults is what the network has."""
    own, family, true = (alternatives(each) for each in (lifted.spec, default.spec, spec))
    changed = {
        name for name in own if name in family and own[name][0].value != family[name][0].value
    }
    assert {name: own[name][0].value for name in changed} == {
        name: true[name][0].value for name in changed
    }


def assert_none_is_wrong(lifted: Lifted, spec: Spec) -> None:
    """What the statistics decide is what the network has."""
    true = {name: values[0].value for name, values in alternatives(spec).items()}
    decided = {entry.choice: entry.default for entry in lifted.undetermined if entry.decided}
    assert decided
    assert decided == {name: true[name] for name in decided}


SMALL: Final = """
input: 3x16x16
stem: ["3x3, 8"]
block: {weights: standardized}
stages: {conv2_x: "[[3x3, 8], [3x3, 8]] x 1", conv3_x: "[[3x3, 16], [3x3, 16]] x 1"}
head: [average pool, 8-d fc]
"""


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with standardized weights, after a few steps."""
    path = tmp_path_factory.mktemp("trained") / "w.pth"
    torch.save({"net": trained(loads(SMALL), steps=50)}, path)
    return path


def test_the_evidence_is_printed_with_what_it_decides(small_file: Path) -> None:
    result = run("lift", small_file, "--images", "--input", "3x16x16")
    assert result.exit_code == 0, result.stderr
    assert "block: {weights: standardized}\n" in result.stdout
    assert "\n# determined by the statistics of the norms:\n" in result.stdout
    (line,) = re.findall(r"^determined: weights: (.*)$", result.stderr, re.MULTILINE)
    assert re.fullmatch(r"standardized, by its statistics: \S+, next \S+ \(plain\)", line)
    (line,) = re.findall(r"^undetermined: activation: (.*)$", result.stderr, re.MULTILINE)
    assert re.match(r"relu, open by its statistics: relu \S+, ", line)
    assert re.search(r"^statistics of 6 norms on 256 crops of photographs: ", result.stderr, re.M)
    assert_none_is_wrong(lift_checkpoint(small_file, images="skimage"), loads(SMALL))


def test_a_choice_is_made_by_hand(small_file: Path) -> None:
    plain, set_by_hand = (
        lift_checkpoint(small_file, overrides=overrides)
        for overrides in ((), ["block.weights=standardized", "block.activation=silu"])
    )
    assert (plain.spec.settings().weights, plain.spec.settings().activation) == ("plain", "relu")
    assert set_by_hand.spec.block == BlockKeys(weights=Standardized(), activation="silu")
    choices = {entry.choice for entry in set_by_hand.undetermined}
    assert {entry.choice for entry in plain.undetermined} - choices == {"weights", "activation"}
    with pytest.raises(
        SpecError, match=r"layer1.0.conv1.weight is 8x8x3x3 in the file, and would be 9x8"
    ):
        lift_checkpoint(small_file, overrides=["stages.conv2_x.rows=[[3x3, 9], [3x3, 9]]"])


def test_norms_without_statistics_tell_nothing(tmp_path: Path) -> None:
    spec = loads(SMALL.replace("weights: standardized", "norm: {kind: group, groups: 4}"))
    torch.save(build(spec, seed=0).state_dict(), tmp_path / "w.pth")
    lifted = lift_checkpoint(tmp_path / "w.pth", images="skimage")
    assert lifted.remarks[-1] == "no norm has running statistics: images tell nothing"
    assert not any(entry.evidence for entry in lifted.undetermined)


def test_images_that_cannot_be_used_are_named(small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG, but no image")
    (tmp_path / "empty").mkdir()
    for place, message in (
        (tmp_path, "broken.png: no image that Pillow reads: "),
        (tmp_path / "empty", "empty: no images"),
        (tmp_path / "nothing", "nothing: no such folder"),
    ):
        with pytest.raises(SpecError, match=message):
            lift_checkpoint(small_file, images=place)
    result = run("lift", "cifar/resnet20:f", "--images")
    assert result.exit_code == 2
    assert "--images are for files alone" in result.stderr
