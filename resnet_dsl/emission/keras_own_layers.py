"""Layers that Keras lacks or computes otherwise than PyTorch, as classes with the options used."""

from __future__ import annotations

from typing import Final

CONVOLUTION_DOCS: Final = {
    "Conv2D": "A convolution with `pad` zeros at each side, where Keras pads one side more.",
    "StandardizedConv2D": "A convolution whose filters have mean 0 and variance 1.",
}

CONVOLUTION: Final = '''\
class {name}(layers.Conv2D):
    """{doc}"""

    def __init__(self, filters: int, kernel: int, pad: int = 0, **options) -> None:
        start = {initializer}
        super().__init__(filters, kernel, **{{"kernel_initializer": start, **options}})
        self.pad = pad

    def call(self, x):
        sides = (self.pad, self.pad)
        return super().call(ops.pad(x, ((0, 0), sides, sides, (0, 0))))

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        padded = (side and side + 2 * self.pad for side in sides)
        return super().compute_output_shape((batch, *padded, channels))
{filters}'''

STANDARDIZED: Final = """
    def convolution_op(self, inputs, kernel):
        mean = ops.mean(kernel, axis=(0, 1, 2))
        {formula}
        return super().convolution_op(inputs, filters)
"""

FILTERS: Final = {
    "batch_norm": """\
variance = ops.var(kernel, axis=(0, 1, 2))
        filters = (kernel - mean) / ops.sqrt(variance + {eps})""",
    "variance": """\
variance = ops.var(kernel, axis=(0, 1, 2))
        filters = (kernel - mean) / ops.sqrt(variance + {eps})""",
    "deviation": """\
count = kernel.shape[0] * kernel.shape[1] * kernel.shape[2]
        variance = ops.var(kernel, axis=(0, 1, 2)) * count / (count - 1)
        filters = (kernel - mean) / (ops.sqrt(variance) + {eps})""",
}

DENSE: Final = '''\
class Dense(layers.Dense):
    """A fully connected layer."""

    def __init__(self, units: int, use_bias: bool = True) -> None:
        start = {initializer}
        super().__init__(units, use_bias=use_bias, kernel_initializer=start)
'''

BATCH_NORM: Final = '''\
class BatchNorm(layers.BatchNormalization):
    """A batch norm with the momentum and the epsilon that PyTorch has by default."""

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        **options,
    ) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, **options)
'''

EVO_NORM: Final = '''\
class EvoNorm(layers.Layer):
    """`x * sigmoid(v * x) / std(x) * weight + bias`: Liu et al. 2020, table 2.

    The deviation is that of a group of channels.
    """

    def __init__(
        self,
        channels: int,
        groups: int,
        eps: float,
        gamma_initializer: str = "ones",
    ) -> None:
        super().__init__()
        self.groups = groups
        self.eps = eps
        self.weight = self.add_weight((channels,), gamma_initializer, name="weight")
        self.bias = self.add_weight((channels,), "zeros", name="bias")
        self.v = self.add_weight((channels,), "ones", name="v")

    def call(self, x):
        _, height, width, channels = x.shape
        size = channels // self.groups
        groups = ops.reshape(x, (-1, height, width, self.groups, size))
        variance = ops.var(groups, axis=(1, 2, 4), keepdims=True)
        deviation = ops.sqrt(variance + self.eps) * ops.ones_like(groups)
        deviation = ops.reshape(deviation, (-1, height, width, channels))
        return x * ops.sigmoid(x * self.v) / deviation * self.weight + self.bias
'''

FILTER_RESPONSE_NORM: Final = '''\
class FilterResponseNorm(layers.Layer):
    """`max(x / sqrt(mean(x^2) + eps) * weight + bias, tau)`.

    Singh and Krishnan 2020, section 3; the mean is that of a channel's map.
    """

    def __init__(
        self,
        channels: int,
        eps: float,
        gamma_initializer: str = "ones",
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = self.add_weight((channels,), gamma_initializer, name="weight")
        self.bias = self.add_weight((channels,), "zeros", name="bias")
        self.tau = self.add_weight((channels,), "zeros", name="tau")

    def call(self, x):
        power = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
        normal = x * ops.rsqrt(power + self.eps) * self.weight + self.bias
        return ops.maximum(normal, self.tau)
'''

LEARNED_SCALE: Final = '''\
class LearnedScale(layers.Layer):
    """`weight * x`, with one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = self.add_weight((), "ones", name="weight")

    def call(self, x):
        return x * self.weight
'''

PRELU: Final = '''\
class PReLU(layers.Layer):
    """`max(x, 0) + weight * min(x, 0)`: He et al. 2015, section 2.1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        start = keras.initializers.Constant(0.25)
        self.weight = self.add_weight((channels,), start, name="weight")

    def call(self, x):
        return ops.maximum(x, 0.0) + self.weight * ops.minimum(x, 0.0)
'''

CHANNEL_ATTENTION: Final = '''\
class EfficientChannelAttention(layers.Layer):
    """`x * sigmoid(conv(mean(x)))`, over neighbouring channels: Wang et al. 2020."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = layers.Conv1D(1, kernel, padding="same", use_bias=False)

    def call(self, x):
        mean = ops.expand_dims(ops.mean(x, axis=(1, 2)), 2)
        weights = ops.transpose(self.conv(mean), (0, 2, 1))
        return x * ops.sigmoid(ops.expand_dims(weights, 1))
'''

BLUR_POOL: Final = '''\
class BlurPool(layers.Layer):
    """A binomial 3x3 filter over each channel, then a stride: Zhang 2019."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def call(self, x):
        line = ops.convert_to_tensor([0.25, 0.5, 0.25], dtype=x.dtype)
        square = ops.reshape(ops.outer(line, line), (3, 3, 1, 1))
        filters = ops.tile(square, (1, 1, x.shape[-1], 1))
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        return ops.depthwise_conv(x, filters, strides=self.stride)
'''

PAD_CHANNELS: Final = '''\
class PadChannels(layers.Layer):
    """Channels of zeros before and after those of the input.

    Option A of He et al. 2015, section 3.3.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def call(self, x):
        return ops.pad(x, ((0, 0), (0, 0), (0, 0), (self.before, self.after)))
'''

DROP_PATH: Final = '''\
class DropPath(layers.Layer):
    """In training the map of each image is zeroed at a rate, and the others scaled.

    The stochastic depth of Huang et al. 2016.
    """

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.seeds = keras.random.SeedGenerator()

    def call(self, x, training=False):
        if not training or self.drop_path == 0:
            return x
        drawn = keras.random.uniform((ops.shape(x)[0], 1, 1, 1), seed=self.seeds)
        kept = ops.cast(drawn >= self.drop_path, x.dtype)
        return x * kept / (1 - self.drop_path)
'''

NORMALIZE: Final = '''\
class Normalize(layers.Layer):
    """`(x - mean) / deviation`, by channels."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.mean = mean
        self.deviation = deviation

    def call(self, x):
        mean = ops.convert_to_tensor(self.mean, dtype=x.dtype)
        return (x - mean) / ops.convert_to_tensor(self.deviation, dtype=x.dtype)
'''

L2_NORMALIZE: Final = '''\
class L2Normalize(layers.Layer):
    """`x / max(|x|, 1e-12)`, over features or channels."""

    def call(self, x):
        length = ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))
        return x / ops.maximum(length, 1e-12)
'''

WINDOW_POOL: Final = '''\
class WindowPool(layers.Layer):
    """The {kind} over windows of the size of a side of the map."""

    def call(self, x):
        return ops.{kind}_pool(x, x.shape[{axis}])
'''

ADAPTIVE_POOL: Final = '''\
class Adaptive{name}Pool(layers.Layer):
    """The {kind} of each channel over `side` x `side` even parts of the map."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def call(self, x):
        for axis in (1, 2):
            size = x.shape[axis]
            starts = [i * size // self.side for i in range(self.side)]
            stops = [-(-(i + 1) * size // self.side) for i in range(self.side)]
            parts = [
                ops.take(x, range(start, stop), axis=axis)
                for start, stop in zip(starts, stops, strict=True)
            ]
            parts = [ops.{function}(part, axis=axis, keepdims=True) for part in parts]
            x = ops.concatenate(parts, axis=axis)
        return x
'''


def pool(name: str, kind: str, *, ceil: bool) -> str:
    """The class of a pool that pads, or keeps partial windows."""
    zero = "" if kind == "average" else ', constant_values=-float("inf")'
    result = _COUNTED if kind == "average" else _MAXIMUM
    return _POOL.format(
        name=name,
        kind=kind,
        what=_LAST_PARTIAL if ceil else _ALL_WHOLE,
        zero=zero,
        rest=(_PARTIAL if ceil else _WHOLE).format(kind=kind, zero=zero, result=result),
    )


_ALL_WHOLE: Final = "with `pad` rows and columns at each side"
_LAST_PARTIAL: Final = "of which the last may be partial"
_POOL: Final = '''\
class {name}(layers.Layer):
    """The {kind} over windows, {what}."""

    def __init__(self, kernel: int, strides: int, pad: int = 0) -> None:
        super().__init__()
        self.kernel = kernel
        self.strides = strides
        self.pad = pad

    def call(self, x):
        sides = (self.pad, self.pad)
        x = ops.pad(x, ((0, 0), sides, sides, (0, 0)){zero})
{rest}'''

_WHOLE: Final = """\
        return ops.{kind}_pool(x, self.kernel, self.strides)
"""

_PARTIAL: Final = '''\
        beyond = ((0, 0), *map(self.beyond, x.shape[1:3]), (0, 0))
        whole = ops.pad(x, beyond{zero})
        {result}

    def beyond(self, size: int) -> tuple[int, int]:
        """The rows that a last window needs after a padded side."""
        steps = -(-(size - self.kernel) // self.strides)
        if steps * self.strides >= size - self.pad:
            steps -= 1
        return 0, max(steps * self.strides + self.kernel - size, 0)
'''

_COUNTED: Final = """\
ones = ops.pad(ops.ones_like(x), beyond)
        pooled = ops.average_pool(whole, self.kernel, self.strides)
        return pooled / ops.average_pool(ones, self.kernel, self.strides)"""
_MAXIMUM: Final = "return ops.max_pool(whole, self.kernel, self.strides)"
