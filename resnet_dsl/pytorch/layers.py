"""Leaves that PyTorch has no module for; attention is in `resnet_dsl.pytorch.attention`."""

from __future__ import annotations

from typing import Any, assert_never

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, max_pool2d, normalize, pad

from resnet_dsl.ir import BatchNorm, PoolKind, Standardization, WindowSize


class PadChannels(nn.Module):
    """Channels of zeros, `before` and `after` those of the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, (0, 0, 0, 0, self.before, self.after))

    def extra_repr(self) -> str:
        return f"{self.before}, {self.after}"


class StandardizedConv(nn.Conv2d):
    """A convolution whose filters are used with mean 0 and variance 1."""

    def __init__(self, standardization: Standardization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.standardization = standardization

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self._conv_forward(x, self._standardized(), self.bias)
        return result

    def _standardized(self) -> Tensor:
        weight, eps = self.weight, self.standardization.eps
        match self.standardization.formula:
            case "batch_norm":
                rows = weight.reshape(1, self.out_channels, -1)
                rows = batch_norm(rows, None, None, training=True, momentum=0.0, eps=eps)
                return rows.reshape_as(weight)
            case "variance":
                var, mean = torch.var_mean(weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
                return (weight - mean) / torch.sqrt(var + eps)
            case "deviation":
                mean = weight.mean(1, keepdim=True).mean(2, keepdim=True).mean(3, keepdim=True)
                centered = weight - mean
                deviation = centered.flatten(1).std(1).reshape(-1, 1, 1, 1) + eps
                return centered / deviation.expand_as(centered)
            case _:
                assert_never(self.standardization.formula)

    def extra_repr(self) -> str:
        return f"{nn.Conv2d.extra_repr(self)}, {self.standardization.formula}"  # type: ignore[no-untyped-call]


def batch_norm_module(norm: BatchNorm) -> nn.BatchNorm1d | nn.BatchNorm2d:
    """PyTorch's batch norm, of maps or of vectors."""
    kind = nn.BatchNorm1d if norm.of_vectors else nn.BatchNorm2d
    return kind(
        norm.channels,
        eps=norm.eps,
        momentum=norm.momentum,
        affine=norm.affine,
        dtype=torch.float32,
    )


class ChannelLayerNorm(nn.LayerNorm):
    """A layer norm over the channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Scale(nn.Module):
    """`factor * x`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"{self.factor:g}"


class LearnedScale(nn.Module):
    """`weight * x`, with one number that starts at one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty((), dtype=torch.float32))

    def reset_parameters(self) -> None:
        """The scale starts at one."""
        nn.init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Normalize(nn.Module):
    """`(x - mean) / deviation`, by channels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.numbers = {"mean": mean, "deviation": deviation}
        for name, values in self.numbers.items():
            empty = torch.empty(len(values), 1, 1, dtype=torch.float32)
            self.register_buffer(name, empty, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The numbers of the network: they are not learned."""
        for name, values in self.numbers.items():
            buffer = self.get_buffer(name)
            buffer.copy_(torch.tensor(values, device=buffer.device).reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:  # the features of a vector
            return (x - self.mean.flatten()) / self.deviation.flatten()
        return (x - self.mean) / self.deviation

    def extra_repr(self) -> str:
        return f"mean={self.numbers['mean']}, deviation={self.numbers['deviation']}"


class L2Normalize(nn.Module):
    """`x / max(|x|, 1e-12)`, over features or channels."""

    def forward(self, x: Tensor) -> Tensor:
        return normalize(x)


class WindowPool(nn.Module):
    """A pool over the whole map, computed as a window of its size, or of a side of it."""

    def __init__(self, kind: PoolKind, window: WindowSize) -> None:
        super().__init__()
        self.kind, self.window = kind, window

    def forward(self, x: Tensor) -> Tensor:
        pool = avg_pool2d if self.kind == "average" else max_pool2d
        height, width = x.shape[2:]
        sides = {"whole": (height, width), "height": (height, height), "width": (width, width)}
        result: Tensor = pool(x, sides[self.window])
        return result

    def extra_repr(self) -> str:
        return f"{self.kind}, {self.window}"


class EvoNorm(nn.Module):
    """`x * sigmoid(v * x) / std(x) * weight + bias`, the deviation that of a group of channels."""

    def __init__(self, channels: int, groups: int, eps: float) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.empty(channels, dtype=torch.float32))
        self.bias = nn.Parameter(torch.empty(channels, dtype=torch.float32))
        self.v = nn.Parameter(torch.empty(channels, dtype=torch.float32))

    def reset_parameters(self) -> None:
        """Weights and gates start at one, biases at zero."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        nn.init.ones_(self.v)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, v = (p.to(x.dtype)[:, None, None] for p in (self.weight, self.bias, self.v))
        gated = x * torch.sigmoid(x * v)
        normal: Tensor = gated / self._deviation(x) * weight + bias
        return normal

    def _deviation(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        groups = x.reshape(batch, self.groups, channels // self.groups, height, width)
        variance = groups.float().var((2, 3, 4), unbiased=False, keepdim=True)
        deviation = (variance + self.eps).sqrt().to(x.dtype)
        return deviation.expand_as(groups).reshape(x.shape)

    def extra_repr(self) -> str:
        return f"{self.groups}, {len(self.weight)}, eps={self.eps}"


class FilterResponseNorm(nn.Module):
    """`max(x / sqrt(mean(x^2) + eps) * weight + bias, tau)`, the mean that of a channel's map."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(channels, dtype=torch.float32))
        self.bias = nn.Parameter(torch.empty(channels, dtype=torch.float32))
        self.tau = nn.Parameter(torch.empty(channels, dtype=torch.float32))

    def reset_parameters(self) -> None:
        """Weights start at one, biases and thresholds at zero."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        nn.init.zeros_(self.tau)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, tau = (
            p.to(x.dtype)[:, None, None] for p in (self.weight, self.bias, self.tau)
        )
        power = x.float().square().mean((2, 3), keepdim=True)
        normal = x * torch.rsqrt(power + self.eps).to(x.dtype)
        result: Tensor = torch.maximum(normal * weight + bias, tau)
        return result

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"


class DropPath(nn.Module):
    """In training each image's map is zeroed with probability `p`, the others scaled."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty(len(x), 1, 1, 1).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"


class BlurPool(nn.Module):
    """A binomial 3x3 filter over each channel, then every `stride`-th pixel."""

    filter: Tensor

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer(
            "filter", torch.empty(1, 1, 3, 3, dtype=torch.float32), persistent=False
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The outer product of (1, 2, 1) / 4 with itself."""
        line = torch.tensor([1.0, 2.0, 1.0], device=self.filter.device) / 4
        self.filter.copy_(line[:, None] * line[None, :])

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        weight = self.filter.expand(channels, 1, 3, 3)
        return conv2d(pad(x, (1, 1, 1, 1), "reflect"), weight, stride=self.stride, groups=channels)

    def extra_repr(self) -> str:
        return f"stride={self.stride}"
