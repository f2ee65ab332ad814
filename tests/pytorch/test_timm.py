"""timm's ResNets, built beside ours and compared bit for bit."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from resnet_dsl import build, zoo
from tests.pytorch.reference import assert_same_state, chosen, image, shuffle_statistics

NAMES = [name for name in zoo() if name.startswith("timm/")]
ODD = (2, 3, 75, 83)
EVEN = (2, 3, 96, 128)  # for those whose average pools meet the shortcut on even maps only
PRUNED = {"timm/ecaresnet50d_pruned", "timm/ecaresnet101d_pruned"}


def theirs(name: str) -> nn.Module:
    model: nn.Module = timm.create_model(name.removeprefix("timm/"), pretrained=False)
    return model


@pytest.mark.parametrize("name", chosen(NAMES))
def test_timms_weights_give_timms_outputs(name: str) -> None:
    reference = theirs(name)
    shuffle_statistics(reference)
    ours = build(name, init=False)
    ours.load_state_dict(reference.state_dict())
    assert_same_state(ours, reference)
    x = image(*(EVEN if "aa" in name else ODD))
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), reference.eval()(x))
        assert torch.equal(ours.train()(x), reference.train()(x))
    assert_same_state(ours, reference)


@pytest.mark.parametrize("name", chosen([name for name in NAMES if name not in PRUNED]))
def test_the_same_seed_draws_timms_weights(name: str) -> None:
    torch.manual_seed(0)
    reference = theirs(name)
    assert_same_state(build(name, seed=0), reference)


def test_every_resnet_of_timm_has_a_page() -> None:
    assert {f"timm/{name}" for name in timm.list_models(module="resnet")} == set(NAMES)
