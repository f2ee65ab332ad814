"""Weights of a file for a network with other classes, or other channels of images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final, TypeAlias

from torch import Tensor

from resnet_dsl.folds.interface import Number, interface
from resnet_dsl.folds.weights import COUNTER, TensorShape
from resnet_dsl.ir import Network
from resnet_dsl.naming import Naming, state_keys

Free: TypeAlias = Mapping[str, Number]
"""The keys of a state dict whose shapes may differ, and the number that they follow."""
_WORDS: Final[dict[Number, str]] = {"num_classes": "classes", "in_channels": "channels"}


def free_keys(network: Network, numbers: Set[Number], naming: Naming) -> Free:
    """The keys of tensors whose shapes follow one of these numbers."""
    follow = interface(network).numbers
    free: dict[str, Number] = {}
    for key, tensor in state_keys(network, naming).items():
        for number in follow.get(tensor.leaf, {}).values():
            if number in numbers and tensor.key != COUNTER:
                free[key] = number
    return free


def agrees(shape: TensorShape, own: TensorShape, number: Number | None) -> bool:
    """Whether a tensor of a file has the shape of a key, but for a number that is free."""
    if shape == own or number is None:
        return shape == own
    if len(shape) != len(own):
        return False
    axis = _axis(number, own)
    return all(a == b for i, (a, b) in enumerate(zip(shape, own, strict=True)) if i != axis)


def _axis(number: Number, shape: TensorShape) -> int:
    """The axis of a tensor that has a number: filters read channels, all else has it first."""
    return 1 if number == "in_channels" and len(shape) > 1 else 0


def adapted(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], free: Free
) -> dict[str, Tensor]:
    """The tensors that a model takes: filters of an image get its channels, and what else has
    another shape is left out."""
    taken = {}
    for key, tensor in state.items():
        if tensor.shape == own[key].shape:
            taken[key] = tensor
        elif _is_filter(key, tensor, free):
            taken[key] = filters_for(tensor, own[key].shape[1])
    return taken


def filters_for(weight: Tensor, channels: int) -> Tensor:
    """Filters of images for images with other channels.

    For gray images those of all channels are added. For others they are repeated, and scaled by the
    ratio of channels: timm's rule for `in_chans`.

    >>> import torch
    >>> filters_for(torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1), 4).flatten()
    tensor([0.7500, 1.5000, 4.5000, 0.7500])
    """
    if channels == 1:
        return weight.float().sum(1, keepdim=True).to(weight.dtype)
    own = weight.shape[1]
    repeats = -(-channels // own)
    repeated = weight.float().repeat(1, repeats, 1, 1)[:, :channels]
    return (repeated * (own / channels)).to(weight.dtype)


def remarks_on_adapted(
    shapes: Mapping[str, TensorShape], own: Mapping[str, Tensor], free: Free
) -> Iterable[str]:
    """Which weights were drawn anew or adapted, given the shapes that a file has by key."""
    fresh: dict[str, list[str]] = {}
    for key, number in free.items():
        if key not in shapes:
            fresh.setdefault("the file has none", []).append(key)
            continue
        shape, size = shapes[key], tuple(own[key].shape)
        if shape == size:
            continue
        if _axis(number, size):
            channels = "1 channel" if shape[1] == 1 else f"{shape[1]} channels"
            yield f"{key} is adapted from {channels} to {size[1]}"
        else:
            fresh.setdefault(f"the file has {shape[0]} {_WORDS[number]}", []).append(key)
    for why, keys in fresh.items():
        yield f"left as drawn: {', '.join(keys)} ({why})"


def _is_filter(key: str, tensor: Tensor, free: Free) -> bool:
    return free.get(key) == "in_channels" and tensor.dim() > 1
