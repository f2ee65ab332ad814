"""Attention as modules: gates between 0 and 1 that multiply a map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnet_dsl.ir import Act
from resnet_dsl.ir import SpatialAttention as SpatialAttentionLeaf
from resnet_dsl.ir import SqueezeExcite as SqueezeExciteLeaf
from resnet_dsl.pytorch.activations import activation_module
from resnet_dsl.pytorch.layers import batch_norm_module


class SqueezeExcite(nn.Module):
    """`x * gate(W2 act(W1 mean(x)))`: each channel weighed by what all of them show.

    With `max_pool`, `W2 act(W1 max(x))` is added before the gate.
    """

    def __init__(self, leaf: SqueezeExciteLeaf) -> None:
        super().__init__()
        self.linear, self.max_pool = leaf.linear, leaf.max_pool
        self.fc1 = _layer(leaf, leaf.channels, leaf.hidden)
        if leaf.norm is not None:
            self.norm = batch_norm_module(leaf.norm)
        setattr(self, leaf.act, activation_module(Act(leaf.act), in_place=True))
        self.act = leaf.act
        self.fc2 = _layer(leaf, leaf.hidden, leaf.channels)
        if leaf.gate != "sigmoid":
            self.gate = activation_module(Act(leaf.gate), in_place=False)

    def forward(self, x: Tensor) -> Tensor:
        weights = self._excited(x.mean((2, 3), keepdim=True))
        if self.max_pool:
            weights = weights + self._excited(x.amax((2, 3), keepdim=True))
        gated = self.gate(weights) if hasattr(self, "gate") else torch.sigmoid(weights)
        return x * gated.reshape(*x.shape[:2], 1, 1)

    def _excited(self, x: Tensor) -> Tensor:
        x = self.fc1(x.flatten(1) if self.linear else x)
        if hasattr(self, "norm"):
            x = self.norm(x)
        result: Tensor = self.fc2(getattr(self, self.act)(x))
        return result


def _layer(leaf: SqueezeExciteLeaf, channels: int, out: int) -> nn.Module:
    if leaf.linear:
        return nn.Linear(channels, out, bias=leaf.bias, dtype=torch.float32)
    return nn.Conv2d(channels, out, 1, bias=leaf.bias, dtype=torch.float32)


class SpatialAttention(nn.Module):
    """`x * sigmoid(conv([mean(x), max(x)]))`: each pixel weighed by what its neighbours show."""

    def __init__(self, leaf: SpatialAttentionLeaf) -> None:
        super().__init__()
        self.max_first = leaf.max_first
        padding = leaf.kernel // 2
        self.conv = nn.Conv2d(
            2, 1, leaf.kernel, padding=padding, bias=leaf.bias, dtype=torch.float32
        )
        if leaf.norm is not None:
            self.norm = batch_norm_module(leaf.norm)

    def forward(self, x: Tensor) -> Tensor:
        maps = [x.mean(1, keepdim=True), x.amax(1, keepdim=True)]
        weights = self.conv(torch.cat(maps[::-1] if self.max_first else maps, 1))
        if hasattr(self, "norm"):
            weights = self.norm(weights)
        return x * torch.sigmoid(weights)


class EfficientChannelAttention(nn.Module):
    """`x * sigmoid(conv(mean(x)))`: each channel weighed by what its neighbours show."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            1, 1, kernel, padding=(kernel - 1) // 2, bias=False, dtype=torch.float32
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.conv(x.mean((2, 3)).unsqueeze(1)))
        return x * weights.transpose(1, 2).unsqueeze(3)
