"""From a spec to a model with weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from resnet_dsl.folds.naming import torchvision
from resnet_dsl.pages import Resolved, Source, resolve
from resnet_dsl.pytorch.init import initialize
from resnet_dsl.pytorch.lower import lower
from resnet_dsl.pytorch.modules import Net


def build(
    source: Source,
    *,
    seed: int | None = None,
    init: bool = True,
    device: torch.device | str | int | None = None,
    dtype: torch.dtype | None = None,
) -> Net:
    """A PyTorch model of a path, a zoo name, a Spec or a Network.

    Module tree, weights and outputs are torchvision's. Weights are drawn on the CPU in float32,
    then cast and moved: `seed` draws them from a generator of their own, None from torch's global
    one. `init=False` leaves them as memory has them, for a model that is about to load others;
    on the meta device nothing is drawn. Raises `SpecError` where the source is no network.

    >>> model = build("cifar/resnet20", seed=0)
    >>> sum(weight.numel() for weight in model.parameters())
    269722
    """
    return build_resolved(resolve(source), seed=seed, init=init, device=device, dtype=dtype)


def build_resolved(
    resolved: Resolved,
    *,
    seed: int | None,
    init: bool,
    device: torch.device | str | int | None,
    dtype: torch.dtype | None,
) -> Net:
    """`build`, of a source that is resolved already."""
    network = resolved.network
    scope = torchvision(network)
    model = lower(scope)
    assert isinstance(model, Net)
    model.spec = resolved.spec
    device = torch.get_default_device() if device is None else torch.device(device)
    if device.type != "meta":
        model.to_empty(device="cpu")
        _reset_norms(model)
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


def _reset_norms(model: nn.Module) -> None:
    """Norms and their statistics start at facts, not at draws."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
