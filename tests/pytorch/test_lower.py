"""A model computes what its network means, in every naming."""

from __future__ import annotations

from typing import Final

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from resnet_dsl import build, elaborate, ir
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import NAMINGS, Naming
from tests.networks import UNSUPPORTED
from tests.pytorch.meaning import assert_means_its_network
from tests.pytorch.reference import image, outputs
from tests.strategies import FEW, networks, specs

WITH_ANY_NETWORK: Final[list[Naming]] = [name for name in NAMINGS if name != "transformers"]


@settings(max_examples=FEW)
@given(specs(), st.sampled_from(WITH_ANY_NETWORK))
def test_models_mean_their_spec(spec: Spec, naming: Naming) -> None:
    assert_means_its_network(spec, naming)


@settings(max_examples=FEW)
@given(networks(), st.sampled_from(WITH_ANY_NETWORK))
def test_models_mean_their_network(network: Network, naming: Naming) -> None:
    assert_means_its_network(network, naming)


@pytest.mark.parametrize("naming", WITH_ANY_NETWORK)
@pytest.mark.parametrize("network", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_models_without_a_spec_mean_their_network(network: Network, naming: Naming) -> None:
    assert_means_its_network(network, naming)


@settings(max_examples=FEW)
@given(specs())
def test_any_model_trains(spec: Spec) -> None:
    """Nothing works in place on what a gradient needs."""
    visits, _ = sized_visits(ir.Sequence(elaborate(spec).layers), spec.input)
    of_pixels = (v for v in visits if isinstance(v.node, ir.InstanceNorm) and v.after[1:] == (1, 1))
    assume(next(of_pixels, None) is None)  # PyTorch trains no instance norm of one pixel
    model = build(spec, seed=0)
    x = image(4, *spec.input).requires_grad_()
    torch.stack([out.square().sum() for out in outputs(model(x))]).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
