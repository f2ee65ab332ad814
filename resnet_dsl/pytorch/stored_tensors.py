"""Tensors that lie in a file as PyTorch's: their numbers are read when they are used."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TypeAlias, assert_never

import torch
from torch import Tensor

from resnet_dsl.diagnostics import fail
from resnet_dsl.weight_files import Contents, FoldedTensor, StoredTensor
from resnet_dsl.weight_files.formats import printable
from resnet_dsl.weight_files.values import ITEM_SIZES

_Copies: TypeAlias = dict[tuple[int, int], Tensor]
"""What was copied, by its place in memory and its size."""


def tensors_of(contents: Contents, names: Iterable[str]) -> dict[str, Tensor]:
    """The tensors of a file by these names."""
    copies: _Copies = {}
    return {
        name: _tensor(f"{contents.path}: {printable(name)}", contents.tensors[name], copies)
        for name in names
    }


def _tensor(name: str, stored: StoredTensor | FoldedTensor, copies: _Copies) -> Tensor:
    match stored:
        case StoredTensor():
            return _plain(name, stored, copies)
        case FoldedTensor(rule=rule, parts=parts):
            weight, *rest = (_plain(name, part, copies) for part in parts)
            return _folded(rule, weight, rest)
        case _:
            assert_never(stored)


def _plain(name: str, stored: StoredTensor, copies: _Copies) -> Tensor:
    """A tensor over the bytes of a file, copied only where they cannot be used as they are.

    Tensors in the same bytes share their copy.
    """
    if stored.is_repeated:
        raise fail("weights", f"{name} claims more numbers than the file has")
    dtype: torch.dtype = getattr(torch, stored.dtype)
    size = ITEM_SIZES[stored.dtype]
    length = len(stored.data) - len(stored.data) % size
    if not length:
        return torch.empty(stored.shape, dtype=dtype, device="cpu")
    with warnings.catch_warnings(action="ignore"):  # of bytes that cannot be written to
        raw = torch.frombuffer(stored.data, dtype=torch.uint8, count=length)
    if stored.data.readonly or raw.data_ptr() % size:
        place = raw.data_ptr(), length
        if place not in copies:
            copies[place] = raw.clone()
        raw = copies[place]
    return raw.view(dtype).as_strided(stored.shape, stored.strides, stored.offset)


def _folded(rule: str, weight: Tensor, parts: list[Tensor]) -> Tensor:
    """What the module computes in evaluation."""
    match rule:
        case "pruned":
            return weight * parts[0].to(weight.dtype)
        case "weight norm":
            length = parts[0].to(weight.dtype)
            dims = [d for d, n in enumerate(length.shape) if n == 1]
            if length.dim() and not dims:
                return length * weight.sign()
            norm = torch.linalg.vector_norm(weight, dim=dims or None, keepdim=bool(dims))
            scale: Tensor = length / norm
            return weight * scale
        case "spectral norm":
            left, right = (part.to(weight.dtype) for part in parts)
            return weight / torch.dot(left, weight.flatten(1) @ right)
        case _:
            raise AssertionError(f"no rule {rule}")
