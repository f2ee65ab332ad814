"""Files of weights back to specs: by their names and shapes alone, and what these do not tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from resnet_dsl import SpecError, build, lift_checkpoint, load, loads, zoo
from resnet_dsl.checkpoint import recognize
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.terms import Fc
from tests.pytorch.checkpoints import (
    BOTTLENECK,
    FORMATS,
    LARGE,
    SMALL,
    assert_carries,
    assert_choices,
    saved,
    shuffled,
)
from tests.pytorch.naming_styles import OPTION_B, STYLES, renamed
from tests.pytorch.reference import KNOWN, reference, theirs
from tests.specs import chosen, plain
from tests.strategies import specs

# networks whose weights are those of a spec that says less
ALIKE = {
    "timm/resnetaa34d": "timm/resnet34d",
    "timm/resnetaa50": "resnet50",
    "timm/resnetaa50d": "timm/resnet50d",
    "timm/resnetaa101d": "timm/resnet101d",
    "timm/resnetblur18": "resnet18",
    "timm/resnetblur50": "resnet50",
    "timm/resnetblur50d": "timm/resnet50d",
    "timm/resnetblur101d": "timm/resnet101d",
    "timm/seresnextaa101d_32x8d": "timm/seresnext101d_32x8d",
}


@pytest.mark.parametrize("name", chosen(KNOWN))
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_names_and_shapes_tell_the_librarys_network(name: str) -> None:
    with torch.device("meta"):
        state = theirs(name).state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    actual = recognize(shapes)
    assert actual.lifted.spec == plain(load(ALIKE.get(name, name)))
    assert set(actual.lifted.weights.values()) == set(state)
    assert recognize(dict(sorted(shapes.items())), ordered=False) == actual


@pytest.mark.parametrize("suffix", FORMATS)
def test_torchvisions_files_become_specs(tmp_path: Path, suffix: str) -> None:
    model = shuffled(reference("resnet18"))
    lifted = lift_checkpoint(saved(model.state_dict(), tmp_path / f"w.{suffix}"))
    assert lifted.spec == plain(load("resnet18"))
    assert_choices(lifted, LARGE)
    assert_carries(model, lifted)


def test_timms_files_become_specs(tmp_path: Path) -> None:
    model = shuffled(timm.create_model("resnetv2_18d", num_classes=7))
    lifted = lift_checkpoint(saved(model.state_dict(), tmp_path / "w.safetensors"))
    assert lifted.spec.block == load("timm/resnetv2_18d").block
    stem = "3x3, 32, /2; 3x3, 32; 3x3, 64; 3x3 max pool, /2"
    head = "average pool; 7-d 1x1 conv; flatten"
    projection = {"projection": "average pool, 1x1"}
    assert_choices(lifted, {**LARGE, "stem": stem, "head": head, **projection})
    assert_carries(model, lifted)


@pytest.mark.parametrize("suffix", FORMATS)
def test_transformers_files_become_specs(tmp_path: Path, suffix: str) -> None:
    config = transformers.ResNetConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[64, 128, 256, 512], num_labels=7
    )
    model = shuffled(transformers.ResNetForImageClassification(config))
    lifted = lift_checkpoint(saved(model.state_dict(), tmp_path / f"w.{suffix}"))
    assert_choices(lifted, {**BOTTLENECK, "head": "average pool; 7-d fc"})
    assert_carries(model, lifted)


ROW, PADS = "[[3x3, 32], [3x3, 32]] x 2", "shortcut: padding"
AVERAGED = ("n_averaged", torch.ones(()))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"state_dict": state, "epoch": 3, "random": torch.get_rng_state()},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {"model_state": state, "optimizer": {"state": {}, "param_groups": []}},
        lambda state: {"net": state},
        lambda state: {"ema": state},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {f"_orig_mod.module.{key}": value for key, value in state.items()},
        lambda state: {f"backbone.body.{key}": value for key, value in state.items()},
        lambda state: {f"net._orig_mod.{key}": value for key, value in state.items()},
        lambda state: {
            **{f"module.{k}": v for k, v in state.items()},
            "n_averaged": torch.ones(()),
        },
    ],
)
def test_wrappings_are_taken_off(wrapped: Any, tmp_path: Path) -> None:
    state = build("cifar/resnet20", init=False).state_dict()
    lifted = lift_checkpoint(saved(wrapped(state), tmp_path / "w.pth"))
    assert lifted.spec == plain(load("cifar/resnet20"))
    assert set(lifted.weights) == set(state)
    assert_choices(lifted, {**SMALL, "shortcut": "padding", "head": "average pool; 10-d fc"})


def test_of_several_weights_the_first_are_taken_and_that_is_said(tmp_path: Path) -> None:
    state = build("cifar/resnet20", init=False).state_dict()
    average = {key: value.clone() for key, value in state.items()}
    path = saved({"ema": average, "model": state}, tmp_path / "w.pth")
    lifted = lift_checkpoint(path)
    assert str(lifted.undetermined[0]) == "weights of: model (the file also holds ema)"
    assert set(lifted.weights.values()) == {f"model.{key}" for key in state}


STATE = {"conv1.weight": torch.zeros(8, 3, 3, 3), "conv1.bias": torch.zeros(8)}
NUMBERED: dict[object, Tensor] = {3: torch.zeros(1)}
BLOCK = {f"layer1.0.conv{i}.weight": torch.zeros(8, 8, 3, 3) for i in (1, 2)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3}, "holds no tensors"),
        ({"state_dict": {}}, "holds no tensors"),
        ({"state_dict": {"conv.weight": [1.0]}}, "holds no tensors"),
        ({"model": NUMBERED}, "its tensors have no names: it is a list of parameters"),
        (
            {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": []},
            "holds the state of an optimizer, and no weights",
        ),
        ({"a": torch.zeros(8)}, "a: these weights belong to no"),
        (
            {"conv1.weight": STATE["conv1.weight"], "module.conv1.weight": STATE["conv1.weight"]},
            "conv1.weight and module.conv1.weight become one key when prefixes are removed",
        ),
        (STATE, "conv1, …: neither a residual network nor a known plain network"),
        ({**STATE, "a." * 99 + "weight": torch.zeros(3)}, "a.a."),
        (
            {**STATE, "\x1b[31m.weight": torch.zeros(3)},
            "?[31m.weight: these weights belong to no",
        ),
        (
            {**STATE, "embedding": torch.zeros(3, 3)},
            "embedding: these weights belong to no",
        ),
        (
            {**STATE, "scale.weight": torch.zeros(3)},
            "scale.weight: these weights belong to no",
        ),
        (
            {**STATE, "wide.weight": torch.zeros(3, 3, 1, 7)},
            "wide.weight: these weights belong to no",
        ),
        (
            {**STATE, **BLOCK, "layer1.0.conv3.weight": torch.zeros(8, 5, 1, 1)},
            "layer1.0: the channels of its convolutions do not match",
        ),
        (
            {**STATE, **BLOCK, "layer1.0.se.fc.weight": torch.zeros(2, 8)},
            "layer1.0.se.fc: a fully connected layer in a block",
        ),
        (
            {**STATE, **BLOCK, "layer1.0.gamma": torch.zeros(8)},
            "layer1.0.gamma: these weights belong to no",
        ),
        (
            {**STATE, **BLOCK, "slope.weight": torch.zeros(8)},
            "slope.weight: these weights belong to no",
        ),
        (
            {**STATE, **{k: v.to(torch.int8) for k, v in BLOCK.items()}},
            "layer1.0.conv1.weight is int8",
        ),
    ],
)
def test_files_of_other_things_are_refused(
    content: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = saved(content, tmp_path / "w.pth")
    with pytest.raises(SpecError) as caught:
        lift_checkpoint(path)
    (fault,) = caught.value.diagnostics
    assert fault.message.startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    "name", ["alexnet", "vgg11_bn", "googlenet", "resnet50", "timm/resnet50_gn"]
)
def test_another_number_of_classes_is_the_same_family(name: str) -> None:
    spec = load(name)
    state = build(spec, device="meta").state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    for key, shape in shapes.items():
        if shape[:1] == (1000,):
            shapes[key] = (5, *shape[1:])
    actual = recognize(shapes).lifted.spec
    assert actual.head[-1] == Fc(features=5)
    assert actual.stages == plain(spec).stages


def test_what_a_plain_network_pads_and_pools_is_open() -> None:
    state = build("alexnet", device="meta").state_dict()
    actual = recognize({key: tuple(value.shape) for key, value in state.items()}).lifted
    assert_choices(
        actual,
        {
            "input": "3x224x224",
            "stem": "11x11, 64, /4, pad 2; 3x3 max pool, /2, pad 0",
            "stride": "1, as written",
            "pools": "3x3 max pool, /2, pad 0",
            "pad": "half the kernel, or as written",
            "activation": "relu",
            "weights": "plain",
            "antialias": "none",
            "output_stride": "as it strides",
            "head": "3x3 max pool, /2, pad 0; average pool to 6x6; flatten; dropout 0.5; "
            "4096-d fc; dropout 0.5; 4096-d fc; 1000-d fc",
        },
    )


def test_padding_beside_projections_leaves_both_open() -> None:
    source = OPTION_B.replace('b: "[[3x3, 32], [3x3, 32]] x 2"', f"b: {{rows: {ROW!r}, {PADS}}}")
    state = build(loads(source), device="meta").state_dict()
    shapes = {key.replace("fc", "linear"): tuple(value.shape) for key, value in state.items()}
    actual = {choice.choice: choice.default for choice in recognize(shapes).lifted.undetermined}
    assert (actual["shortcut"], actual["projection"]) == ("projection | padding", "1x1")


def test_a_renamed_file_has_no_more_order(tmp_path: Path) -> None:
    state = build("cifar/resnet20").state_dict()
    state = {key.replace("fc", "linear"): value for key, value in state.items()}
    saved(state, tmp_path / "w.safetensors").rename(tmp_path / "w.pth")
    (first, *_) = lift_checkpoint(tmp_path / "w.pth").undetermined
    assert (first.choice, first.default) == ("order", "that of the names")


def test_googlenet_without_auxiliary_classifiers_is_known() -> None:
    state = build("googlenet", device="meta").state_dict()
    kept = {key: tuple(value.shape) for key, value in state.items() if not key.startswith("aux")}
    assert recognize(kept).lifted.spec == replace(plain(load("googlenet")), aux={})


@pytest.mark.parametrize("name", chosen([name for name in zoo() if name not in KNOWN]))
def test_the_other_specs_come_back_from_their_weights(name: str) -> None:
    state = build(load(name), device="meta").state_dict()
    actual = recognize({key: tuple(value.shape) for key, value in state.items()}).lifted
    assert actual.weights == {key: key for key in state}
    v1 = name.startswith("paper/resnet") and name[-2:] not in {"-A", "-B", "-C"}
    if not v1:
        assert actual.spec == plain(load(name))


@given(spec=specs(), ordered=st.booleans(), data=st.data())
@settings(max_examples=min(300, settings().max_examples))
def test_weights_of_any_spec_fit_or_are_refused(
    spec: Spec, ordered: bool, data: st.DataObject
) -> None:
    try:
        state = build(spec, device="meta").state_dict()
    except SpecError:
        return
    renaming = data.draw(st.sampled_from([names for _, names, _ in STYLES.values()]))
    shapes = {renamed(key, renaming): tuple(value.shape) for key, value in state.items()}
    try:
        actual = recognize(shapes if ordered else dict(sorted(shapes.items())), ordered=ordered)
    except SpecError:
        return
    own = build(actual.lifted.network, device="meta").state_dict()
    assert {k: shapes[v] for k, v in actual.lifted.weights.items()} == {
        key: tuple(value.shape) for key, value in own.items()
    }
    assert len(set(actual.lifted.weights.values())) == len(shapes)
