"""From a spec to a model with weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from resnet_dsl.diagnostics import Diagnostic, SpecError, fail, nearest
from resnet_dsl.elaboration.draft import Origin
from resnet_dsl.naming import Naming, NamingError, Taps, named
from resnet_dsl.naming.module_tree import Keep, Scope, up_to_last_keep
from resnet_dsl.pytorch.init import initialize
from resnet_dsl.pytorch.lower import lower
from resnet_dsl.pytorch.modules import (
    BlurPool,
    Device,
    DType,
    EvoNorm,
    FilterResponseNorm,
    Net,
)
from resnet_dsl.sources.resolve import Resolved

_FACTUAL = (nn.BatchNorm2d, nn.GroupNorm, EvoNorm, FilterResponseNorm, BlurPool)


def build_model(
    resolved: Resolved,
    *,
    seed: int | None,
    init: bool,
    device: Device | None,
    dtype: DType | None,
    naming: Naming = "torchvision",
    features: Sequence[str] | None = None,
) -> Net:
    """`resnet_dsl.build`, of a source that is resolved already."""
    network = resolved.network
    keeps = _keeps(resolved, features) if features is not None else {}
    scope = _scope(resolved, naming, keeps)
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
    if keeps:
        kept = up_to_last_keep(scope)
        _drop(model, scope, kept)
        model.program = kept.program
    return model.to(device=device, dtype=dtype or torch.get_default_dtype())


def _scope(resolved: Resolved, naming: Naming, keeps: Taps) -> Scope:
    """The module tree; a network that the naming does not know is refused at its place."""
    with resolved.placing():
        try:
            return named(resolved.network, naming, keeps)
        except NamingError as error:
            origins = resolved.elaboration.origins
            origin = origins[int(error.path[0])] if error.path else Origin(())
            fault = Diagnostic(
                code="value", message=error.message, path=origin.path, within=origin.at
            )
            raise SpecError([fault]) from None


def _keeps(resolved: Resolved, features: Sequence[str]) -> dict[int, tuple[Keep, ...]]:
    """The stages that are asked for, by the number of layers behind which they end."""
    stages = resolved.elaboration.stages
    if not features or isinstance(features, str):
        raise fail("value", "features without stages", help=f"a list of {', '.join(stages)}")
    found: dict[int, tuple[Keep, ...]] = {}
    for name in features:
        if name not in stages:
            guess = nearest(name, stages) if isinstance(name, str) else None
            raise fail(
                "value",
                f"{name!r} is no stage of this network",
                help=f"did you mean {guess!r}?" if guess else f"its stages: {', '.join(stages)}",
            )
        found[stages[name].stop] = (*found.get(stages[name].stop, ()), Keep(name))
    return found


def _drop(model: nn.Module, whole: Scope, kept: Scope) -> None:
    """Take out what is not kept; its weights were drawn, so the others are those of the whole."""
    for name, child in whole.children.items():
        if name not in kept.children:
            delattr(model, name)
        elif isinstance(child, Scope):
            inner = kept.children[name]
            assert isinstance(inner, Scope)
            _drop(model.get_submodule(name), child, inner)


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
        if isinstance(module, _FACTUAL):
            module.reset_parameters()
