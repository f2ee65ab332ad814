"""Small networks with the attention, the heads and the sizes of real code, in two styles each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.pytorch.habits import Forward, Habit, Sum, conv, head, normed, residual_net, stem, two
from tests.pytorch.habits import written as written_block
from tests.pytorch.lifting import Lambda


class Squeeze(nn.Module):
    """Squeeze and excitation of linear layers, spread by `expand_as`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.pool, self.layers = nn.AdaptiveAvgPool2d(1), nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, _, _ = x.size()
        y: Tensor = self.layers(self.pool(x).view(batch, channels)).view(batch, channels, 1, 1)
        return x * y.expand_as(x)


class Excite(nn.Module):
    """Squeeze and excitation of 1x1 convolutions, broadcast."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), *layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.mul(self.layers(x), x)


def squeezed(
    modules: Callable[[], nn.Module], gate: Callable[[Any, Tensor], Tensor], line: str, **parts: Any
) -> Habit:
    """Attention behind the body of a block."""

    def block(net: Any, x: Tensor) -> Tensor:
        y = net.nb(net.b(functional.relu(net.na(net.a(x)))))
        return functional.relu(y * gate(net, y) + x)

    def built() -> nn.Module:
        return written_block(block, **two(**{name: part() for name, part in parts.items()}))

    def whole() -> nn.Module:
        body = nn.Sequential(*normed(8, 8), nn.ReLU(), *normed(8, 8), modules())
        return residual_net(Sum(body, after=nn.ReLU()))

    return Habit(whole, built, (line,))


class Cbam(nn.Module):
    """Woo et al. 2018: channels, then pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(conv(8, 4, 1), nn.ReLU(), conv(4, 8, 1))
        self.conv = conv(2, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        pools = functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.mlp(pools[0]) + self.mlp(pools[1]))
        maps = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        gate: Tensor = self.conv(maps).sigmoid()
        return x * gate


def cbam_gate(net: Any, x: Tensor) -> Tensor:
    def mlp(pool: Tensor) -> Tensor:
        return net.f2(functional.relu(net.f1(pool)))  # type: ignore[no-any-return]

    means, maxima = x.mean((2, 3), keepdim=True), torch.amax(x, (2, 3), keepdim=True)
    return torch.sigmoid(mlp(means) + mlp(maxima))


def after_addition() -> nn.Module:
    def squeeze() -> nn.Module:
        return Squeeze(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8), nn.Sigmoid())

    def block() -> nn.Module:
        return Sum(nn.Sequential(*normed(8, 8), nn.ReLU(), *normed(8, 8)), after=nn.ReLU())

    return residual_net(block(), squeeze(), block(), squeeze())


def after_written(net: Any, x: Tensor) -> Tensor:
    x = functional.relu(x + net.nb(net.b(functional.relu(net.na(net.a(x))))))
    y = torch.sigmoid(net.f2(functional.relu(net.f1(x.mean((2, 3))))))
    return x * y[:, :, None, None]


ATTENTION: Final = {
    "se of linear layers without biases": squeezed(
        lambda: Squeeze(
            nn.Linear(8, 2, bias=False), nn.ReLU(), nn.Linear(2, 8, bias=False), nn.Sigmoid()
        ),
        lambda net, x: torch.sigmoid(net.f2(torch.relu(net.f1(x.mean((2, 3))))))[:, :, None, None],
        "[se 2, fc, no bias]",
        f1=lambda: nn.Linear(8, 2, bias=False),
        f2=lambda: nn.Linear(2, 8, bias=False),
    ),
    "se of convolutions with another gate": squeezed(
        lambda: Excite(nn.Conv2d(8, 2, 1), nn.SiLU(), nn.Conv2d(2, 8, 1), nn.Hardsigmoid()),
        lambda net, x: functional.hardsigmoid(
            net.f2(functional.silu(net.f1(x.mean((2, 3), keepdim=True))))
        ),
        "[se 2, silu, gate hardsigmoid]",
        f1=lambda: nn.Conv2d(8, 2, 1),
        f2=lambda: nn.Conv2d(2, 8, 1),
    ),
    "se with a norm": squeezed(
        lambda: Excite(conv(8, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 8, 1), nn.Sigmoid()),
        lambda net, x: torch.sigmoid(
            net.f2(torch.relu(net.n(net.f1(functional.adaptive_avg_pool2d(x, 1)))))
        ),
        "[se 4, no bias, norm]",
        f1=lambda: conv(8, 4, 1),
        n=lambda: nn.BatchNorm2d(4),
        f2=lambda: conv(4, 8, 1),
    ),
    "cbam": squeezed(
        Cbam,
        cbam_gate,
        "[se 4, no bias, max pool]",
        f1=lambda: conv(8, 4, 1),
        f2=lambda: conv(4, 8, 1),
    ),
    "se after the addition": Habit(
        after_addition,
        lambda: written_block(after_written, **two(f1=nn.Linear(8, 2), f2=nn.Linear(2, 8))),
        ("[3x3, 8], [3x3, 8]", "[se 2, fc]"),
    ),
}


def with_head(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*stem(), *normed(8, 8), nn.ReLU(), *layers)


def ends(function: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> Callable[[], nn.Module]:
    def forward(net: Any, x: Tensor) -> Tensor:
        x = functional.relu(net.nb(net.b(functional.relu(net.na(net.a(x))))))
        return function(net, x)

    first = {"a": conv(3, 8), "na": nn.BatchNorm2d(8), "b": conv(8, 8), "nb": nn.BatchNorm2d(8)}
    return lambda: Forward(forward, **first, **parts)


def pooled() -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


class Normalized(nn.Module):
    """Images with the mean and the deviation of ImageNet."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


HEADS: Final = {
    "classifier without a bias": Habit(
        with_head(*pooled(), nn.Linear(8, 5, bias=False)),
        ends(lambda net, x: net.fc(x.flatten(2).mean(-1)), fc=nn.Linear(8, 5, bias=False)),
        ("5-d fc, no bias",),
    ),
    "sigmoid": Habit(
        with_head(*pooled(), nn.Linear(8, 5), nn.Sigmoid()),
        ends(lambda net, x: torch.sigmoid(net.fc(x.mean((2, 3)))), fc=nn.Linear(8, 5)),
        ("  - sigmoid",),
    ),
    "log softmax": Habit(
        with_head(*pooled(), nn.Linear(8, 5), nn.LogSoftmax(1)),
        ends(lambda net, x: net.fc(x.mean((2, 3))).log_softmax(dim=-1), fc=nn.Linear(8, 5)),
        ("  - log softmax",),
    ),
    "global max pool": Habit(
        with_head(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
        ends(lambda net, x: net.fc(x.amax(dim=(2, 3))), fc=nn.Linear(8, 5)),
        ("  - global max pool",),
    ),
    "average and maximum side by side": Habit(
        with_head(
            Lambda(
                lambda x: torch.cat(
                    [functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)], 1
                )
            ),
            *(nn.Flatten(), nn.Linear(16, 5)),
        ),
        ends(
            lambda net, x: net.fc(torch.cat((x.mean((2, 3)), x.amax((2, 3))), dim=1)),
            fc=nn.Linear(16, 5),
        ),
        ("  - average and max pool",),
    ),
    "norm of a vector": Habit(
        with_head(*pooled(), nn.BatchNorm1d(8), nn.Linear(8, 5, bias=False)),
        ends(
            lambda net, x: net.fc(net.neck(x.mean((2, 3)))),
            neck=nn.BatchNorm1d(8),
            fc=nn.Linear(8, 5, bias=False),
        ),
        ("  - flatten\n  - norm\n  - 5-d fc, no bias",),
    ),
    "several layers with norm and dropout": Habit(
        with_head(
            *(*pooled(), nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3)),
            nn.Linear(6, 5),
        ),
        ends(
            lambda net, x: net.f2(
                functional.dropout(
                    functional.relu(net.n(net.f1(x.mean((2, 3))))), 0.3, net.training
                )
            ),
            f1=nn.Linear(8, 6),
            n=nn.BatchNorm1d(6),
            f2=nn.Linear(6, 5),
        ),
        ("  - 6-d fc, linear\n  - norm\n  - relu\n  - dropout 0.3\n  - 5-d fc",),
    ),
    "embedding of unit length, scaled": Habit(
        with_head(*pooled(), nn.Linear(8, 5), Lambda(lambda x: functional.normalize(x) * 16)),
        ends(
            lambda net, x: 16.0 * functional.normalize(net.fc(x.mean((2, 3))), dim=1),
            fc=nn.Linear(8, 5),
        ),
        ("  - l2 normalize\n  - scale 16",),
    ),
    "norm without weights": Habit(
        with_head(nn.Flatten(), nn.Linear(8 * 32 * 32, 5), nn.BatchNorm1d(5, affine=False)),
        ends(
            lambda net, x: net.n(net.fc(x.reshape(len(x), -1))),
            fc=nn.Linear(8 * 32 * 32, 5),
            n=nn.BatchNorm1d(5, affine=False),
        ),
        ("  - batch norm, no affine",),
    ),
    "normalized images": Habit(
        lambda: nn.Sequential(Normalized(), *stem(), *normed(8, 8), nn.ReLU(), *head()),
        lambda: Forward(
            lambda net, x: net.net(x.sub(net.n.mean).div(net.n.std)),
            n=Normalized(),
            net=nn.Sequential(*stem(), *normed(8, 8), nn.ReLU(), *head()),
        ),
        ("  - normalize, mean 0.485 0.456 0.406, std 0.229 0.224 0.225",),
    ),
    "images from -1 to 1": Habit(
        lambda: nn.Sequential(
            Lambda(lambda x: x * 2 - 1), *stem(), *normed(8, 8), nn.ReLU(), *head()
        ),
        lambda: Forward(
            lambda net, x: net.net((x - 0.5) / 0.5),
            net=nn.Sequential(*stem(), *normed(8, 8), nn.ReLU(), *head()),
        ),
        ("  - normalize, mean 0.5, std 0.5",),
    ),
    "instance norm": Habit(
        lambda: nn.Sequential(
            *(conv(3, 8), nn.InstanceNorm2d(8, affine=True), nn.ReLU()),
            *(conv(8, 8), nn.InstanceNorm2d(8, affine=True), nn.ReLU(), *head()),
        ),
        lambda: Forward(
            lambda net, x: net.fc(net.nb(net.b(net.na(net.a(x)).relu())).relu().mean((2, 3))),
            a=conv(3, 8),
            na=nn.InstanceNorm2d(8, affine=True),
            b=conv(8, 8),
            nb=nn.InstanceNorm2d(8, affine=True),
            fc=nn.Linear(8, 5),
        ),
        ("norm: {kind: instance, affine: true}",),
    ),
    "layer norm": Habit(
        with_head(*pooled(), nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 5)),
        ends(
            lambda net, x: net.fc(net.n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).mean((2, 3))),
            n=nn.LayerNorm(8),
            fc=nn.Linear(8, 5),
        ),
        ("layer norm",),
    ),
    "dropout of channels": Habit(
        with_head(nn.Dropout2d(0.2), *pooled(), nn.Linear(8, 5)),
        ends(
            lambda net, x: net.fc(functional.dropout2d(x, 0.2, net.training).mean((2, 3))),
            fc=nn.Linear(8, 5),
        ),
        ("  - channel dropout 0.2",),
    ),
    "pool of the size of the map": Habit(
        with_head(
            Lambda(lambda x: functional.avg_pool2d(x, x.shape[2:])), nn.Flatten(), nn.Linear(8, 5)
        ),
        ends(
            lambda net, x: net.fc(functional.avg_pool2d(x, x.shape[2]).flatten(1)),
            fc=nn.Linear(8, 5),
        ),
        ("  - average pool, as window",),
    ),
    "layers that do nothing": Habit(
        with_head(
            *(nn.AvgPool2d(1), nn.Identity(), nn.Dropout(0.0), nn.ZeroPad2d(0), *pooled()),
            nn.Linear(8, 5),
        ),
        ends(
            lambda net, x: net.fc(torch.cat([functional.avg_pool2d(x, 1)], 1).mean((2, 3))),
            fc=nn.Linear(8, 5),
        ),
        ("  - average pool\n  - 5-d fc",),
    ),
}
