"""From a network to a model with weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import NAMINGS, Naming, NamingError, named
from resnet_dsl.naming.builder import Features
from resnet_dsl.naming.module_tree import Scope, up_to_last_keep
from resnet_dsl.pytorch.init import initialize
from resnet_dsl.pytorch.layers import (
    BlurPool,
    EvoNorm,
    FilterResponseNorm,
    LearnedScale,
    Normalize,
)
from resnet_dsl.pytorch.lower import lower
from resnet_dsl.pytorch.modules import Device, DType, Net
from resnet_dsl.sources.feature_maps import FeatureMap, feature_maps
from resnet_dsl.sources.resolve import Resolved

_CONSTANT = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.GroupNorm,
    nn.InstanceNorm2d,
    nn.LayerNorm,
    nn.PReLU,
    EvoNorm,
    FilterResponseNorm,
    BlurPool,
    LearnedScale,
    Normalize,
)
"""Modules whose first weights are not drawn."""


def build_model(
    resolved: Resolved,
    *,
    seed: int | None = None,
    init: bool = True,
    device: Device | None = None,
    dtype: DType | None = None,
    naming: Naming = "torchvision",
    features: Sequence[str] | str | None = None,
) -> Net:
    """`resnet_dsl.build`, of a source that is resolved already."""
    maps = () if features is None else feature_maps(resolved, features)
    outputs = outputs_at(maps)
    where = torch.get_default_device() if device is None else usable_device(device)
    kind = torch.get_default_dtype() if dtype is None else usable_dtype(dtype)
    with _generator(seed):
        model, scope = build_whole(resolved, naming, outputs, init=init, empty=where.type == "meta")
    model.outputs = maps
    if outputs:
        kept = up_to_last_keep(scope)
        drop_unused(model, scope, kept)
        model.program = kept.program
    return model.to(device=where, dtype=kind)


def build_whole(
    resolved: Resolved,
    naming: Naming,
    outputs: Features,
    *,
    init: bool = True,
    empty: bool = False,
) -> tuple[Net, Scope]:
    """A model in float32 on the CPU, and its tree, with all layers, whatever its outputs need; an
    `empty` one is on the meta device."""
    scope = _module_tree(resolved, naming, outputs)
    model = lower(scope)
    assert isinstance(model, Net)
    model.network, model.built_from = resolved.network, resolved.spec
    if not empty:
        model.to_empty(device="cpu")
        _set_constants(model)
        if init:
            scheme = resolved.spec.init if resolved.spec else Init()
            initialize(model, resolved.network, scope, scheme)
    return model, scope


def drop_unused(model: nn.Module, whole: Scope, kept: Scope) -> None:
    """Remove what is not kept; its weights were drawn, so the others are those of the whole."""
    for name, child in whole.children.items():
        if name not in kept.children:
            delattr(model, name)
        elif isinstance(child, Scope):
            inner = kept.children[name]
            assert isinstance(inner, Scope)
            drop_unused(model.get_submodule(name), child, inner)


def usable_device(device: Device) -> torch.device:
    """A device that tensors can be made on; `SpecError` where it is not there."""
    try:
        usable = torch.device(device)
        torch.empty(0, device=usable)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = (str(error).strip() or "unknown").splitlines()[0]
        message = f"the device {str(device)!r} cannot be used"
        raise fail("device", message, help=reason[:200]) from None
    return usable


def usable_dtype(dtype: DType) -> torch.dtype:
    """A dtype of weights, by itself or by name; `SpecError` where it is none."""
    usable = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(usable, torch.dtype) or not usable.is_floating_point:
        help = "float32, float64, float16 or bfloat16"
        raise fail("value", f"the dtype {str(dtype)!r} cannot be used", help=help)
    return usable


def _module_tree(resolved: Resolved, naming: Naming, features: Features) -> Scope:
    """The module tree; a network that the naming does not have is refused at its place."""
    if naming not in NAMINGS:
        raise fail("value", f"{naming!r} is not a naming", help=f"one of {', '.join(NAMINGS)}")
    with resolved.placing():
        try:
            return named(resolved.network, naming, features)
        except NamingError as error:
            fault = Diagnostic(code="value", message=error.message, layer=error.path or None)
            if resolved.elaboration and error.path:
                origin = resolved.elaboration.origins[int(error.path[0])]
                fault = Diagnostic(
                    code="value", message=error.message, path=origin.path, within=origin.at
                )
            raise SpecError([fault]) from None


def outputs_at(maps: Sequence[FeatureMap]) -> Features:
    """The names of feature outputs, by the number of layers after which they are."""
    outputs: dict[int, list[str]] = {}
    for map in maps:
        outputs.setdefault(map.stop, []).append(map.name)
    return outputs


@contextmanager
def _generator(seed: int | None) -> Iterator[None]:
    """The global CPU generator, or for a while one that starts at a seed."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _set_constants(model: nn.Module) -> None:
    """What is not drawn: norms start at one and zero, blurs have one filter."""
    for module in model.modules():
        if isinstance(module, _CONSTANT):
            module.reset_parameters()
