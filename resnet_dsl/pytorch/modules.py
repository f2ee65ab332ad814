"""What a built network is made of: PyTorch's own layers, in scopes that run a small program.

Everything here pickles, deep-copies, compiles, exports and traces; nothing imports torchvision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from resnet_dsl.folds.naming import Add, Call, Concat, Program

if TYPE_CHECKING:
    from resnet_dsl.spec import Spec

Device: TypeAlias = torch.device | str | int
DType: TypeAlias = torch.dtype


class Scope(nn.Module):
    """Children by name, and the program that runs them."""

    def __init__(self, children: dict[str, nn.Module], program: Program) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self.program = program

    def forward(self, x: Tensor) -> Tensor:
        return self._run(self.program, x)

    def _run(self, program: Program, x: Tensor) -> Tensor:
        for step in program:
            if isinstance(step, Call):
                x = getattr(self, step.name)(x)
            elif isinstance(step, Add):
                x = self._run(step.body, x) + self._run(step.shortcut, x)
            elif isinstance(step, Concat):
                x = torch.cat([self._run(branch, x) for branch in step.branches], 1)
            else:
                x = torch.flatten(x, 1)
        return x


class BasicBlock(Scope):
    """Two 3x3 convolutions and a shortcut: He et al. 2015, figure 5, left."""


class Bottleneck(Scope):
    """1x1, 3x3, 1x1 and a shortcut: He et al. 2015, figure 5, right."""


class ResidualBlock(Scope):
    """Any other body with a shortcut."""


class PlainBlock(Scope):
    """Layers without a shortcut."""


class Net(Scope):
    """A whole network. `spec` is the page that it was built from."""

    spec: Spec


class ResNet(Net):
    """A network with shortcuts."""


class PlainNet(Net):
    """A network without shortcuts."""


class PadChannels(nn.Module):
    """`extra` channels of zeros behind those of the input."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, (0, 0, 0, 0, 0, self.extra))

    def extra_repr(self) -> str:
        return str(self.extra)


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
