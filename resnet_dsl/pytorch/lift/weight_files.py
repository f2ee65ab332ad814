"""`lift_checkpoint`: a file of weights back to its network, by names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from resnet_dsl.checkpoint import recognize
from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.naming import Naming, state_keys, stored_keys
from resnet_dsl.pytorch.file_contents import is_safetensors, listed, printable, read_checkpoint
from resnet_dsl.sources.lifted import Lifted, LiftedNetwork, Undetermined

WRAPPINGS: Final = (
    *("state_dict", "model", "model_state", "model_state_dict", "net"),
    *("ema", "model_ema", "state_dict_ema"),
)
"""Where training code keeps the weights in a file, in the order in which they are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A file of weights: its network, whose names it has, and the tensors by name."""

    lifted: Lifted
    namings: tuple[Naming, ...]
    state: dict[str, Tensor]


def lift_checkpoint(path: Path, input: Input | None = None) -> Lifted:
    """`resnet_dsl.lift_checkpoint`."""
    return read(path, input).lifted


def read(path: Path, input: Input | None = None) -> Checkpoint:
    """A file of weights with its network."""
    key, state, others = _unwrapped(path, read_checkpoint(path))
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    shape = input_shape(input)
    try:
        recognized = recognize(shapes, ordered=not is_safetensors(path), input=shape)
    except SpecError as error:
        faults = (replace(x, message=f"{path}: {printable(x.message)}") for x in error.diagnostics)
        raise SpecError(faults) from None
    lifted = recognized.lifted
    for ours, name in lifted.weights.items():
        if not (ours.endswith(f".{COUNTER}") or state[name].is_floating_point()):
            kind = str(state[name].dtype).removeprefix("torch.")
            message = f"{path}: {name} is {kind}: a weight is a floating-point number"
            raise fail("weights", message, help="save the model before it is quantized")
    if others:
        chosen = Undetermined("weights of", key, f"the file also holds {', '.join(others)}")
        lifted = replace(lifted, undetermined=(chosen, *lifted.undetermined))
    return Checkpoint(lifted=lifted, namings=recognized.namings, state=state)


def _unwrapped(
    path: Path, content: Mapping[str, object]
) -> tuple[str, dict[str, Tensor], list[str]]:
    """The weights in a file, the key that they are under, and other keys that hold weights."""
    key, others = "", []
    while wrapped := [name for name in WRAPPINGS if isinstance(content.get(name), dict)]:
        key, *more = wrapped
        others += more
        inner = content[key]
        assert isinstance(inner, dict)
        content = inner
    if not any(isinstance(value, Tensor) for value in content.values()):
        raise fail("weights", f"{path}: holds no weights", help="save model.state_dict()")
    tensors = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if strange := [str(name) for name in content if name not in tensors]:
        raise fail(
            "weights",
            f"{path}: {listed(strange)} hold no tensors",
            help="save model.state_dict() alone",
        )
    return key, tensors, others


def carried(
    lifted: LiftedNetwork, state: Mapping[str, Tensor], naming: Naming = "torchvision"
) -> dict[str, Tensor]:
    """The source's tensors under a library's names; counters that it does not have begin at 0.

    Raises `NamingError` where the library has no such network.
    """
    network = lifted.network
    own = {tensor: key for key, tensor in state_keys(network).items()}
    renamed = {}
    for name, tensor in stored_keys(network, naming).items():
        if own[tensor] in lifted.weights:
            renamed[name] = state[lifted.weights[own[tensor]]]
        elif tensor.key == COUNTER:
            renamed[name] = torch.zeros((), dtype=torch.int64)
    return renamed
