"""From a spec to a model with weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from resnet_dsl.folds.naming import torchvision
from resnet_dsl.pages import Resolved
from resnet_dsl.pytorch.init import initialize
from resnet_dsl.pytorch.lower import lower
from resnet_dsl.pytorch.modules import BlurPool, Device, DType, Net


def build_model(
    resolved: Resolved,
    *,
    seed: int | None,
    init: bool,
    device: Device | None,
    dtype: DType | None,
) -> Net:
    """`resnet_dsl.build`, of a source that is resolved already."""
    network = resolved.network
    scope = torchvision(network)
    model = lower(scope)
    assert isinstance(model, Net)
    model.spec = resolved.spec
    device = torch.get_default_device() if device is None else torch.device(device)
    if device.type != "meta":
        model.to_empty(device="cpu")
        _set_facts(model)
        if init:
            with _generator(seed):
                initialize(model, network, scope, resolved.spec.init)
    return model.to(device=device, dtype=dtype or torch.get_default_dtype())


@contextmanager
def _generator(seed: int | None) -> Iterator[None]:
    """The global CPU generator, or for a while one that starts at a seed."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _set_facts(model: nn.Module) -> None:
    """What is no draw: norms start at one and zero, blurs have one filter."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | BlurPool):
            module.reset_parameters()
