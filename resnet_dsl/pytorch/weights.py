"""Files of weights that are written: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Network
from resnet_dsl.naming import (
    NAMINGS,
    Naming,
    NamingError,
    has_whole_files,
    state_keys,
    stored_keys,
)
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.reader.files import check_place, whole

SUFFIXES: Final = (".safetensors", ".pt", ".pth")


def check_output(
    path: Path | None, *, force: bool = True, inputs: Iterable[Path | None] = ()
) -> None:
    """What can be known of a file of weights before the work is done: see `check_place`."""
    if path is None:
        return
    if path.suffix not in SUFFIXES:
        exports = path.suffix in {".py", ".onnx", ".pt2"}
        help = f"resnet-dsl export SPEC -o {path}" if exports else f"end in {', '.join(SUFFIXES)}"
        raise fail("file", f"{path}: not a format of weights", help=help)
    check_place(path, force=force, inputs=[other for other in inputs if other])


def save_weights(model: Net, path: Path, naming: Naming = "torchvision") -> None:
    """Write a model's state dict, in so far as files of a library have it."""
    save_state(stored_tensors(model, naming), path)


def naming_of(model: Net) -> Naming | None:
    """The library whose names a model has; None where its layers were replaced."""
    keys = list(model.state_dict())
    return next((name for name in NAMINGS if _has_names(model.network, name, keys)), None)


def _has_names(network: Network, naming: Naming, keys: Sequence[str]) -> bool:
    try:
        known = state_keys(network, naming)
    except NamingError:
        return False
    return known.keys() >= set(keys)


def stored_tensors(model: Net, naming: Naming) -> dict[str, Tensor]:
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
            save_file(_apart(state), draft, metadata={"format": "pt"})
        else:
            torch.save(state, draft)


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors, each in memory of its own, as safetensors stores them."""
    apart: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in state.items():
        place = tensor.untyped_storage().data_ptr()
        shared = place in places and tensor.numel() > 0
        apart[name] = tensor.contiguous().clone() if shared else tensor.contiguous()
        places.add(place)
    return apart


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """The formats have errors of their own for a full disk."""
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
        raise fail("file", f"{path}: {reason}") from None
