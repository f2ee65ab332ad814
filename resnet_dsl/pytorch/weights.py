"""Weights in files: what fits is loaded, what does not is named; written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from resnet_dsl.diagnostics import Diagnostic, SpecError, fail
from resnet_dsl.naming import Naming, has_whole_files, stored_keys
from resnet_dsl.pytorch.file_contents import first_line, listed, printable, read_state
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.reader.files import check_place, whole

SUFFIXES: Final = (".safetensors", ".pt", ".pth")


def check_output(path: Path | None) -> None:
    """What can be known of a file of weights before the work is done."""
    if path is None:
        return
    if path.suffix not in SUFFIXES:
        raise fail("file", f"{path}: not a format of weights", help=f"end in {', '.join(SUFFIXES)}")
    check_place(path)


def save_weights(model: Net, path: Path, naming: Naming = "torchvision") -> None:
    """Write a model's state dict, in so far as files of a library have it."""
    save_state(_stored(model, naming), path)


def _stored(model: Net, naming: Naming) -> dict[str, Tensor]:
    """The tensors of a model that files of a library have."""
    state = model.state_dict()
    if has_whole_files(naming):
        return dict(state)
    keys = stored_keys(model.network, naming)
    return {key: value for key, value in state.items() if key in keys}


def save_state(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name: `.safetensors`, or torch's own format for `.pt` and `.pth`."""
    state = {name: tensor.detach().cpu() for name, tensor in state.items()}
    with whole(path) as draft, _writing(path):
        draft.touch()  # the system's message about a bad place is clearer than those of the formats
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


def load_weights(model: Net, path: Path, naming: Naming = "torchvision") -> None:
    """Fill a model from a file, strictly: `SpecError` lists every key that does not fit.

    What files of a library do not have stays as it is.
    """
    state = read_state(path)
    own = model.state_dict()
    required = _stored(model, naming)
    faults = list(_misfits(required, own, state))
    if faults:
        raise SpecError(Diagnostic(code="weights", message=f"{path}: {text}") for text in faults)
    model.load_state_dict(state, strict=False)


def _misfits(
    required: dict[str, Tensor], own: dict[str, Tensor], state: dict[str, Tensor]
) -> Iterable[str]:
    missing = [key for key in required if key not in state]
    unknown = [key for key in state if key not in own]
    if missing:
        yield f"{len(missing)} of {len(own)} keys are missing: {listed(missing)}"
    if unknown:
        yield f"{len(unknown)} keys are not the network's: {listed(unknown)}"
    for key in own:
        if key in state and own[key].shape != state[key].shape:
            given, expected = (_shown(tensor[key]) for tensor in (state, own))
            yield f"{key} is {printable(given)}, the network's is {expected}"


def _shown(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
