"""Small networks with the habits of real code, each written in two styles: of modules, and of
functions in `forward`. The text is what the spec says of the habit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Habit(NamedTuple):
    """A network in two styles, and lines of its spec."""

    modules: Callable[[], nn.Module]
    functions: Callable[[], nn.Module]
    lines: tuple[str, ...]


def conv(channels: int, out: int, kernel: int = 3, stride: int = 1, **options: Any) -> nn.Conv2d:
    options = {"bias": False, **options}
    return nn.Conv2d(channels, out, kernel, stride, kernel // 2, **options)


def normed(channels: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(channels, out, kernel, stride), nn.BatchNorm2d(out))


class Sum(nn.Module):
    """`after(body(x) + shortcut(x))`."""

    def __init__(
        self, body: nn.Module, shortcut: nn.Module | None = None, after: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.body, self.shortcut, self.after = body, shortcut, after

    def forward(self, x: Tensor) -> Tensor:
        total = self.body(x) + (x if self.shortcut is None else self.shortcut(x))
        return total if self.after is None else self.after(total)  # type: ignore[no-any-return]


class Forward(nn.Module):
    """Parts by name, and a `forward` that is a function of them and of an image."""

    def __init__(self, function: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def stem(activation: nn.Module | None = None) -> list[nn.Module]:
    return [normed(3, 8), activation or nn.ReLU()]


def head(features: int = 8) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 5)]


def basic(inner: nn.Module, after: nn.Module | None = None) -> Sum:
    return Sum(nn.Sequential(*normed(8, 8), inner, *normed(8, 8)), after=after)


def residual_net(*blocks: nn.Module, features: int = 8) -> nn.Module:
    return nn.Sequential(*stem(), *blocks, *head(features))


def written(
    block: Callable[[Any, Tensor], Tensor], features: int = 8, **parts: nn.Module
) -> nn.Module:
    """A stem, a block that is a function of parts, a head; all in one `forward`."""

    def forward(net: Any, x: Tensor) -> Tensor:
        x = functional.relu(net.norm(net.first(x)))
        x = block(net, x)
        return net.last(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    last = nn.Linear(features, 5)
    return Forward(forward, first=conv(3, 8), norm=nn.BatchNorm2d(8), last=last, **parts)


def two(**others: nn.Module) -> dict[str, Any]:
    """The parts of a body of two convolutions."""
    parts: dict[str, Any] = {
        "a": conv(8, 8),
        "na": nn.BatchNorm2d(8),
        "b": conv(8, 8),
        "nb": nn.BatchNorm2d(8),
    }
    return {**parts, **others}


def activated(
    module: Callable[[], nn.Module], function: Callable[[Tensor], Tensor], line: str
) -> Habit:
    """An activation inside a block and after it."""
    return Habit(
        lambda: residual_net(basic(module(), module())),
        lambda: written(
            lambda net, x: function(net.nb(net.b(function(net.na(net.a(x))))) + x), **two()
        ),
        (line,),
    )


ACTIVATIONS: Final = {
    "leaky relu": activated(
        lambda: nn.LeakyReLU(0.1, inplace=True),
        lambda x: functional.leaky_relu(x, 0.1),
        "activation: {kind: leaky_relu, slope: 0.1}",
    ),
    "elu": activated(
        lambda: nn.ELU(0.5), lambda x: functional.elu(x, 0.5), "activation: {kind: elu, alpha: 0.5}"
    ),
    "hardswish": activated(nn.Hardswish, functional.hardswish, "activation: hardswish"),
    "hardsigmoid": activated(nn.Hardsigmoid, functional.hardsigmoid, "activation: hardsigmoid"),
    "mish": activated(nn.Mish, functional.mish, "activation: mish"),
    "selu": activated(nn.SELU, functional.selu, "activation: selu"),
    "softplus": activated(nn.Softplus, functional.softplus, "activation: softplus"),
    "gelu by tanh": activated(
        lambda: nn.GELU("tanh"),
        lambda x: functional.gelu(x, approximate="tanh"),
        "activation: gelu_tanh",
    ),
    "prelu": Habit(
        lambda: residual_net(basic(nn.PReLU(8), nn.PReLU(8))),
        lambda: written(
            lambda net, x: net.q(net.nb(net.b(net.p(net.na(net.a(x))))) + x),
            **two(p=nn.PReLU(8), q=nn.PReLU(8)),
        ),
        ("activation: prelu",),
    ),
    "shared prelu": Habit(
        lambda: residual_net(basic(nn.PReLU(), nn.PReLU())),
        lambda: written(
            lambda net, x: functional.prelu(
                net.nb(net.b(net.p(net.na(net.a(x))))) + x, net.q.weight
            ),
            **two(p=nn.PReLU(), q=nn.PReLU()),
        ),
        ("activation: {kind: prelu, shared: true}",),
    ),
    "another activation after the addition": Habit(
        lambda: residual_net(basic(nn.ReLU(), nn.GELU())),
        lambda: written(
            lambda net, x: functional.gelu(net.nb(net.b(net.na(net.a(x)).relu())) + x), **two()
        ),
        ("after: gelu",),
    ),
    "linear bottleneck": Habit(
        lambda: residual_net(Sum(nn.Sequential(*normed(8, 16, 1), nn.ReLU6(), *normed(16, 8, 1)))),
        lambda: written(
            lambda net, x: x + net.nb(net.b(functional.hardtanh(net.na(net.a(x)), 0, 6))),
            a=conv(8, 16, 1),
            na=nn.BatchNorm2d(16),
            b=conv(16, 8, 1),
            nb=nn.BatchNorm2d(8),
        ),
        ("activation: relu6, after: none",),
    ),
    "activation before the addition": Habit(
        lambda: residual_net(
            Sum(nn.Sequential(*normed(8, 8), nn.ReLU(), *normed(8, 8), nn.ReLU()))
        ),
        lambda: written(
            lambda net, x: torch.relu(net.nb(net.b(torch.relu(net.na(net.a(x)))))) + x, **two()
        ),
        ("[3x3, 8, relu]", "after: none"),
    ),
    "convolutions without norm or activation": Habit(
        lambda: residual_net(
            Sum(
                nn.Sequential(conv(8, 8, bias=True), *normed(8, 8), nn.ReLU(), *normed(8, 8)),
                after=nn.ReLU(),
            )
        ),
        lambda: written(
            lambda net, x: functional.relu(
                x + net.nb(net.b(functional.relu(net.na(net.a(net.c(x))))))
            ),
            **two(c=conv(8, 8, bias=True)),
        ),
        ("[3x3, 8, no norm, linear]",),
    ),
    "norm after the activation": Habit(
        lambda: nn.Sequential(
            *(conv(3, 8, bias=True), nn.ReLU(), nn.BatchNorm2d(8)),
            *(conv(8, 8, bias=True), nn.ReLU(), nn.BatchNorm2d(8), *head()),
        ),
        lambda: Forward(
            lambda net, x: net.fc(net.nb(net.b(net.na(net.a(x).relu())).relu()).mean((2, 3))),
            a=conv(3, 8, bias=True),
            na=nn.BatchNorm2d(8),
            b=conv(8, 8, bias=True),
            nb=nn.BatchNorm2d(8),
            fc=nn.Linear(8, 5),
        ),
        ("[[3x3, 8], [batch norm]] x 2", "norm: none"),
    ),
}


class Learned(nn.Module):
    def __init__(self, shape: tuple[int, ...] = (1,)) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full(shape, 0.3))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x
