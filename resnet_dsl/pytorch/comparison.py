"""How far is what was exported from the model? Both are run on two batches of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor

from resnet_dsl.folds.shape import takes_any_size
from resnet_dsl.pytorch.modules import Net

SIDES: Final = ("batch", "channels", "height", "width")


def free_sides(model: Net) -> tuple[str, ...]:
    """The sizes of its input that may be of any length."""
    return ("batch", "height", "width") if takes_any_size(model.network) else ("batch",)


def runs_of(model: Net) -> tuple[tuple[int, int, int], ...]:
    """Two sizes of batch, and of images where they are free: batch, height, width."""
    _, height, width = model.network.input
    is_free = takes_any_size(model.network)
    return (1, height, width), (3, height + 32 * is_free, width + 64 * is_free)


def difference(
    model: Net, other: Callable[[Tensor], Tensor], runs: Sequence[tuple[int, int, int]]
) -> float:
    """The largest difference of an output, relative to the largest output."""
    generator = torch.Generator("cpu").manual_seed(0)
    worst = 0.0
    with torch.inference_mode():
        for batch, height, width in runs:
            shape = (batch, model.network.input.channels, height, width)
            x = torch.randn(shape, generator=generator)
            own = model(x)
            scale = max(1.0, float(own.abs().max()))
            worst = max(worst, float((own - other(x)).abs().max()) / scale)
    return worst
