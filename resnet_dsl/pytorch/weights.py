"""Weights in files: read without running anything in them, written whole."""

from __future__ import annotations

import os
import pickle
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.files import whole

SUFFIXES: Final = (".safetensors", ".pt", ".pth")
_LISTED: Final = 20

# what torch's reader raises for a file that is no state dict: it has no error of its own
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    struct.error,
    MemoryError,
    OverflowError,
)


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's state dict: `.safetensors`, or torch's own format for `.pt` and `.pth`."""
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    with whole(path) as draft, _writing(path):
        draft.touch()  # what the system says of a bad place is clearer than what the formats do
        if path.suffix == ".safetensors":
            contiguous = {name: tensor.contiguous() for name, tensor in state.items()}
            save_file(contiguous, draft, metadata={"format": "pt"})
        else:
            torch.save(state, draft)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """The formats have errors of their own for a full disk."""
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        raise fail("file", f"{path}: {_first_line(error)}") from None


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill a model from a file, strictly: `SpecError` lists every key that does not fit."""
    state = read_state(path)
    faults = list(_misfits(model.state_dict(), state))
    if faults:
        raise SpecError(Diagnostic(code="weights", message=f"{path}: {text}") for text in faults)
    model.load_state_dict(state)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name: safetensors, or torch's format without its code."""
    if not os.path.isfile(path):
        raise fail("file", f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # torch remarks on odd files it then reads
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise fail("file", f"{path}: {(error.strerror or 'unreadable').lower()}") from None
    except (SafetensorError, *_UNREADABLE) as error:
        raise fail(
            "weights",
            f"{path}: no file of weights",
            help=f"{_first_line(error)}; write model.state_dict() with safetensors or torch",
        ) from None
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise fail("weights", f"{path}: no state dict", help="save model.state_dict()")
    others = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if others:
        raise fail(
            "weights",
            f"{path}: {_some(others)} hold no tensors",
            help="save model.state_dict() alone",
        )
    return state


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:100].rstrip(". ") if lines else type(error).__name__


def _misfits(own: dict[str, Tensor], other: dict[str, Tensor]) -> Iterable[str]:
    missing = [key for key in own if key not in other]
    unknown = [key for key in other if key not in own]
    if missing:
        yield f"{len(missing)} of {len(own)} keys are missing: {_some(missing)}"
    if unknown:
        yield f"{len(unknown)} keys are not the network's: {_some(unknown)}"
    for key in own.keys() & other.keys():
        if own[key].shape != other[key].shape:
            found, expected = (_shown(t) for t in (other[key], own[key]))
            yield f"{key} is {found}, the network's is {expected}"


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + more


def _shown(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
