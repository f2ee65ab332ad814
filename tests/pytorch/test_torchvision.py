"""All ten ResNets of torchvision, built beside ours and compared bit for bit."""

from __future__ import annotations

import pytest
import torch
from torchvision.models.feature_extraction import get_graph_node_names

from resnet_dsl import build
from tests.pytorch.reference import (
    TORCHVISION,
    assert_same_state,
    assert_same_training_step,
    image,
    reference,
    shuffle_statistics,
)
from tests.specs import chosen

SIZE = {"resnet18": (2, 3, 224, 224)}
SMALL = (2, 3, 75, 83)


@pytest.mark.parametrize("name", chosen(TORCHVISION))
def test_outputs_and_gradients_are_torchvisions(name: str) -> None:
    theirs = reference(name)
    shuffle_statistics(theirs)
    ours = build(name, init=False)
    ours.load_state_dict(theirs.state_dict())
    assert_same_state(ours, theirs)
    x = image(*SIZE.get(name, SMALL))
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
    assert_same_training_step(ours, theirs, x)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_zero_init_residual_is_torchvisions(name: str) -> None:
    from resnet_dsl import loads

    torch.manual_seed(7)
    theirs = reference(name, zero_init_residual=True)
    spec = loads(f"extends: {name}\ninit: {{zero_init_residual: true}}")
    ours = build(spec, seed=7)
    assert_same_state(ours, theirs)
    assert ours.state_dict()["layer1.0.bn2.weight"].any() == (name != "resnet18")


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_layers_are_created_in_torchvisions_order(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the first draws; it shows in the weights only where they are not drawn again."""
    created: list[torch.Size] = []
    for kind in (torch.nn.Conv2d, torch.nn.Linear):
        monkeypatch.setattr(
            kind, "reset_parameters", lambda layer: created.append(layer.weight.shape)
        )
    reference(name)
    expected = created.copy()
    created.clear()
    build(name)
    built, drawn = created[: len(expected)], created[len(expected) :]
    assert drawn == expected
    assert len(built) == len(drawn), "PyTorch's constructors draw too, on the meta device"


@pytest.mark.parametrize("name", TORCHVISION)
def test_the_module_tree_is_torchvisions(name: str) -> None:
    with torch.device("meta"):
        theirs = reference(name)
    ours = build(name, device="meta")
    assert str(ours) == str(theirs)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]


@pytest.mark.parametrize("name", TORCHVISION)
def test_graph_nodes_are_named_as_torchvisions(name: str) -> None:
    with torch.device("meta"):
        theirs = reference(name)
    assert get_graph_node_names(build(name, device="meta")) == get_graph_node_names(theirs)


def test_the_paper_strides_at_the_first_1x1() -> None:
    theirs = reference("resnet50")
    for stage in (2, 3, 4):
        block = theirs.get_submodule(f"layer{stage}.0")
        block.get_submodule("conv1").stride = (2, 2)  # type: ignore[assignment]
        block.get_submodule("conv2").stride = (1, 1)  # type: ignore[assignment]
    x = image(*SMALL)
    ours = build("paper/resnet50", seed=0).eval()
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(x), theirs.eval()(x))
    other = build("resnet50", seed=0).eval()
    assert not torch.equal(ours(x), other(x)), "v1 and v1.5 have the same weights, not outputs"


def test_projections_of_option_b_are_what_torchvision_builds() -> None:
    torch.manual_seed(3)
    assert_same_state(build("paper/resnet34-B", seed=3), reference("resnet34"))
