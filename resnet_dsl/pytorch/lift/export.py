"""A model as the operations that it runs, in evaluation or in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Shape
from resnet_dsl.pytorch.lift.graph import Graph, read_graph


def exported(model: nn.Module, shape: Shape, *, training: bool) -> Graph:
    """The graph of a model for two images; `SpecError` where it cannot be exported."""
    first = next(model.parameters(), torch.empty(0))
    images = torch.zeros(2, *shape, device=first.device, dtype=first.dtype)
    try:
        with mode(model, training=training), torch.no_grad():
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
