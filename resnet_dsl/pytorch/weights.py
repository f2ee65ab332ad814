"""Weights in files: what fits is loaded, what does not is named; written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.pytorch.file_contents import first_line, listed, printable, read_state
from resnet_dsl.reader.files import check_place, whole

SUFFIXES: Final = (".safetensors", ".pt", ".pth")


def check_output(path: Path | None) -> None:
    """What can be known of a file of weights before the work is done."""
    if path is None:
        return
    if path.suffix not in SUFFIXES:
        raise fail("file", f"{path}: no format of weights", help=f"end in {', '.join(SUFFIXES)}")
    check_place(path)


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's state dict."""
    save_state(model.state_dict(), path)


def save_state(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name: `.safetensors`, or torch's own format for `.pt` and `.pth`."""
    state = {name: tensor.detach().cpu() for name, tensor in state.items()}
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
        raise fail("file", f"{path}: {first_line(error)}") from None


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill a model from a file, strictly: `SpecError` lists every key that does not fit."""
    state = read_state(path)
    faults = list(_misfits(model.state_dict(), state))
    if faults:
        raise SpecError(Diagnostic(code="weights", message=f"{path}: {text}") for text in faults)
    model.load_state_dict(state)


def _misfits(own: dict[str, Tensor], other: dict[str, Tensor]) -> Iterable[str]:
    missing = [key for key in own if key not in other]
    unknown = [key for key in other if key not in own]
    if missing:
        yield f"{len(missing)} of {len(own)} keys are missing: {listed(missing)}"
    if unknown:
        yield f"{len(unknown)} keys are not the network's: {listed(unknown)}"
    for key in own.keys() & other.keys():
        if own[key].shape != other[key].shape:
            found, expected = (_shown(t) for t in (other[key], own[key]))
            yield f"{key} is {printable(found)}, the network's is {expected}"


def _shown(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
