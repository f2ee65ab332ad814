"""Networks that no spec can express, for the tests that need some."""

from __future__ import annotations

from typing import Final

from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
    Identity,
    Layer,
    Linear,
    Network,
    Parallel,
    Residual,
    Shape,
    network,
    sequence,
)

IMAGE: Final = Shape(3, 12, 12)
CONV: Final = Conv(in_channels=3, out_channels=8, kernel=3, padding=1)
NORM: Final = BatchNorm(channels=8, eps=1e-5, momentum=0.1)


def _unit(before: int, after: int, kernel: int) -> tuple[Layer, Layer]:
    conv = Conv(in_channels=before, out_channels=after, kernel=kernel, padding=kernel // 2)
    return conv, BatchNorm(channels=after, eps=1e-5, momentum=0.1)


_INVERTED: Final = Residual(
    body=sequence(*_unit(8, 16, 1), Act("relu6"), *_unit(16, 16, 3), Act("relu6"), *_unit(16, 8, 1))
)
_CONV1: Final = Conv(in_channels=3, out_channels=4, kernel=1)
UNSUPPORTED: Final[dict[str, Network]] = {
    "linear bottleneck": network(IMAGE, CONV, NORM, _INVERTED, _INVERTED),
    "two convolutions without norm": network(
        IMAGE,
        Conv(in_channels=3, out_channels=8, kernel=3, padding=1, bias=True),
        Conv(in_channels=8, out_channels=8, kernel=3, padding=1, bias=True),
    ),
    "norm after the pool": network(
        IMAGE,
        *(CONV, NORM, Act("relu")),
        Residual(body=sequence(*_unit(8, 8, 3)), after=Act("relu")),
        *(AdaptivePool(), NORM, Flatten(), Linear(in_features=8, out_features=5)),
    ),
    "residual in a branch": network(
        IMAGE, Parallel((Residual(body=Conv(in_channels=3, out_channels=3, kernel=1)), _CONV1))
    ),
    "flatten in a shortcut": network(
        IMAGE,
        *(CONV, Act("relu")),
        Residual(
            body=sequence(AdaptivePool(side=2), Flatten(), Linear(in_features=32, out_features=8)),
            shortcut=sequence(AdaptivePool(), Flatten()),
        ),
    ),
    "branches without layers": network(IMAGE, CONV, Parallel((Identity(), Identity()))),
}
"""Legal networks: inverted bottlenecks (Sandler et al. 2018), convolutions alone, a norm in the
head, and others that nobody has published."""
