"""Networks that no spec can express, for the tests that need some."""

from __future__ import annotations

from typing import Final

from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
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


_CONV1: Final = Conv(in_channels=3, out_channels=4, kernel=1)
_CONV8: Final = Conv(in_channels=8, out_channels=8, kernel=1)
UNSUPPORTED: Final[dict[str, Network]] = {
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
    "branches in a branch": network(
        IMAGE, CONV, Parallel((Parallel((_CONV8, _CONV8)), sequence(_CONV8, Act("relu"))))
    ),
}
"""Legal networks: residual blocks and branches inside of branches, vectors that are added."""
