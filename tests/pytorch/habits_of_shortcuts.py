"""Small networks with the shortcuts and the orders of real code, in two styles each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.pytorch.habits import (
    Forward,
    Habit,
    Learned,
    Sum,
    conv,
    head,
    normed,
    residual_net,
    stem,
    two,
    written,
)
from tests.pytorch.lifting import Lambda


def scaled_body(net: Any, x: Tensor) -> Tensor:
    y = net.nb(net.b(functional.relu(net.na(net.a(x)), inplace=True)))
    return functional.relu(x + 0.1 * y)


def pre_activated(channels: int, out: int, stride: int, *, raw: bool) -> nn.Module:
    """A pre-activated block that projects; its projection may read the raw input."""
    norm, body = nn.BatchNorm2d(channels), [conv(channels, out, 3, stride), nn.BatchNorm2d(out)]
    tail = nn.Sequential(*body, nn.ReLU(), conv(out, out))
    if raw:
        return Sum(nn.Sequential(norm, nn.ReLU(), *tail), conv(channels, out, 1, stride))
    return nn.Sequential(norm, nn.ReLU(), Sum(tail, conv(channels, out, 1, stride)))


def pre_block(net: Any, x: Tensor) -> Tensor:
    y = functional.relu(net.na(x))
    return net.b(functional.relu(net.nb(net.a(y)))) + net.c(x)  # type: ignore[no-any-return]


def pre_parts() -> dict[str, Any]:
    norms: dict[str, Any] = {"na": nn.BatchNorm2d(8), "nb": nn.BatchNorm2d(16)}
    return {**norms, "a": conv(8, 16, 3, 2), "b": conv(16, 16), "c": conv(8, 16, 1, 2)}


def pyramid(channels: int, out: int, stride: int) -> nn.Module:
    """A block of PyramidNet: no first activation, zeros after an average pool."""
    body = [nn.BatchNorm2d(channels), *normed(channels, out, 3, stride), nn.ReLU()]
    pool = nn.AvgPool2d(2, 2, ceil_mode=True) if stride > 1 else nn.Identity()
    zeros = Lambda(lambda x: functional.pad(x, (0, 0, 0, 0, 0, out - channels)))
    return Sum(nn.Sequential(*body, *normed(out, out)), nn.Sequential(pool, zeros))


def pyramid_block(net: Any, x: Tensor) -> Tensor:
    y = net.nb(net.b(functional.relu(net.na(net.a(net.n(x))))))
    pooled = functional.avg_pool2d(x, 2, ceil_mode=True)
    zeros = pooled.new_zeros(len(pooled), 8, *pooled.shape[2:])
    return y + torch.cat((pooled, zeros), 1)  # type: ignore[no-any-return]


def strided(shortcut: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A network whose block strides, and has this shortcut."""
    body = [conv(8, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU(), *normed(16, 16)]
    return lambda: residual_net(Sum(nn.Sequential(*body), shortcut(), nn.ReLU()), features=16)


def strided_written(
    shortcut: Callable[[Any, Tensor], Tensor], **parts: nn.Module
) -> Callable[[], nn.Module]:
    def block(net: Any, x: Tensor) -> Tensor:
        y = net.nb(net.b(functional.relu(net.na(net.a(x)))))
        return functional.relu(y + shortcut(net, x))

    norms: dict[str, Any] = {"na": nn.BatchNorm2d(16), "nb": nn.BatchNorm2d(16)}
    convs: dict[str, Any] = {"a": conv(8, 16, 3, 2), "b": conv(16, 16)}
    return lambda: written(block, 16, **norms, **convs, **parts)


SHORTCUTS: Final = {
    "projection without a norm": Habit(
        strided(lambda: conv(8, 16, 1, 2, bias=True)),
        strided_written(lambda net, x: net.c(x), c=conv(8, 16, 1, 2, bias=True)),
        ('projection: "1x1, no norm"',),
    ),
    "projection without norm and bias": Habit(
        strided(lambda: conv(8, 16, 1, 2)),
        strided_written(lambda net, x: net.c(x), c=conv(8, 16, 1, 2)),
        ('projection: "1x1, no norm", bias: false',),
    ),
    "projection of the raw input": Habit(
        lambda: nn.Sequential(
            conv(3, 8), pre_activated(8, 16, 2, raw=True), nn.BatchNorm2d(16), nn.ReLU(), *head(16)
        ),
        lambda: Forward(
            lambda net, x: net.fc(net.n(pre_block(net, net.s(x))).relu().mean((2, 3))),
            **pre_parts(),
            s=conv(3, 8),
            n=nn.BatchNorm2d(16),
            fc=nn.Linear(16, 5),
        ),
        ("projection_input: raw, order: pre",),
    ),
    "no final norm, behind a stem that is activated": Habit(
        lambda: nn.Sequential(
            *stem(), pre_activated(8, 16, 2, raw=False), pre_activated(16, 8, 2, raw=False), *head()
        ),
        lambda: written(pre_block, 16, **pre_parts()),
        ("3x3, 8, norm, relu", "order: pre, final_norm: false"),
    ),
    "average pool without ceil": Habit(
        strided(lambda: nn.Sequential(nn.AvgPool2d(2), *normed(8, 16, 1))),
        strided_written(
            lambda net, x: net.n(net.c(functional.avg_pool2d(x, 2, 2))),
            c=conv(8, 16, 1),
            n=nn.BatchNorm2d(16),
        ),
        ('projection: "average pool floor, 1x1"',),
    ),
    "max pool": Habit(
        strided(lambda: nn.Sequential(nn.MaxPool2d(2), *normed(8, 16, 1))),
        strided_written(
            lambda net, x: net.n(net.c(functional.max_pool2d(x, 2))),
            c=conv(8, 16, 1),
            n=nn.BatchNorm2d(16),
        ),
        ('projection: "max pool, 1x1"',),
    ),
    "padding as PyramidNet's": Habit(
        lambda: nn.Sequential(*normed(3, 8), pyramid(8, 12, 2), pyramid(12, 16, 1), *head(16)),
        lambda: nn.Sequential(
            *normed(3, 8),
            Forward(
                pyramid_block,
                n=nn.BatchNorm2d(8),
                a=conv(8, 16, 3, 2),
                na=nn.BatchNorm2d(16),
                b=conv(16, 16),
                nb=nn.BatchNorm2d(16),
            ),
            *head(16),
        ),
        ('shortcut: "average pool, padding"', "after: none", "[norm], [3x3, 16], [3x3, 16]"),
    ),
    "scaled body": Habit(
        lambda: residual_net(
            Sum(
                nn.Sequential(
                    *normed(8, 8), nn.ReLU(), *normed(8, 8), Lambda(lambda x: x.mul(0.1))
                ),
                after=nn.ReLU(),
            )
        ),
        lambda: written(scaled_body, **two()),
        ("[scale 0.1]",),
    ),
    "body with a learned scale": Habit(
        lambda: residual_net(Sum(nn.Sequential(*normed(8, 8), Learned()), after=nn.ReLU())),
        lambda: written(
            lambda net, x: functional.relu(x + net.s.alpha * net.na(net.a(x))),
            a=conv(8, 8),
            na=nn.BatchNorm2d(8),
            s=Learned(()),
        ),
        ("[learned scale]",),
    ),
    "shortcut with an activation of its own": Habit(
        strided(lambda: nn.Sequential(*normed(8, 16, 1, 2), nn.ReLU())),
        strided_written(
            lambda net, x: net.n(net.c(x)).relu(), c=conv(8, 16, 1, 2), n=nn.BatchNorm2d(16)
        ),
        ("[3x3, 16] + [1x1, 16, /2, relu]",),
    ),
    "norm after the addition": Habit(
        lambda: residual_net(
            *(Sum(nn.Sequential(*normed(8, 8), nn.ReLU(), conv(8, 8))), nn.BatchNorm2d(8)),
            *(nn.ReLU(), Sum(nn.Sequential(*normed(8, 8), nn.ReLU(), conv(8, 8)))),
            *(nn.BatchNorm2d(8), nn.ReLU()),
        ),
        lambda: written(
            lambda net, x: net.n(x + net.b(net.na(net.a(x)).relu())).relu(),
            a=conv(8, 8),
            na=nn.BatchNorm2d(8),
            b=conv(8, 8),
            n=nn.BatchNorm2d(8),
        ),
        ("[3x3, 8, no bias, no norm]", "after: none"),
    ),
}
