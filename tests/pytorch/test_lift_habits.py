"""The habits of real code: each is lifted, said in the spec, built again, and computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetForImageClassification

from resnet_dsl import build, dumps, elaborate, lift, recover
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.sources.lifted import Lifted
from tests.pytorch.habits import ACTIVATIONS, Habit
from tests.pytorch.habits_of_heads import ATTENTION, HEADS
from tests.pytorch.habits_of_shortcuts import SHORTCUTS
from tests.pytorch.lifting import assert_lifts
from tests.pytorch.reference import image, shuffle_statistics

INPUT = (3, 32, 32)
OTHER_SIZES = ((3, 20, 20), (3, 75, 83))
HABITS = {**ACTIVATIONS, **SHORTCUTS, **ATTENTION, **HEADS}
PLAIN_RUNS = 3
"""Exports take seconds: plain runs take one of so many habits, in one style."""

CASES = [
    pytest.param(name, style, marks=() if is_quick else pytest.mark.exhaustive)
    for i, name in enumerate(HABITS)
    for style in ("modules", "functions")
    for is_quick in [style == "modules" and i % PLAIN_RUNS == 0]
]


def built_again(model: nn.Module, lifted: Lifted) -> nn.Module:
    ours = build(lifted.spec, init=False)
    theirs, own = model.state_dict(), ours.state_dict()
    assert set(own) == set(lifted.weights)
    ours.load_state_dict({name: theirs[source] for name, source in lifted.weights.items()})
    return ours


def outputs(model: nn.Module, x: Tensor) -> Tensor | None:
    """What a model gives in evaluation; None where it takes no such images."""
    try:
        with torch.no_grad():
            result: Tensor = model.eval()(x)
    except RuntimeError:
        return None
    return result


def seeded(model: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(3)
    result: Tensor = model.train()(x)
    return result


@pytest.mark.parametrize(("name", "style"), CASES)
def test_a_habit_is_said_and_computes_the_same(name: str, style: str) -> None:
    habit: Habit = HABITS[name]
    torch.manual_seed(1)
    written: Callable[[], nn.Module] = getattr(habit, style)
    model = written()
    shuffle_statistics(model)
    lifted = lift(model, INPUT)
    text = dumps(lifted.spec)
    assert all(line in text for line in habit.lines), text
    assert recover(elaborate(lifted.spec)) == lifted.spec
    ours = built_again(model, lifted)
    for size in (INPUT, *OTHER_SIZES):
        x = image(2, *size)
        expected = outputs(model, x)
        assert size != INPUT or expected is not None
        if expected is not None:
            actual = outputs(ours, x)
            assert actual is not None
            assert torch.equal(actual, expected), size
    x = image(4, *INPUT)
    assert torch.equal(seeded(ours, x), seeded(model, x))
    for key, source in lifted.weights.items():  # statistics after a step
        own = ours.state_dict()[key]
        assert torch.equal(own, model.state_dict()[source].reshape(own.shape)), key


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", HABITS)
def test_a_built_habit_lifts_to_its_spec(name: str) -> None:
    lifted = lift(HABITS[name].modules(), INPUT)
    again = lift(build(lifted.spec, seed=0), INPUT)
    assert again.spec == lifted.spec
    assert again.undetermined == lifted.undetermined


LAYOUTS = [
    pytest.param({"layer_type": "basic"}),
    pytest.param({"downsample_in_bottleneck": True}, marks=pytest.mark.exhaustive),
    pytest.param({"downsample_in_first_stage": True}, marks=pytest.mark.exhaustive),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_transformers_resnets_activate_otherwise_after_the_addition(layout: dict[str, Any]) -> None:
    config = ResNetConfig(
        hidden_act="gelu", hidden_sizes=[16, 32], depths=[2, 1], embedding_size=16, **layout
    )
    spec = assert_lifts(ResNetForImageClassification(config), (3, 64, 64))
    assert spec.block.after == "gelu"
    assert spec.block.activation is None
    assert spec.stem[0] == parse_layer("7x7, 16, /2, gelu")
