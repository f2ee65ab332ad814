"""A model as the operations that it runs, in evaluation or in training."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Final

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Shape
from resnet_dsl.pytorch.lift.graph import Graph, read_graph

_ANY_MOMENTUM: Final = 0.1


def exported(model: nn.Module, shape: Shape, *, training: bool) -> Graph:
    """The graph of a model for two images; `SpecError` where it cannot be exported."""
    first = next(model.parameters(), torch.empty(0))
    images = torch.zeros(2, *shape, device=first.device, dtype=first.dtype)
    try:
        with mode(model, training=training), _momentum(model), quiet(), torch.no_grad():
            program = torch.export.export(model, (images,), strict=False)
    except Exception as error:  # whatever a model raises on fakes: its own code, or torch's
        raise fail(
            "unsupported",
            f"the model cannot be exported for images of {shape}: {reason(error)}",
            help="another size? what depends on the values of an image cannot be exported",
        ) from error
    return read_graph(program)


def reason(error: Exception) -> str:
    """The first line of what somebody's code raised."""
    lines = str(error).strip().splitlines()
    return lines[0][:100] if lines else type(error).__name__


def cumulative_norms(model: nn.Module) -> frozenset[str]:
    """The running means of the batch norms that weigh all batches alike."""
    means = {id(norm.running_mean) for norm in _cumulative(model)}
    held = model.named_buffers(remove_duplicate=False)
    return frozenset(name for name, buffer in held if id(buffer) in means)


def _cumulative(model: nn.Module) -> list[_BatchNorm]:
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    return [norm for norm in norms if norm.momentum is None]


@contextmanager
def _momentum(model: nn.Module) -> Iterator[None]:
    """A number for norms that weigh all batches alike: their counters cannot be exported."""
    norms = _cumulative(model)
    for norm in norms:
        norm.momentum = _ANY_MOMENTUM
    try:
        yield
    finally:
        for norm in norms:
            norm.momentum = None


@contextmanager
def quiet() -> Iterator[None]:
    """Without what libraries print, log and warn of: what matters is in the error."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    unread = StringIO()
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            redirect_stdout(unread),
            redirect_stderr(unread),
        ):
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """A mode for a while; every module gets its own back."""
    modes = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, was in modes:
            module.training = was
