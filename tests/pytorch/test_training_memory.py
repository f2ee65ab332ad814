"""What a training step keeps, against the tensors that torch's autograd saves."""

from __future__ import annotations

from contextlib import nullcontext
from math import prod

import pytest
import torch
from torch import Tensor

from resnet_dsl import Shape, Spec, build, elaborate, load, loads, summary
from resnet_dsl.folds.training_memory import kept_for_backward
from resnet_dsl.ir import Network

BATCH = 2


def saved_bytes(spec: Spec, size: Shape, *, mixed: bool = False) -> int:
    """Bytes of what the backward pass of a model reads, without weights and buffers."""
    model = build(spec, seed=0).train()
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16) if mixed else nullcontext(),
    ):
        model(torch.randn(BATCH, *size))
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    return sum(size for place, size in storages.items() if place not in own)


def small(network: Network) -> Shape:
    return network.input._replace(height=64, width=64)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "resnet50",
        "cifar/preact_resnet164",
        "timm/resnetblur18",
        "timm/seresnet50",
        "timm/ecaresnet26t",
        "timm/resnetaa50d",
    ],
)
def test_it_is_what_autograd_saves(name: str) -> None:
    spec = load(name)
    network = elaborate(spec)
    size = small(network)
    assert kept_for_backward(network, size).bytes(BATCH, 4) == saved_bytes(spec, size)


@pytest.mark.parametrize("name", ["googlenet", "vgg11_bn", "alexnet", "lenet5"])
def test_it_is_what_autograd_saves_of_the_networks_before(name: str) -> None:
    spec = load(name)
    network = elaborate(spec)
    assert kept_for_backward(network).bytes(BATCH, 4) == saved_bytes(spec, network.input)


SOURCE = """
input: 3x16x16
stem: ["3x3, 32"]
block: {{{keys}}}
stages: {{a: "{row}"}}
head: {head}
drop_path: {drop}
"""
VARIANTS = {
    **{kind: (f"activation: {kind}", None, None) for kind in ("gelu", "silu", "elu", "prelu")},
    **{kind: (f"activation: {kind}", None, None) for kind in ("relu6", "mish", "softplus")},
    **{kind: (f"norm: {kind}", None, None) for kind in ("group", "instance", "layer")},
    "evonorm": ("norm: evonorm, order: pre", None, None),
    "frn": ("norm: filter response, order: pre", None, None),
    "standardized": ("weights: standardized", None, None),
    "se": ("", "[[3x3, 32], [se 8, max pool]]", None),
    "spatial attention": ("", "[[3x3, 32], [spatial attention 7]]", None),
    "dropout": ("", "[[3x3, 32], [dropout 0.5], [3x3, 32]]", None),
    "scales": ("", "[[3x3, 32], [scale 0.1], [learned scale]]", None),
    "branches": ("shortcut: none", "[[3x3, 32] | [1x1, 16], [3x3, 16]]", None),
    "pools": ("", None, "[average pool to 2x2, 10-d fc, softmax]"),
    "maxima": ("", None, "[average and max pool, l2 normalize, 10-d fc]"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_is_within_a_percent_for_every_kind_of_layer(variant: str) -> None:
    keys, row, head = VARIANTS[variant]
    text = SOURCE.format(
        keys=keys,
        row=row or "[[3x3, 32], [3x3, 32]] x 2",
        head=head or "[average pool, 10-d fc]",
        drop=0.0 if "none" in keys else 0.1,
    )
    spec = loads(text)
    kept = kept_for_backward(elaborate(spec)).bytes(BATCH, 4)
    assert kept == pytest.approx(saved_bytes(spec, spec.input), rel=0.01)


@pytest.mark.parametrize("name", ["resnet18", "timm/resnetv2_50"])
def test_mixed_precision_keeps_maps_and_filters_in_16_bits(name: str) -> None:
    spec = load(name)
    size = small(elaborate(spec))
    memory = summary(name, size, batch=BATCH, training=True).training
    assert memory is not None
    assert memory.kept["mixed"] == saved_bytes(spec, size, mixed=True)


def test_a_step_is_the_sum_of_its_parts() -> None:
    numbers = summary("resnet18", batch=4, training=True)
    memory = numbers.training
    assert memory is not None
    model = build("resnet18", init=False)
    weights = sum(4 * prod(weight.shape) for weight in model.parameters())
    assert memory.gradients == weights
    state = torch.optim.Adam(model.parameters()).param_groups[0]["params"]
    moments = 2 * sum(4 * each.numel() for each in state)
    assert memory.total["Adam, float32"] == (
        memory.kept["float32"] + numbers.bytes["float32"] + weights + moments
    )
    assert memory.total["SGD, mixed"] == memory.kept["mixed"] + numbers.bytes["float32"] + (
        2 * weights
    )
    single = summary("resnet18", training=True).training
    assert single is not None
    assert memory.kept["float32"] > 3.9 * single.kept["float32"]
