"""The numbers of a summary, counted in the models themselves."""

from __future__ import annotations

from math import prod

import pytest
import torch
from torch import nn
from torch._ops import OpOverload
from torch.fx import Node

from resnet_dsl import build, elaborate, load, zoo
from resnet_dsl.answers.layer_counts import layers
from resnet_dsl.answers.summaries import summary
from resnet_dsl.folds.memory import peak_activations
from tests.specs import chosen


@pytest.mark.parametrize("name", chosen(zoo()))
def test_modules_and_buffers_are_those_of_the_model(name: str) -> None:
    model = build(load(name), device="meta")
    actual, counts = summary(name), layers(name)
    modules = list(model.modules())
    assert counts.modules == len(modules)
    assert counts.leaf_modules == sum(not list(module.children()) for module in modules)
    state, params = model.state_dict(), dict(model.named_parameters())
    kept = [tensor for key, tensor in state.items() if key not in params]
    assert actual.buffers == sum(tensor.numel() for tensor in kept)
    size = sum(tensor.numel() * tensor.itemsize for tensor in state.values())
    assert actual.bytes["float32"] == size
    convs = [module for module in modules if isinstance(module, nn.Conv2d)]
    attention = 2 * counts.not_counted.get("attentions", 0) * (".se.fc1.weight" in "".join(state))
    asides = 2 * ("aux1.conv.conv.weight" in state)
    assert counts.convolutions == len(convs) - attention - asides


@pytest.mark.parametrize(
    "name", ["resnet50", "googlenet", "timm/seresnet18", "timm/resnetblur18", "cifar/wrn28_10"]
)
def test_activations_are_what_convolutions_put_out(name: str) -> None:
    model = build(name, device="meta").eval()
    actual = 0

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal actual
        actual += output.numel() if isinstance(module, nn.Conv2d | nn.Conv1d) else 0

    for module in model.modules():
        module.register_forward_hook(count)
    model(torch.zeros(1, *load(name).input, device="meta"))
    assert summary(name).activations == actual


VIEWS = {"flatten", "dropout", "view", "alias", "detach"}


def live_at_once(model: nn.Module, size: tuple[int, ...]) -> int:
    """The most numbers that live at once in the exported model, each operation out of place."""
    program = torch.export.export(model, (torch.zeros(1, *size),), strict=False)
    nodes: dict[Node, int] = {node: i for i, node in enumerate(program.graph.nodes)}
    inputs = {spec.arg.name for spec in program.graph_signature.input_specs if not spec.target}
    owner: dict[Node, Node] = {}  # whose memory a node is
    last: dict[Node, int] = {}
    for node, i in nodes.items():
        for actual in node.all_input_nodes:
            if actual in owner:
                last[owner[actual]] = i
        if node.op == "placeholder" and node.name in inputs:
            owner[node] = node
        elif node.op == "call_function" and any(x in owner for x in node.all_input_nodes):
            assert isinstance(node.target, OpOverload)
            name = node.target._schema.name.removeprefix("aten::").rstrip("_")
            first = next(x for x in node.all_input_nodes if x in owner)
            owner[node] = owner[first] if name in VIEWS else node
    peak = 0
    for node, i in nodes.items():
        if owner.get(node) is node:
            alive = {node, *(x for x in last if nodes[x] <= i <= last[x])}
            peak = max(peak, sum(map(numbers, alive)))
    return peak


def numbers(node: Node) -> int:
    return prod(node.meta["val"].shape)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "resnet50", "alexnet", "googlenet", "timm/resnetv2_18d", "paper/resnet34-A"],
)
def test_peaks_are_those_of_the_exported_model(name: str) -> None:
    model = build(name, init=False).eval()
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    assert live_at_once(model, load(name).input) == peak_activations(elaborate(load(name)))
