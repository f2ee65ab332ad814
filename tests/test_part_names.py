"""Parts, specs and models under the names that libraries give them."""

from __future__ import annotations

import pytest

from resnet_dsl import SpecError, blocks, load, loads, trace
from resnet_dsl.language.part_names import meant_part
from resnet_dsl.language.shipped import nearest_spec, zoo
from resnet_dsl.reader import find_spec
from tests.command import run

STAGES = ["conv2_x", "conv3_x", "conv4_x", "conv5_x"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("conv1", "stem"), ("bn1", "stem"), ("maxpool", "stem"), ("embedder", "stem")),
        *(("layer1", "conv2_x"), ("layer4", "conv5_x"), ("layer5", None), ("layer0", None)),
        *(("stages.0", "conv2_x"), ("stages.3", "conv5_x"), ("encoder.stages.1", "conv3_x")),
        *(("res2", "conv2_x"), ("res5", "conv5_x"), ("C4", "conv4_x"), ("res6", None)),
        *(("stage1", "conv2_x"), ("conv3", "conv3_x"), ("conv_5", "conv5_x")),
        *(("layer2.0", "conv3_x.1"), ("stages.1.blocks.2", "conv3_x.3"), ("res3.0", "conv3_x.1")),
        *(("fc", "head"), ("avgpool", "head"), ("classifier", "head"), ("head.fc", "head")),
        *(("nothing", None), ("layer", None), ("layer2x", None), ("", None)),
    ],
)
def test_a_part_under_another_name(name: str, meant: str | None) -> None:
    assert meant_part(name, STAGES) == meant


def test_stages_are_asked_for_by_any_name() -> None:
    assert trace("resnet18", stage="layer2") == trace("resnet18", stage="conv3_x")
    assert trace("resnet18", stage="conv1") == trace("resnet18", stage="stem")
    assert blocks("resnet50", stage="res4") == blocks("resnet50", stage="conv4_x")
    result = run("trace", "resnet18", "--stage", "stages.1", "--block", "1")
    assert result.stdout == run("trace", "resnet18", "--stage", "conv3_x", "--block", "1").stdout
    with pytest.raises(SpecError, match="'layer9' is not a stage"):
        trace("resnet18", stage="layer9")


def test_a_stage_of_that_name_counts_more() -> None:
    spec = loads(
        "input: 3x8x8\nstem: ['3x3, 4']\nhead: []\n"
        "stages: {layer2: '[[3x3, 4], [3x3, 4]]', layer1: '[[3x3, 8], [3x3, 8]]'}"
    )
    lines = trace(spec, stage="layer1").lines
    assert {line.out_channels for line in lines} == {8}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("timm:resnet50d", "timm/resnet50d.yaml"),
        ("timm/resnet50d", "timm/resnet50d.yaml"),
        ("torchvision:resnet50", "resnet50.yaml"),
        ("torchvision/resnet50", "resnet50.yaml"),
    ],
)
def test_a_library_and_its_folder_are_one(name: str, file: str) -> None:
    assert find_spec(name).as_posix().endswith(f"specs/{file}")
    assert run("summary", name).exit_code == 0
    assert loads(f"extends: {name}") == loads(f"extends: {file[:-5]}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("resnext50", "resnext50_32x4d"), ("seresnet50", "timm/seresnet50")),
        *(("resnetv2_50", "timm/resnetv2_50"), ("resnet-50", "resnet50"), ("ResNet50", "resnet50")),
        *(("resnet50v2", "timm/resnetv2_50"), ("wide_resnet50", "wide_resnet50_2")),
        *(("timm/resnext50", "timm/resnext50_32x4d"), ("resnet50d", "timm/resnet50d")),
        *(("resnet20", "cifar/resnet20"), ("googlnet", "googlenet"), ("vgg17", "vgg19")),
        *(("mobilenet", None), ("densenet121", None), ("!", None)),
    ],
)
def test_the_nearest_spec_is_that_of_its_words(name: str, meant: str | None) -> None:
    assert nearest_spec(name) == meant
    if meant is not None:
        with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
            loads(f"extends: {name}")


def test_no_spec_suggests_itself() -> None:
    for name in zoo()[::7]:
        assert nearest_spec(name) != name
        assert load(name)
