"""Every ResNet of torchvision and timm, and torchvision's networks before them, bit for bit."""

from __future__ import annotations

import pytest
import timm
import torch

from resnet_dsl import analyze, build
from resnet_dsl.naming import Naming
from tests.pytorch.reference import (
    EVEN,
    KNOWN,
    PLAIN,
    TORCHVISION,
    assert_same_state,
    image,
    outputs,
    shuffle_statistics,
    stop_dropping,
    theirs,
)
from tests.specs import chosen

ODD = (2, 3, 75, 83)
PRUNED = {"timm/ecaresnet50d_pruned", "timm/ecaresnet101d_pruned"}  # drawn before they are pruned


@pytest.mark.parametrize("name", chosen(KNOWN))
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_a_spec_is_the_librarys_model(name: str) -> None:
    naming: Naming = "timm" if name.startswith("timm/") else "torchvision"
    known = KNOWN[name]
    torch.manual_seed(0)
    model = theirs(name)
    ours = build(name, seed=0, naming=naming)
    if name not in PRUNED:
        assert_same_state(ours, model)
    actual = analyze(name, known.input)
    assert (actual.params, actual.macs) == (known.params, known.macs)
    assert len(ours.state_dict()) == known.keys

    shuffle_statistics(model)
    ours.load_state_dict(model.state_dict())
    assert_same_state(ours, model)
    stop_dropping(ours)
    stop_dropping(model)
    x = image(*(EVEN if known.even_maps else ODD))
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), model.eval()(x))
        pairs = zip(outputs(ours.train()(x)), outputs(model.train()(x)), strict=True)
        assert all(torch.equal(own, other) for own, other in pairs)
    assert_same_state(ours, model)


def test_the_list_is_complete() -> None:
    names = [*timm.list_models(module="resnet"), *timm.list_models(module="resnetv2")]
    assert set(KNOWN) == {*TORCHVISION, *PLAIN, *(f"timm/{name}" for name in names)}


def test_auxiliary_classifiers_speak_in_training_only() -> None:
    model = build("googlenet", seed=0)
    x = image(*ODD)
    with torch.no_grad():
        assert [tuple(out.shape) for out in outputs(model.train()(x))] == [(2, 1000)] * 3
        assert isinstance(model.eval()(x), torch.Tensor)


def test_timms_zero_init_is_that_of_a_pre_activated_spec() -> None:
    from resnet_dsl import loads

    torch.manual_seed(0)
    model = timm.create_model("resnetv2_18", zero_init_last=True)
    spec = loads("extends: timm/resnetv2_18\ninit: {zero_init_residual: true}")
    assert_same_state(build(spec, seed=0, naming="timm"), model)
