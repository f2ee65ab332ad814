"""Networks as backbones: output strides, maps of stages, other inputs, no head."""

from __future__ import annotations

from dataclasses import replace

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from resnet_dsl import SpecError, build, elaborate, load, loads, recover
from tests.pytorch.reference import (
    assert_same_state,
    image,
    reference,
    shuffle_statistics,
)
from tests.specs import chosen

X = image(2, 3, 75, 83)
EVEN = image(2, 3, 96, 128)


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d"])
@pytest.mark.parametrize(("stride", "replaced"), [(8, [0, 1, 1]), (16, [0, 0, 1]), (32, [0, 0, 0])])
def test_output_strides_are_torchvisions(name: str, stride: int, replaced: list[int]) -> None:
    dilate = [bool(flag) for flag in replaced]
    torch.manual_seed(0)
    theirs = reference(name, replace_stride_with_dilation=dilate)
    ours = build(loads(f"extends: {name}\noutput_stride: {stride}"), seed=0)
    assert_same_state(ours, theirs)
    with torch.no_grad():
        assert torch.equal(ours.eval()(X), theirs.eval()(X))
    assert str(ours) == str(theirs)


DILATED = [
    "timm/resnet18d",  # two convolutions in a block, a projection that pools
    "timm/senet154",  # a projection of 3x3
    "timm/resnetblur50",  # a blur that stays where its stride went
    "timm/resnetaa50d",
    "timm/resnet10t",  # a single block in each stage
    "timm/resnetv2_50d",
]


@pytest.mark.parametrize("name", chosen([*DILATED, "timm/ecaresnet269d", "timm/resnetv2_152d"]))
@pytest.mark.parametrize("stride", [8, 16])
def test_output_strides_are_timms(name: str, stride: int) -> None:
    theirs: nn.Module = timm.create_model(name.removeprefix("timm/"), output_stride=stride)
    shuffle_statistics(theirs)
    spec = loads(f"extends: {name}\noutput_stride: {stride}")
    ours = build(spec, init=False, naming="timm")
    ours.load_state_dict(theirs.state_dict())
    x = EVEN if "aa" in name else X
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
    network = elaborate(spec)
    source = recover(network)
    assert elaborate(source) == network
    dilations = [source.stages[f"conv{i}_x"].dilation for i in (4, 5)]
    assert dilations == ([2, 4] if stride == 8 else [None, 2])


def test_detectron2_dilates_the_first_block_as_well() -> None:
    source = "extends: resnet50\noutput_stride: 16\nblock: {first_dilation: new}"
    theirs = reference("resnet50", replace_stride_with_dilation=[False, False, True])
    conv = theirs.get_submodule("layer4.0.conv2")
    conv.dilation = conv.padding = (2, 2)  # type: ignore[assignment]
    shuffle_statistics(theirs)
    ours = build(loads(source), init=False)
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert torch.equal(ours.eval()(X), theirs.eval()(X))


def test_an_output_stride_is_short_for_strides_and_dilations() -> None:
    short = loads("extends: resnet50\noutput_stride: 8")
    rows = load("resnet50").stages
    long = loads(
        "extends: resnet50\nstages:\n"
        f"  conv4_x: {{rows: '{_row(rows['conv4_x'])}', stride: 1, dilation: 2}}\n"
        f"  conv5_x: {{rows: '{_row(rows['conv5_x'])}', stride: 1, dilation: 4}}\n"
    )
    assert elaborate(short) == elaborate(long)
    assert recover(elaborate(short)).stages["conv4_x"] == long.stages["conv4_x"]


def _row(stage: object) -> str:
    from resnet_dsl.language.spec import Stage
    from resnet_dsl.notation.printed import format_row

    assert isinstance(stage, Stage)
    return format_row(stage.rows[0])


STAGES = ["conv2_x", "conv3_x", "conv4_x", "conv5_x"]


def test_maps_are_those_of_torchvisions_extractor() -> None:
    theirs = reference("resnet50")
    nodes = {f"layer{i}": name for i, name in enumerate(STAGES, 1)}
    extractor = create_feature_extractor(theirs.eval(), nodes)
    ours = build("resnet50", init=False, features=STAGES).eval()
    kept = {k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")}
    ours.load_state_dict(kept)
    with torch.no_grad():
        expected, actual = extractor(X), ours(X)
    assert list(actual) == STAGES
    assert all(torch.equal(actual[name], expected[name]) for name in STAGES)


@pytest.mark.parametrize("name", ["timm/resnet18d", "timm/resnetv2_18d"])
def test_maps_are_those_of_timms_features(name: str) -> None:
    theirs = timm.create_model(name.removeprefix("timm/"))
    extractor = timm.create_model(
        name.removeprefix("timm/"), features_only=True, out_indices=(2, 4)
    ).eval()
    state = {k.replace(".", "_", k.count(".")): v for k, v in theirs.state_dict().items()}
    own = extractor.state_dict()
    extractor.load_state_dict({k: state[k.replace(".", "_")] for k in own})
    ours = build(name, naming="timm", features=["conv3_x", "conv5_x"]).eval()
    ours.load_state_dict({k: theirs.state_dict()[k] for k in ours.state_dict()})
    with torch.no_grad():
        expected, actual = extractor(X), ours(X)
    assert [torch.equal(a, b) for a, b in zip(actual.values(), expected, strict=True)] == [True] * 2


def test_what_no_map_needs_is_not_there() -> None:
    whole, part = build("resnet50", seed=0), build("resnet50", seed=0, features=["conv3_x"])
    assert [name for name, _ in part.named_children()] == [
        "conv1",
        "bn1",
        "relu",
        "maxpool",
        "layer1",
        "layer2",
    ]
    state = whole.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in part.state_dict().items())


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "timm/resnetv2_18", "paper/plain18"])
@pytest.mark.parametrize("naming", ["torchvision", "timm"])
def test_maps_of_any_network_are_those_on_its_way(name: str, naming: str) -> None:
    spec = load(name)
    for stage in spec.stages:
        ours = build(spec, seed=0, features=[stage], naming=naming).eval()  # type: ignore[arg-type]
        with torch.no_grad():
            (actual,) = ours(X).values()
        cut = replace(spec, head=(), aux={}, expect=type(spec.expect)())
        names = list(spec.stages)
        kept = names[: names.index(stage) + 1]
        cut = replace(cut, stages={n: spec.stages[n] for n in kept})
        if name.startswith("timm/resnetv2"):  # cut, its last block would leave a norm after
            whole = build(spec, seed=0, naming=naming).eval()  # type: ignore[arg-type]
            module = "stages.{}" if naming == "timm" else "layer{}"
            number = names.index(stage) + (naming == "torchvision")
            maps: list[Tensor] = []
            whole.get_submodule(module.format(number)).register_forward_hook(
                lambda _module, _inputs, out, maps=maps: maps.append(out)
            )
            with torch.no_grad():
                whole(X)
            assert torch.equal(actual, maps[0])
        else:
            twin = build(cut, init=False).eval()
            weights = zip(twin.state_dict(), ours.state_dict().values(), strict=True)
            twin.load_state_dict(dict(weights))
            with torch.no_grad():
                assert torch.equal(actual, twin(X))
        assert actual.dim() == 4


def test_stages_of_one_resolution_have_maps_of_their_own() -> None:
    source = """
input: 3x32x32
stem: ["3x3, 8"]
stages:
  one: "[[3x3, 8], [3x3, 8]] x 2"
  two: {rows: "[[3x3, 8], [3x3, 8]]", stride: 1}
head: [average pool, 10-d fc]
aux: {one.1: [10-d fc]}
"""
    model = build(loads(source), seed=0, features=["one", "two"]).eval()
    whole = build(loads(source), seed=0)
    assert list(model.state_dict()) == [
        key for key in whole.state_dict() if not key.startswith(("fc", "aux"))
    ]
    blocks: list[Tensor] = []
    for i in range(3):
        whole.get_submodule(f"layer1.{i}").register_forward_hook(
            lambda _module, _inputs, out: blocks.append(out)
        )
    x = image(2, 3, 32, 32)
    with torch.no_grad():
        maps = model(x)
        whole.eval()(x)
    assert torch.equal(maps["one"], blocks[1])
    assert torch.equal(maps["two"], blocks[2])
    assert len(whole.train()(x)) == 2


@pytest.mark.parametrize("features", [["conv9_x"], [], "conv9_x", [None]])
def test_unknown_features_are_named(features: list[str] | str) -> None:
    with pytest.raises(SpecError, match=r"is not a stage|a list of stage names"):
        build("resnet18", features=features)


def test_other_inputs_than_three_channels() -> None:
    theirs = timm.create_model("resnet18", in_chans=5)
    ours = build(loads("extends: timm/resnet18\ninput: 5x64x64\n"), init=False)
    ours.load_state_dict(theirs.state_dict())
    x = image(2, 5, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_without_a_head_the_last_map_comes_out() -> None:
    theirs = timm.create_model("resnet18", num_classes=0, global_pool="")
    ours = build(loads("extends: timm/resnet18\nhead: []\n"), init=False)
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert torch.equal(ours.eval()(X), theirs.eval()(X))
    theirs = timm.create_model("resnetv2_18", num_classes=0, global_pool="")
    ours = build(loads("extends: timm/resnetv2_18\nhead: []\n"), init=False, naming="timm")
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert torch.equal(ours.eval()(X), theirs.eval()(X))


def test_features_have_the_names_of_libraries_too() -> None:
    names = {"stem": "conv1", "conv3_x": "layer2", "conv4_x.1": "layer3.0", "conv5_x": "stages.3"}
    ours, theirs = (
        build("resnet18", seed=0, features=list(each)).eval()
        for each in zip(*names.items(), strict=True)
    )
    x = image(1, 3, 64, 64)
    with torch.no_grad():
        own, other = ours(x), theirs(x)
    assert list(other) == list(names.values())
    for name, alias in names.items():
        assert torch.equal(own[name], other[alias])


def test_an_input_of_other_channels_changes_the_first_convolution() -> None:
    grey = build("resnet18", input="1x64x64", seed=0)
    assert_same_state(grey, build("resnet18", overrides=["input=1x64x64"], seed=0))
    assert grey.state_dict()["conv1.weight"].shape == (64, 1, 7, 7)
    assert grey(image(2, 1, 64, 64)).shape == (2, 1000)
    same = build("resnet18", input=64, init=False)
    assert same.state_dict()["conv1.weight"].shape == (64, 3, 7, 7)


def test_one_name_is_a_feature() -> None:
    assert list(build("resnet18", init=False, features="conv3_x")(image(1, 3, 64, 64))) == [
        "conv3_x"
    ]


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet18", 64),
        ("timm/resnet18d", 64),
        ("timm/resnetrs50", 64),
        ("timm/resnetaa34d", 64),
        ("timm/resnetv2_18", 64),
        ("timm/resnetv2_50x1_bit", 64),
    ],
)
def test_the_stem_is_its_map_of_half_the_size(name: str, channels: int) -> None:
    """It is timm's first feature."""
    theirs = timm.create_model(name.removeprefix("timm/"), features_only=True, out_indices=(0,))
    ours = build(name, naming="timm", features="stem").eval()
    state = {key.replace("stem_", "stem."): value for key, value in theirs.state_dict().items()}
    assert not ours.load_state_dict(state, strict=False).missing_keys
    x = image(2, 3, 64, 64)
    with torch.no_grad():
        own, other = ours(x)["stem"], theirs.eval()(x)[0]
    assert own.shape == (2, channels, 32, 32)
    assert torch.equal(own, other)
    assert [(map.channels, map.reduction) for map in ours.feature_info] == [(channels, 2)]


def test_a_stem_of_one_stride_is_a_feature_as_a_whole() -> None:
    model = build("cifar/resnet20", init=False, features=["stem", "maxpool"])
    assert [map.reduction for map in model.feature_info] == [1, 1]
    maps = build("resnet18", init=False, features=["maxpool", "stem"])(image(1, 3, 64, 64))
    assert {name: map.shape[-1] for name, map in maps.items()} == {"stem": 32, "maxpool": 16}


@pytest.mark.parametrize("name", ["resnet50", "timm/resnetv2_50", "cifar/resnet20", "googlenet"])
def test_feature_info_is_what_the_maps_are(name: str) -> None:
    whole = build(name, init=False)
    info = whole.feature_info
    height = whole.network.input.height
    maps = build(name, init=False, features=[map.name for map in info]).eval()(
        image(1, *whole.network.input)
    )
    assert [(m.shape[1], round(height / m.shape[2])) for m in maps.values()] == [
        (map.channels, map.reduction) for map in info
    ]
