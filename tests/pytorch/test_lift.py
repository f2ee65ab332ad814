"""The way back: models to specs, by what they compute."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import timm
import torch
import transformers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from resnet_dsl import build, elaborate, lift, load, loads, recover, zoo
from resnet_dsl.folds.anatomy import is_pre_activated
from resnet_dsl.ir import Act, Network, Residual
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.terms import Dropout
from tests.pytorch.lifting import Lambda, assert_lifts
from tests.pytorch.reference import EVEN, KNOWN, reference, theirs
from tests.specs import plain
from tests.strategies import specs

SOME = {
    "resnet18",
    "timm/resnetblur18",
    "timm/resnetv2_18d",
    "timm/seresnet18",
    "timm/test_resnet",
    "cifar/course",
    "cifar/resnet20",
    "paper/resnet34-A",
}


def some(names: Iterable[str]) -> list[Any]:
    """Exports take seconds: a few of them, all with --exhaustive."""
    marks = {name: () if name in SOME else pytest.mark.exhaustive for name in names}
    return [pytest.param(name, marks=mark, id=name) for name, mark in marks.items()]


@pytest.mark.parametrize("name", some(KNOWN))
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_the_librarys_models_become_their_specs(name: str) -> None:
    spec = load(name)
    assert assert_lifts(theirs(name), (3, *spec.input[1:]), at=EVEN) == plain(spec)


@pytest.mark.parametrize(
    ("layers", "kind", "name"),
    [
        ([2, 2, 2, 2], "basic", "resnet18"),
        ([2, 2, 2, 2], "bottleneck", "timm/resnet26"),
        pytest.param([3, 4, 6, 3], "basic", "resnet34", marks=pytest.mark.exhaustive, id="34"),
        pytest.param([3, 4, 6, 3], "bottleneck", "resnet50", marks=pytest.mark.exhaustive, id="50"),
        pytest.param(
            [3, 4, 23, 3], "bottleneck", "resnet101", marks=pytest.mark.exhaustive, id="101"
        ),
        pytest.param(
            [3, 8, 36, 3], "bottleneck", "resnet152", marks=pytest.mark.exhaustive, id="152"
        ),
    ],
)
def test_transformers_resnets_become_specs(layers: list[int], kind: str, name: str) -> None:
    widths = [64, 128, 256, 512] if kind == "basic" else [256, 512, 1024, 2048]
    config = transformers.ResNetConfig(
        depths=layers, hidden_sizes=widths, layer_type=kind, num_labels=1000
    )
    model = Logits(transformers.ResNetForImageClassification(config))
    assert assert_lifts(model, (3, 224, 224), at=EVEN) == plain(load(name))


class Logits(nn.Module):
    """transformers' models give an object; its logits are the output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Any:
        return self.model(x).logits


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        ("downsample_in_first_stage", {"stride": 2}),
        ("downsample_in_bottleneck", {"stride_on": "first"}),
    ],
)
def test_transformers_variants_become_specs(option: str, changed: dict[str, Any]) -> None:
    config = transformers.ResNetConfig(depths=[2, 1, 1, 1], num_labels=1000, **{option: True})
    model = Logits(transformers.ResNetForImageClassification(config))
    spec = assert_lifts(model, (3, 224, 224), at=EVEN)
    stated = spec.block if "stride_on" in changed else spec.stages["conv2_x"]
    assert all(getattr(stated, key) == value for key, value in changed.items())


def test_wrapped_models_become_specs() -> None:
    expected = plain(load("resnet18"))
    assert assert_lifts(nn.DataParallel(reference("resnet18")), (3, 224, 224), at=EVEN) == expected
    compiled = torch.compile(reference("resnet18"), backend="eager")
    assert isinstance(compiled, nn.Module)
    assert assert_lifts(compiled, (3, 224, 224), at=EVEN) == expected


def test_drop_paths_and_dropout_show_in_training() -> None:
    model = timm.create_model("resnet18", drop_path_rate=0.25, drop_rate=0.1)
    actual = lift(model, (3, 224, 224))
    assert actual.spec.drop_path == 0.25
    assert Dropout(p=0.1) in actual.spec.head
    assert actual.spec.stages == load("resnet18").stages


# ---------------------------------------------------------------- the identity law


def scrambled(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model without its spec, with other names for its classes, parts and weights."""
    del model.network, model.built_from
    random = Random(seed)  # noqa: S311 - a seeded choice, no secret
    for module in list(model.modules()):
        renamed = {}
        for held in (module._modules, module._parameters, module._buffers):
            for name in list(held):
                other = f"x{random.randrange(10**9)}"
                held[other] = held.pop(name)  # type: ignore[assignment]
                renamed[name] = property(attrgetter(other))
        own = type(f"Thing{random.randrange(10**9)}", (module.__class__,), renamed)
        module.__class__ = own
    return nn.Sequential(Lambda(model))


def is_ambiguous(network: Network) -> bool:
    """Without norms, what stands between two additions may end a block or open the next: specs of
    both orders then compute the same."""
    return any(
        isinstance(first, Residual)
        and (
            (is_pre_activated(first) and isinstance(other, Act))
            or (isinstance(other, Residual) and is_pre_activated(other))
        )
        for first, other in pairwise(network.layers)
    )


@pytest.mark.parametrize("name", some(name for name in zoo() if name not in KNOWN))
def test_specs_come_back_from_their_models(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load(name)
    model = scrambled(build(spec, init=False))
    monkeypatch.setattr(import_module("resnet_dsl.language.shipped"), "FOLDER", Path("nowhere"))
    assert lift(model, spec.input).spec == plain(spec)


@settings(max_examples=60 if settings().max_examples > 20 else 6)
@given(specs(), st.integers(0, 9))
def test_lift_is_the_inverse_of_build(spec: Spec, seed: int) -> None:
    network = elaborate(spec)
    assume(not (network.auxiliaries and is_ambiguous(network)))  # training alone shows the order
    actual = lift(scrambled(build(spec, init=False), seed), spec.input)
    assert {note.choice for note in actual.undetermined} <= {"size of images"}
    if is_ambiguous(network):
        again = lift(build(actual.spec, init=False), spec.input)
        assert (again.spec, again.network) == (actual.spec, actual.network)
    else:
        assert (actual.spec, actual.network) == (recover(network), network)


def test_pre_activated_blocks_without_norms_are_read_as_such() -> None:
    source = (
        "{input: 4x32x32, stem: ['3x3, 16'], block: {order: pre, norm: none}, head: [], stages: "
    )
    source += (
        "{a: '[[3x3, 32], [3x3, 32]] x 2', b: '[[3x3, 64], [3x3, 64]]', c: '[[3x3, 96]] x 2'}}"
    )
    spec = loads(source)
    assert lift(build(spec, init=False), spec.input).network == elaborate(spec)


def test_a_model_is_not_changed() -> None:
    model = reference("resnet18").train()
    before = copy.deepcopy(model.state_dict())
    lift(model, (3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
