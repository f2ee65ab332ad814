"""What a built network is made of: PyTorch's own layers, in scopes that run a small program.

Everything here pickles, deep-copies, compiles, exports and traces; nothing imports torchvision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, pad

from resnet_dsl.naming.module_tree import (
    Add,
    Call,
    CallAuxiliary,
    Concat,
    FlattenStep,
    Keep,
    Program,
)

if TYPE_CHECKING:
    from resnet_dsl.ir import Network
    from resnet_dsl.language.spec import Spec

Device: TypeAlias = torch.device | str | int
DType: TypeAlias = torch.dtype | str
Module: TypeAlias = nn.Module


class Scope(nn.Module):
    """Children by name, and the program that runs them."""

    def __init__(self, children: dict[str, nn.Module], program: Program) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self.program = program

    def forward(self, x: Tensor) -> Any:
        return self._run(self.program, x)

    def _run(self, program: Program, x: Tensor) -> Tensor:
        for step in program:
            match step:
                case Call(name):
                    x = self._child(name)(x)
                case Add(body, shortcut):
                    x = self._run(body, x) + self._run(shortcut, x)
                case Concat(branches):
                    x = torch.cat([self._run(branch, x) for branch in branches], 1)
                case FlattenStep():
                    x = torch.flatten(x, 1)
                case Keep() | CallAuxiliary():
                    raise AssertionError("only a whole network has feature outputs")
                case _:
                    assert_never(step)
        return x

    def _child(self, name: str) -> nn.Module:
        child: nn.Module = self.get_submodule(name) if "." in name else getattr(self, name)
        return child


class BasicBlock(Scope):
    """Two 3x3 convolutions and a shortcut: He et al. 2015, figure 5, left."""


class Bottleneck(Scope):
    """1x1, 3x3, 1x1 and a shortcut: He et al. 2015, figure 5, right."""


class ResidualBlock(Scope):
    """Any other body with a shortcut."""


class PreActBlock(Scope):
    """A body that begins with norm and activation, and a shortcut: He et al. 2016, figure 1b."""


class Inception(Scope):
    """Branches side by side, concatenated: Szegedy et al. 2015, figure 2b."""


class PlainBlock(Scope):
    """Layers without a shortcut."""


class Net(Scope):
    """A whole network; `network` is what it computes.

    It gives its output; in training, with auxiliary classifiers, a tuple of its output and theirs,
    the last one first; built for features, a dict of maps by stage.
    """

    network: Network
    built_from: Spec | None = None

    @property
    def spec(self) -> Spec:
        """The spec that it was built from; where it was built from a network, the recovered one."""
        if self.built_from is None:
            from resnet_dsl.recovery import recover

            self.built_from = recover(self.network)
        return self.built_from

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...] | dict[str, Tensor]:
        maps: dict[str, Tensor] = {}
        auxiliary: list[Tensor] = []
        for step in self.program:
            if isinstance(step, Keep):
                maps[step.name] = x
            elif not isinstance(step, CallAuxiliary):
                x = self._run((step,), x)
            elif self.training:
                auxiliary.append(self._child(step.name)(x))
        if maps:
            return maps
        return (x, *reversed(auxiliary)) if auxiliary else x


class ResNet(Net):
    """A network with shortcuts."""


class PlainNet(Net):
    """A network without shortcuts."""


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

    def forward(self, x: Tensor) -> Tensor:
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = batch_norm(rows, None, None, training=True, momentum=0.0, eps=1e-8)
        result: Tensor = self._conv_forward(x, weight.reshape_as(self.weight), self.bias)
        return result


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


class SqueezeExcite(nn.Module):
    """`x * sigmoid(W2 relu(W1 mean(x)))`: each channel weighed by what all of them show."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, hidden, 1, dtype=torch.float32)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(hidden, channels, 1, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.fc2(self.relu(self.fc1(x.mean((2, 3), keepdim=True))))
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
