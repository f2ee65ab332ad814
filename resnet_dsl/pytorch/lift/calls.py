"""The calls of a model for images of some size, without computing them.

It runs on PyTorch's meta device, which is much faster than an export. Two sizes that give the same
calls with the same numbers show that no layer depends on the size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from resnet_dsl.ir import Shape
from resnet_dsl.pytorch.lift.export import mode, quiet

Calls: TypeAlias = list[tuple[str, tuple[object, ...]]]
_WITH_NUMBERS: Final = ("pool", "pad", "conv", "interpolate", "unfold", "dropout", "norm")
"""Functions whose numbers are hyperparameters; those of views are sizes."""


def calls(model: nn.Module, shape: Shape) -> Calls | None:
    """What a model calls in evaluation; None where it does not run for such images."""
    held = dict(model.named_parameters()) | dict(model.named_buffers())
    meta = {name: tensor.to("meta") for name, tensor in held.items()}
    dtype = next((t.dtype for t in model.parameters()), torch.float32)
    images = torch.empty(2, *shape, device="meta", dtype=dtype)
    recorder = _Recorder()
    try:
        with mode(model, training=False), quiet(), torch.no_grad(), recorder:
            output = functional_call(model, meta, (images,))
    except Exception:  # whatever a model raises for images that it is not made for
        return None
    batches = (len(tensor) for tensor in _tensors(output) if tensor.dim() > 0)
    return recorder.calls if all(batch == 2 for batch in batches) else None


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Calls = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", str(function))
        has_numbers = any(part in name for part in _WITH_NUMBERS)
        numbers = _numbers([*args, *kwargs.values()]) if has_numbers else ()
        self.calls.append((name, tuple(numbers)))
        return function(*args, **kwargs)


def _numbers(value: object) -> Iterator[object]:
    match value:
        case Tensor():
            return
        case list() | tuple():
            for inner in value:
                yield from _numbers(inner)
        case int() | float() | str():
            yield value


def _tensors(value: object) -> Iterator[Tensor]:
    match value:
        case Tensor():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _tensors(inner)
        case list() | tuple():
            for inner in value:
                yield from _tensors(inner)
