"""Layers that PyTorch has no module for, as classes with just the options that a network uses.

They compute what `resnet_dsl.pytorch` computes, operation by operation: tests compare outputs with
`torch.equal`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from resnet_dsl.emission.attention_layers import spatial_attention, squeeze_excite
from resnet_dsl.emission.expressions import Call, Literal, Value
from resnet_dsl.emission.layer_calls import convolution, keyword
from resnet_dsl.ir import (
    AdaptivePool,
    BlurPool,
    Conv,
    DropPath,
    EfficientChannelAttention,
    EvoNorm,
    FilterResponseNorm,
    L2Normalize,
    LayerNorm,
    Leaf,
    LearnedScale,
    Normalize,
    PadChannels,
    Scale,
    SpatialAttention,
    SqueezeExcite,
    Standardization,
)


class OwnLayer(NamedTuple):
    """A call of a layer's class, and the source of the class."""

    call: Call
    source: str

    @classmethod
    def of(cls, name: str, source: str, **arguments: Literal) -> OwnLayer:
        """A class that is given its arguments in order, by their roles."""
        positional = tuple(Value(value, role) for role, value in arguments.items())
        return cls(Call(name, positional), source)


_own: Final = OwnLayer.of


def own_layer(leaf: Leaf) -> OwnLayer | None:
    """The class of a leaf that PyTorch has no module for, and its call; None for all others."""
    match leaf:
        case Conv(standardization=Standardization() as standardization):
            source = _STANDARDIZED.format(filters=_filters(standardization))
            return OwnLayer(convolution(leaf, "StandardizedConv2d"), source)
        case LayerNorm(of_vectors=False):
            further = (keyword("eps", leaf.eps, 1e-5),)
            call = Call("ChannelLayerNorm", (Value(leaf.channels, "channels"),), further)
            return OwnLayer(call, _CHANNEL_LAYER_NORM)
        case EvoNorm(channels=channels, groups=groups, eps=eps):
            return _own("EvoNorm", _EVO_NORM, channels=channels, groups=groups, eps=eps)
        case FilterResponseNorm(channels=channels, eps=eps):
            return _own("FilterResponseNorm", _FILTER_RESPONSE_NORM, channels=channels, eps=eps)
        case LearnedScale():
            return _own("LearnedScale", _LEARNED_SCALE)
        case SqueezeExcite(channels=channels, hidden=hidden):
            return _own("SqueezeExcite", squeeze_excite(leaf), channels=channels, hidden=hidden)
        case SpatialAttention(kernel=kernel):
            return _own("SpatialAttention", spatial_attention(leaf), kernel=kernel)
        case EfficientChannelAttention(kernel=kernel):
            return _own("EfficientChannelAttention", _CHANNEL_ATTENTION, kernel=kernel)
        case BlurPool(stride=stride):
            return _own("BlurPool", _BLUR_POOL, stride=stride)
        case PadChannels(before=before, after=after):
            return _own("PadChannels", _PAD_CHANNELS, before=before, after=after)
        case DropPath(p=p):
            return _own("DropPath", _DROP_PATH, drop_path=p)
        case Scale(factor=factor):
            return _own("Scale", _SCALE, factor=factor)
        case Normalize(mean=mean, deviation=deviation):
            return _own("Normalize", _NORMALIZE, mean=mean, deviation=deviation)
        case L2Normalize():
            return _own("L2Normalize", _L2_NORMALIZE)
        case AdaptivePool(kind=kind, window=str() as window):
            function = "avg_pool2d" if kind == "average" else "max_pool2d"
            source = _WINDOW_POOL.format(kind=kind, function=function, window=_SIDES[window])
            return _own("WindowPool", source)
        case _:
            return None


_SIDES: Final = {"whole": "x.shape[2:]", "height": "x.shape[2]", "width": "x.shape[3]"}
"""What the window of a pool over a whole map is, by its name."""


def _filters(standardization: Standardization) -> str:
    return _FILTERS[standardization.formula].format(eps=repr(standardization.eps))


_FILTERS: Final = {
    "batch_norm": """\
        filters = self.weight.reshape(1, self.out_channels, -1)
        filters = nn.functional.batch_norm(
            filters, None, None, training=True, momentum=0.0, eps={eps}
        )
        filters = filters.reshape_as(self.weight)""",
    "variance": """\
        variance, mean = torch.var_mean(
            self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False
        )
        filters = (self.weight - mean) / torch.sqrt(variance + {eps})""",
    "deviation": """\
        mean = self.weight.mean(1, True).mean(2, True).mean(3, True)
        centered = self.weight - mean
        deviation = centered.flatten(1).std(1).reshape(-1, 1, 1, 1) + {eps}
        filters = centered / deviation.expand_as(centered)""",
}

_STANDARDIZED: Final = '''\
class StandardizedConv2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1: Qiao et al. 2019."""

    def forward(self, x: Tensor) -> Tensor:
{filters}
        result: Tensor = self._conv_forward(x, filters, self.bias)
        return result
'''

_CHANNEL_LAYER_NORM: Final = '''\
class ChannelLayerNorm(nn.LayerNorm):
    """A layer norm over the channels of each pixel: Ba et al. 2016."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
'''

_EVO_NORM: Final = '''\
class EvoNorm(nn.Module):
    """`x * sigmoid(v * x) / std(x) * weight + bias`: Liu et al. 2020, table 2.

    The deviation is that of a group of channels.
    """

    def __init__(self, channels: int, groups: int, eps: float) -> None:
        super().__init__()
        self.groups = groups
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.v = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, v = (p[:, None, None] for p in (self.weight, self.bias, self.v))
        batch, channels, height, width = x.shape
        groups = x.reshape(batch, self.groups, channels // self.groups, height, width)
        variance = groups.var((2, 3, 4), unbiased=False, keepdim=True)
        deviation = (variance + self.eps).sqrt().expand_as(groups).reshape(x.shape)
        return x * torch.sigmoid(x * v) / deviation * weight + bias
'''

_FILTER_RESPONSE_NORM: Final = '''\
class FilterResponseNorm(nn.Module):
    """`max(x / sqrt(mean(x^2) + eps) * weight + bias, tau)`.

    Singh and Krishnan 2020, section 3; the mean is that of a channel's map.
    """

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.tau = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        parameters = (self.weight, self.bias, self.tau)
        weight, bias, tau = (p[:, None, None] for p in parameters)
        power = x.square().mean((2, 3), keepdim=True)
        return torch.maximum(x * torch.rsqrt(power + self.eps) * weight + bias, tau)
'''

_LEARNED_SCALE: Final = '''\
class LearnedScale(nn.Module):
    """`weight * x`, with one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
'''

_CHANNEL_ATTENTION: Final = '''\
class EfficientChannelAttention(nn.Module):
    """`x * sigmoid(conv(mean(x)))`, over neighbouring channels: Wang et al. 2020."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.conv(x.mean((2, 3)).unsqueeze(1))
        return x * torch.sigmoid(weights).transpose(1, 2).unsqueeze(3)
'''

_BLUR_POOL: Final = '''\
class BlurPool(nn.Module):
    """A binomial 3x3 filter over each channel, then a stride: Zhang 2019."""

    filter: Tensor

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        square = torch.outer(line, line)[None, None]
        self.register_buffer("filter", square, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        filters = self.filter.expand(channels, 1, 3, 3)
        x = nn.functional.pad(x, (1, 1, 1, 1), "reflect")
        return nn.functional.conv2d(x, filters, stride=self.stride, groups=channels)
'''

_PAD_CHANNELS: Final = '''\
class PadChannels(nn.Module):
    """Channels of zeros before and after those of the input.

    Option A of He et al. 2015, section 3.3.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, 0, 0, 0, self.before, self.after))
'''

_DROP_PATH: Final = '''\
class DropPath(nn.Module):
    """In training the map of each image is zeroed at a rate, and the others scaled.

    The stochastic depth of Huang et al. 2016.
    """

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return x
        kept = x.new_empty(len(x), 1, 1, 1).bernoulli_(1 - self.drop_path)
        return x * kept.div_(1 - self.drop_path)
'''

_SCALE: Final = '''\
class Scale(nn.Module):
    """`factor * x`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor
'''

_NORMALIZE: Final = '''\
class Normalize(nn.Module):
    """`(x - mean) / deviation`, by channels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.dim() - 2))
        return (x - self.mean.reshape(shape)) / self.deviation.reshape(shape)
'''

_L2_NORMALIZE: Final = '''\
class L2Normalize(nn.Module):
    """`x / max(|x|, 1e-12)`, over features or channels."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x)
'''

_WINDOW_POOL: Final = '''\
class WindowPool(nn.Module):
    """The {kind} over the whole map, computed as a window of its size."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.{function}(x, {window})
'''
