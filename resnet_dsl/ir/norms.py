"""The norms of the layer algebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from resnet_dsl.ir.kinds import ActiveNorm, Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(Norm):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over a batch: Ioffe and Szegedy 2015.

    `momentum` is the weight of the new batch in the running statistics, as PyTorch counts it; None
    weighs all batches alike. `affine` norms have a weight and a bias. `of_vectors` normalizes the
    features of a vector, not the channels of a map.
    """

    channels: int
    eps: float
    momentum: float | None
    affine: bool = True
    of_vectors: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm(Norm):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over groups of channels: Wu and He 2018."""

    channels: int
    groups: int
    eps: float

    def __post_init__(self) -> None:
        assert self.channels % self.groups == 0, self


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNorm(Norm):
    """`(x - mean) / sqrt(var + eps)` over the map of each channel: Ulyanov et al. 2016.

    `affine` norms have a weight and a bias for each channel.
    """

    channels: int
    eps: float
    affine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNorm(Norm):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over the channels of each pixel, or over the
    features of a vector: Ba et al. 2016."""

    channels: int
    eps: float
    of_vectors: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvoNorm(ActiveNorm):
    """EvoNorm-S0, `x * sigmoid(v * x) / std(x) * weight + bias`: Liu et al. 2020, table 2.

    The deviation is that of a group of channels. It normalizes and activates.
    """

    channels: int
    groups: int
    eps: float

    def __post_init__(self) -> None:
        assert self.channels % self.groups == 0, self


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterResponseNorm(ActiveNorm):
    """`max(x / sqrt(mean(x^2) + eps) * weight + bias, tau)`: Singh and Krishnan 2020, §3.

    The mean is that of a channel's map. It normalizes and activates.
    """

    channels: int
    eps: float


AnyNorm: TypeAlias = BatchNorm | GroupNorm | InstanceNorm | LayerNorm | EvoNorm | FilterResponseNorm
