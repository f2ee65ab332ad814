"""Our networks as models of timm, asked what timm's own are asked."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models import group_parameters
from timm.optim import param_groups_layer_decay
from torch import nn

import resnet_dsl.integrations.timm as registry
from resnet_dsl import SpecError, analyze, build, elaborate, load, loads, zoo
from tests.pytorch.reference import image, reference, shuffle_statistics
from tests.specs import KINDS as KINDS_OF_SPECS
from tests.specs import of_each_kind

X = image(2, 3, 64, 96)


def ours_and_theirs(name: str, **options: Any) -> tuple[Any, Any]:
    """Our model and timm's own, with its weights."""
    theirs: nn.Module = timm.create_model(name, **options).eval()
    shuffle_statistics(theirs)
    ours = timm.create_model(f"resnet_dsl_timm_{name}", **options).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_the_whole_zoo_is_registered() -> None:
    names = {f"resnet_dsl_{name.replace('/', '_').replace('-', '_')}" for name in zoo()}
    assert names <= set(timm.list_models("resnet_dsl_*"))


KINDS = ["resnet18", "resnetv2_50d_evos", "resnetblur18", "ecaresnet26t", "resnetv2_18d"]


@pytest.mark.parametrize("name", KINDS)
def test_methods_are_those_of_timms_models(name: str) -> None:
    ours, theirs = ours_and_theirs(name)
    with torch.no_grad():
        features = theirs.forward_features(X)
        assert torch.equal(ours(X), theirs(X))
        assert torch.equal(ours.forward_features(X), features)
        pooled = ours.forward_head(features, pre_logits=True)
        assert torch.equal(pooled, theirs.forward_head(features, pre_logits=True))
        for options in ({}, {"norm": True}, {"indices": [0, -2]}, {"indices": 2}):
            last, maps = ours.forward_intermediates(X, **options)
            expected, others = theirs.forward_intermediates(X, **options)
            assert torch.equal(last, expected)
            assert all(torch.equal(a, b) for a, b in zip(maps, others, strict=True))
    for key in ("num_classes", "num_features", "head_hidden_size", "in_chans"):
        assert getattr(ours, key) == getattr(theirs, key)
    for key in ("num_classes", "input_size", "pool_size", "first_conv", "classifier"):
        assert ours.default_cfg[key] == theirs.default_cfg[key]
    for key in ("num_chs", "reduction"):
        assert [i[key] for i in ours.feature_info] == [i[key] for i in theirs.feature_info]
    modules = dict(ours.named_modules())
    assert all(each["module"] in modules for each in ours.feature_info)
    assert ours.get_classifier() is modules[ours.get_classifier(name_only=True)]


@pytest.mark.parametrize("name", KINDS)
def test_groups_of_parameters_are_timms(name: str) -> None:
    ours, theirs = ours_and_theirs(name)
    for coarse in (False, True):
        groups = [
            group_parameters(m, m.group_matcher(coarse), reverse=True) for m in (ours, theirs)
        ]
        assert groups[0] == groups[1]
    assert scales(ours) == scales(theirs)


def scales(model: nn.Module) -> dict[str, tuple[float, float]]:
    """The scale of the rate and the decay of each parameter, as timm's optimizers set them."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr_scale"], group["weight_decay"])
        for group in param_groups_layer_decay(model, layer_decay=0.7)
        for parameter in group["params"]
    }


NAMES = [
    name
    for number, name in enumerate(zoo())
    if name in KINDS_OF_SPECS
    or (number % 3 == 0 and analyze(name).params < 150e6 and analyze(name).layers <= 300)
]
"""A third of the zoo, without the widest, which take a minute each, and the deepest, whose outputs
are not finite with first weights."""


@pytest.mark.parametrize("name", of_each_kind(NAMES))
def test_models_pass_what_timm_tests_of_its_own(name: str) -> None:
    registered_name = registry.register(name)
    model = timm.create_model(registered_name).eval()
    channels, *sides = model.default_cfg["input_size"]
    x, state = image(1, channels, *sides), model.state_dict()
    first = model.default_cfg["first_conv"]
    for module in (
        model.default_cfg["classifier"],
        *([first] if isinstance(first, str) else first),
    ):
        assert f"{module}.weight" in state
    with torch.no_grad():
        features = model.forward_features(x)
        assert features.shape[1:] == (model.num_features, *model.default_cfg["pool_size"])
        pool = model.global_pool
        for classes, outputs in ((3, 3), (0, model.head_hidden_size)):
            model.reset_classifier(classes)
            assert (model.num_classes, model(x).shape) == (classes, (1, outputs))
        assert isinstance(model.get_classifier(), nn.Identity)
        model.reset_classifier(0, "")
        assert torch.equal(model(x), features)
        model.reset_classifier(5, pool)
        assert model(x).shape == (1, 5)
        backbone = timm.create_model(registered_name, features_only=True)
        maps = backbone.eval()(x)
    assert [each.shape[1] for each in maps] == backbone.feature_info.channels()
    assert len(maps) == len(model.feature_info)


@pytest.mark.parametrize("name", ["resnet18d", "resnetv2_18"])
def test_features_are_timms_and_nothing_else_is_kept(name: str) -> None:
    options = {"features_only": True, "out_indices": (1, 2), "in_chans": 1, "output_stride": 16}
    ours, theirs = (
        timm.create_model(prefix + name, **options) for prefix in ("resnet_dsl_timm_", "")
    )
    assert ours.feature_info.channels() == theirs.feature_info.channels()
    assert ours.feature_info.reduction() == theirs.feature_info.reduction()
    state = {key.removeprefix("model."): value for key, value in ours.state_dict().items()}
    assert not [
        key for key in state if key.startswith(("layer3", "stages.2", "fc", "head", "norm"))
    ]
    whole, model = ours_and_theirs(name, in_chans=1, output_stride=16)
    kept = {f"model.{key}": value for key, value in model.state_dict().items() if key in state}
    ours.load_state_dict(kept)
    x = image(2, 1, 64, 64)
    with torch.no_grad():
        _, expected = model.forward_intermediates(x, indices=[1, 2])
        assert all(torch.equal(a, b) for a, b in zip(ours.eval()(x), expected, strict=True))
        _, maps = whole.forward_intermediates(x)
    assert [each.shape[-1] for each in maps] == [32, 16, 8, 4, 4]


def test_options_of_create_model() -> None:
    ours, theirs = ours_and_theirs("resnet18", num_classes=7, in_chans=4, output_stride=8)
    x = image(1, 4, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))
    dropped = timm.create_model("resnet_dsl_resnet18", drop_path_rate=0.2)
    assert dropped.spec.drop_path == 0.2
    grouped = timm.create_model("resnet_dsl_resnet18", overrides=["block.norm=group"])
    assert isinstance(grouped.bn1, nn.GroupNorm)
    quiet = timm.create_model("resnet_dsl_resnet18", drop_rate=1.0).train()
    assert torch.equal(quiet(X), quiet.get_classifier().bias.expand(2, -1))
    with pytest.raises(ValueError, match="the spec has 'avg'"):
        timm.create_model("resnet_dsl_resnet18", global_pool="max")
    with pytest.raises(ValueError, match="a classifier reads the pooled map"):
        timm.create_model("resnet_dsl_resnet18", global_pool="")
    with pytest.raises(ValueError, match=r"no maps at \[9\]: there are 5"):
        timm.create_model("resnet_dsl_resnet18", features_only=True, out_indices=[9])


def test_weights_are_loaded_by_timm(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    torch.save(reference("resnet18").state_dict(), file)
    overlay = {"file": str(file)}
    models = [
        timm.create_model(
            prefix + "resnet18",
            pretrained=True,
            pretrained_cfg_overlay=overlay,
            in_chans=1,
            num_classes=5,
        )
        for prefix in ("resnet_dsl_", "")
    ]
    ours, theirs = (model.state_dict() for model in models)
    body = [key for key in theirs if not key.startswith("fc.")]
    assert len(body) == len(ours) - 2
    assert all(torch.equal(ours[key], theirs[key]) for key in body)


def test_checkpointed_stages_have_the_same_gradients() -> None:
    model = timm.create_model("resnet_dsl_resnet18", num_classes=3).train()
    twin = copy.deepcopy(model)
    twin.set_grad_checkpointing()
    for each in (model, twin):
        each(X).sum().backward()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_a_file_a_spec_and_a_network_are_registered(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: cifar/resnet20\nname: mine too\n")
    assert registry.register(tmp_path / "mine.yaml") == "resnet_dsl_mine"
    assert registry.register(load(tmp_path / "mine.yaml")) == "resnet_dsl_mine_too"
    network = elaborate(load("cifar/resnet20"))
    assert registry.register(network, name="twenty") == "twenty"
    x = image(1, 3, 32, 32)
    for name in ("resnet_dsl_mine", "twenty"):
        ours = timm.create_model(name).eval()
        twin = build("cifar/resnet20", naming="timm").eval()
        twin.load_state_dict(ours.state_dict())
        with torch.no_grad():
            assert torch.equal(ours(x), twin(x))
    with pytest.raises(SpecError, match="the network has no name"):
        registry.register(network)
    with pytest.raises(SpecError, match="is not a name of timm's"):
        registry.register(network, name="a/b")
    with pytest.raises(SpecError, match="no such file"):
        registry.register(tmp_path / "none.yaml")


def registered(text: str, name: str) -> str:
    """A spec that extends cifar/resnet20, as a model of timm."""
    return registry.register(loads(f"extends: cifar/resnet20\nexpect: null\n{text}"), name=name)


def test_images_that_are_normalized_and_networks_without_a_head() -> None:
    x = image(2, 3, 32, 32)
    name = registered(
        "stem: ['normalize, mean 0.4 0.5 0.6, std 0.2 0.2 0.2', '3x3, 16']", "normalized"
    )
    assert timm.create_model(name)(x).shape == (2, 10)
    headless = timm.create_model(registered("head: []", "headless")).eval()
    with torch.no_grad():
        assert torch.equal(headless(x), headless.forward_features(x))
    assert headless(x).shape == (2, 64, 8, 8)


def test_a_new_classifier_keeps_the_mode() -> None:
    model = timm.create_model(
        registered("head: [average pool, 10-d fc, '[norm]']", "normed")
    ).eval()
    model.reset_classifier(7)
    assert model(image(1, 3, 32, 32)).shape == (1, 7)


def test_attention_in_a_head_goes_and_comes() -> None:
    model = timm.create_model(registered("head: ['[se 4]', average pool, 10-d fc]", "attentive"))
    model.reset_classifier(0, "")
    assert model(image(1, 3, 32, 32)).shape == (1, 64, 8, 8)
    model.reset_classifier(3, "avg")
    assert model.eval()(image(1, 3, 32, 32)).shape == (1, 3)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_a_pruned_model_gets_a_classifier_again() -> None:
    model = timm.create_model("resnet_dsl_cifar_resnet20")
    assert model.prune_intermediate_layers((3,)) == [3]
    assert model(image(2, 3, 32, 32)).shape == (2, 64, 8, 8)
    model.reset_classifier(5, "avg")
    assert model(image(2, 3, 32, 32)).shape == (2, 5)


def test_nothing_is_kept_that_has_no_gradient() -> None:
    model = timm.create_model("resnet_dsl_vgg11", num_classes=0, global_pool="")
    model(image(1, 3, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    model.reset_classifier(3, "own")
    model(image(1, 3, 224, 224)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_file_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.yaml").write_text("extends: cifar/resnet20\n")
    monkeypatch.chdir(tmp_path)
    name = registry.register("there.yaml")
    monkeypatch.chdir("/")
    assert timm.create_model(name).num_classes == 10


def test_names_of_models_replace_nothing() -> None:
    registry.register("cifar/resnet20", name="register")
    assert registry.register("cifar/resnet20") == "resnet_dsl_cifar_resnet20"
    with pytest.raises(ValueError, match=r"drop_rate is 2\.0"):
        timm.create_model("register", drop_rate=2.0)
