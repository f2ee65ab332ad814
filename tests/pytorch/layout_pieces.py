"""Pieces that checkpoints of other codebases are put together from: small backbones, heads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

TYPES = {"basic": BasicBlock, "bottleneck": Bottleneck}
State = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """What a codebase saves: the file's content, and where in it residual backbones lie.

    A place is the dotted path that a backbone's convolutions share, the empty one for the whole
    file. Its classifier may lie elsewhere, as mmpretrain's `head.fc` beside `backbone`.
    """

    name: str
    content: Callable[[], object]
    parts: tuple[str, ...]
    blocks: tuple[int, ...]
    ignored: tuple[str, ...] = ()


def drawn(name: str, *shape: int) -> Tensor:
    """Small random numbers, the same for the same name; scales and variances around 1."""
    generator = torch.Generator().manual_seed(crc32(name.encode()))
    if len(shape) == 1 and name.endswith((".weight", "running_var")):
        return torch.rand(*shape, generator=generator) + 0.5
    return torch.randn(*shape, generator=generator) * 0.1


def slim(state: Mapping[str, Tensor], by: int = 8) -> State:
    """A torchvision ResNet's tensors with all channels divided, but the image's and the classes."""

    def cut(name: str, tensor: Tensor) -> Tensor:
        if tensor.dim() == 0 or name == "fc.bias":
            return tensor.clone()
        rows = len(tensor) if name == "fc.weight" else len(tensor) // by
        if tensor.dim() == 1 or name == "conv1.weight":
            return tensor[:rows].clone()
        return tensor[:rows, : tensor.shape[1] // by].clone()

    return {name: cut(name, tensor) for name, tensor in state.items()}


@cache
def _slimmed(block: str, layers: tuple[int, ...]) -> State:
    with torch.random.fork_rng(devices=()):
        return slim(ResNet(TYPES[block], list(layers)).state_dict())


def resnet(
    seed: str = "",
    block: str = "basic",
    layers: tuple[int, ...] = (1, 1, 1, 1),
    *,
    classes: int = 0,
    channels: int = 3,
    stem: int = 7,
) -> State:
    """A slim ResNet under torchvision's names; without `fc` unless it has classes."""
    state: State = {}
    for name, tensor in _slimmed(block, layers).items():
        shape = list(tensor.shape)
        if name == "conv1.weight":
            shape[1:] = [channels, stem, stem]
        if name.startswith("fc."):
            shape[0] = classes
        if not name.startswith("fc.") or classes:
            counter = name.endswith("num_batches_tracked")
            state[name] = torch.tensor(1000) if counter else drawn(f"{seed}.{name}", *shape)
    return state


def under(place: str, state: Mapping[str, Tensor]) -> State:
    """The same tensors with a place before their names."""
    return {f"{place}.{name}": tensor for name, tensor in state.items()}


def renamed(state: Mapping[str, Tensor], *rules: tuple[str, str]) -> State:
    """The same tensors under names changed by regular expressions, one after another."""

    def change(name: str) -> str:
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        return name

    return {change(name): tensor for name, tensor in state.items()}


def frozen(state: Mapping[str, Tensor]) -> State:
    """The same with frozen norms, which count no batches."""
    return {name: tensor for name, tensor in state.items() if "num_batches_tracked" not in name}


def group_normed(state: Mapping[str, Tensor]) -> State:
    """The same with group norms, which keep no statistics."""
    return {name: tensor for name, tensor in frozen(state).items() if "running" not in name}


def indexed(state: Mapping[str, Tensor], first_stage: int = 4) -> State:
    """The names in `nn.Sequential(*resnet.children())`."""
    stages = [(rf"^layer{n + 1}\.", f"{n + first_stage}.") for n in range(4)]
    return renamed(state, (r"^conv1\.", "0."), (r"^bn1\.", "1."), *stages)


def deep_stem(state: Mapping[str, Tensor], *names: str) -> State:
    """The same with three 3x3 convolutions for a stem: the names of each, then of its norm."""
    first, first_norm, second, second_norm, third, third_norm = names
    stem = conv(first, 3, 4, 3, bias=False) | norm(first_norm, 4)
    stem |= conv(second, 4, 4, 3, bias=False) | norm(second_norm, 4)
    stem |= conv(third, 4, 8, 3, bias=False) | norm(third_norm, 8)
    rest = {k: v for k, v in state.items() if not k.startswith(("conv1.", "bn1."))}
    return stem | rest


def conv(name: str, width: int, into: int, kernel: int = 1, *, bias: bool = True) -> State:
    """A convolution from one width to another."""
    weight = {f"{name}.weight": drawn(f"{name}.weight", into, width, kernel, kernel)}
    return weight | ({f"{name}.bias": drawn(f"{name}.bias", into)} if bias else {})


def convs(*names: str, kernel: int = 3) -> State:
    """Convolutions from 32 channels to 32."""
    state: State = {}
    for name in names:
        state |= conv(name, 32, 32, kernel)
    return state


def conv_norm(name: str, normed: str, width: int, into: int, kernel: int = 3) -> State:
    """A convolution and the batch norm after it."""
    return conv(name, width, into, kernel, bias=False) | norm(normed, into)


def pyramid(lateral: str, output: str, widths: tuple[int, ...] = (8, 16, 32, 64)) -> State:
    """A feature pyramid: the names have a place for the number of the stage."""
    state: State = {}
    for n, width in enumerate(widths):
        state |= conv(lateral.format(n), width, 32)
    return state | convs(*(output.format(n) for n in range(len(widths))))


def linear(name: str, width: int, into: int, *, bias: bool = True) -> State:
    """A linear layer from one width to another."""
    weight = {f"{name}.weight": drawn(f"{name}.weight", into, width)}
    return weight | ({f"{name}.bias": drawn(f"{name}.bias", into)} if bias else {})


def norm(name: str, width: int, *, affine: bool = True) -> State:
    """A batch norm."""
    scaled = ("weight", "bias") if affine else ()
    state = {f"{name}.{n}": drawn(f"{name}.{n}", width) for n in scaled}
    state |= {f"{name}.{n}": drawn(f"{name}.{n}", width) for n in ("running_mean", "running_var")}
    return state | {f"{name}.num_batches_tracked": torch.tensor(1000)}


def layer_norm(name: str, width: int) -> State:
    """A layer norm."""
    return {f"{name}.{n}": drawn(f"{name}.{n}", width) for n in ("weight", "bias")}


def mlp(name: str, *widths: int, normed: bool = True, last_norm: bool = False) -> State:
    """Linear layers with a batch norm and a rectifier between, as numbered in `nn.Sequential`."""
    state: State = {}
    step = 3 if normed else 2
    for place, (width, into) in enumerate(pairwise(widths)):
        is_last = place == len(widths) - 2
        state |= linear(f"{name}.{step * place}", width, into, bias=is_last or not normed)
        if normed and not is_last:
            state |= norm(f"{name}.{step * place + 1}", into)
        if last_norm and is_last:
            state |= norm(f"{name}.{step * place + 1}", into, affine=False)
    return state


def attention(name: str, width: int = 64) -> State:
    """Multi-head attention as torch's module names it."""
    state = {f"{name}.in_proj_weight": drawn(f"{name}.in_proj_weight", 3 * width, width)}
    state |= {f"{name}.in_proj_bias": drawn(f"{name}.in_proj_bias", 3 * width)}
    return state | linear(f"{name}.out_proj", width, width)


def sgd(state: Mapping[str, Tensor]) -> dict[str, object]:
    """The state of an optimizer with momentum: tensors like the weights, under numbers."""
    weights = [t for name, t in state.items() if name.endswith(("weight", "bias"))]
    momenta = {n: {"momentum_buffer": torch.zeros_like(t)} for n, t in enumerate(weights)}
    group = {"lr": 0.03, "momentum": 0.9, "params": list(range(len(weights)))}
    return {"state": momenta, "param_groups": [group]}


def arrays(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """The same tensors as numpy's arrays."""
    return {name: tensor.numpy() for name, tensor in state.items()}
