"""The libraries' own models, and how a model is compared with them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn

TORCHVISION = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]


PLAIN = [
    "alexnet",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "googlenet",
]


def reference(name: str, **options: object) -> nn.Module:
    """torchvision's model of a name, with random weights."""
    constructor: Callable[..., nn.Module] = getattr(torchvision.models, name)
    return constructor(weights=None, **options)


EVEN = (2, 3, 96, 128)  # for those whose average pools meet the shortcut on even maps only


@dataclass(frozen=True)
class Known:
    """What the libraries' own models have: counted from them, at the input of their weights."""

    input: str
    params: int
    macs: int
    keys: int
    even_maps: bool


with (Path(__file__).parent.parent / "models.csv").open(encoding="utf-8") as file:
    KNOWN = {
        row["spec"]: Known(
            row["input"],
            int(row["params"]),
            int(row["macs"]),
            int(row["keys"]),
            bool(row["even_maps"]),
        )
        for row in csv.DictReader(file)
    }


def theirs(name: str) -> nn.Module:
    """torchvision's or timm's model of the network of a zoo spec, with random weights."""
    if not name.startswith("timm/"):
        return reference(name)
    model: nn.Module = timm.create_model(name.removeprefix("timm/"), num_classes=1000)
    return model


def image(*size: int, seed: int = 0) -> Tensor:
    """Noise that is the same in every run."""
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def shuffle_statistics(model: nn.Module) -> None:
    """What norms learn and count away from 0 and 1, where mistakes hide."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.dim() != 1:
            continue
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.data.copy_(noise / 2 + 0.5)


def stop_dropping(model: nn.Module) -> None:
    """Dropout is random: off, also in training."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def outputs(actual: Any) -> tuple[Tensor, ...]:
    """A model's outputs, be they one or, with auxiliary classifiers in training, several."""
    return actual if isinstance(actual, tuple) else (actual,)


def assert_same_state(ours: nn.Module, theirs: nn.Module) -> None:
    """The same keys in the same order, with the same bits in them."""
    own, other = ours.state_dict(), theirs.state_dict()
    assert list(own) == list(other)
    for key, tensor in own.items():
        assert tensor.dtype == other[key].dtype, key
        assert torch.equal(tensor, other[key]), key


def assert_same_training_step(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Outputs in training mode, every gradient, and the statistics that the step leaves after."""
    ours.train()
    theirs.train()
    own_input, other_input = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, expected = ours(own_input), theirs(other_input)
    assert torch.equal(out, expected)
    weights = image(*out.shape, seed=2)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    assert own_input.grad is not None
    assert other_input.grad is not None
    assert torch.equal(own_input.grad, other_input.grad)
    for (name, own), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert own.grad is not None, name
        assert other.grad is not None, name
        assert torch.equal(own.grad, other.grad), name
    assert_same_state(ours, theirs)
