"""Attention as Keras classes with just the options that a network uses."""

from __future__ import annotations

from typing import Final

from resnet_dsl.emission.expressions import lines
from resnet_dsl.emission.keras_activations import activation
from resnet_dsl.ir import Act, BatchNorm, SpatialAttention, SqueezeExcite


def squeeze_excite(leaf: SqueezeExcite) -> str:
    """The class of a leaf; with a maximum, the channel attention of CBAM."""
    act = lines(activation(Act(leaf.act)), f"self.{leaf.act} = ", "", 8)
    gate = lines(activation(Act(leaf.gate)), "self.gate = ", "", 8)
    excited = (
        f"self.fc2(self.{leaf.act}({'self.norm(self.fc1({}))' if leaf.norm else 'self.fc1({})'}))"
    )
    weights = excited.format("mean")
    if leaf.max_pool:
        maximum = "maximum = ops.max(x, axis=(1, 2), keepdims=True)\n        "
        weights = f"{weights}\n        weights = weights + {excited.format('maximum')}"
    return _SQUEEZE_EXCITE.format(
        doc=_WITH_MAXIMUM if leaf.max_pool else _WITH_MEAN,
        bias="" if leaf.bias else ", use_bias=False",
        norm=_norm(leaf.norm),
        act="\n".join(act),
        gate="\n".join(gate),
        maximum=maximum if leaf.max_pool else "",
        weights=weights,
    )


def spatial_attention(leaf: SpatialAttention) -> str:
    """The class of a leaf: Woo et al. 2018, equation 3."""
    names = ["mean", "maximum"]
    return _SPATIAL_ATTENTION.format(
        bias="" if leaf.bias else ", use_bias=False",
        norm=_norm(leaf.norm),
        maps=", ".join(names[::-1] if leaf.max_first else names),
        weights="self.norm(self.conv(maps))" if leaf.norm else "self.conv(maps)",
    )


def _norm(norm: BatchNorm | None) -> str:
    if norm is None:
        return ""
    momentum = 0.9 if norm.momentum is None else round(1 - norm.momentum, 12)
    options = f"momentum={momentum!r}, epsilon={norm.eps!r}"
    return f"\n        self.norm = layers.BatchNormalization({options})"


_WITH_MEAN: Final = '"""`x * gate(W2 act(W1 mean(x)))`: Hu et al. 2018, section 3."""'
_WITH_MAXIMUM: Final = '''"""`x * gate(W2 act(W1 mean(x)) + W2 act(W1 max(x)))`.

    The channel attention of Woo et al. 2018, equation 2.
    """'''

_SQUEEZE_EXCITE: Final = """\
class SqueezeExcite(layers.Layer):
    {doc}

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = layers.Dense(hidden{bias}){norm}
{act}
        self.fc2 = layers.Dense(channels{bias})
{gate}

    def call(self, x):
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        {maximum}weights = {weights}
        return x * self.gate(weights)
"""

_SPATIAL_ATTENTION: Final = '''\
class SpatialAttention(layers.Layer):
    """`x * sigmoid(conv([mean(x), max(x)]))`: Woo et al. 2018, equation 3."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = layers.Conv2D(1, kernel, padding="same"{bias}){norm}

    def call(self, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        maximum = ops.max(x, axis=-1, keepdims=True)
        maps = ops.concatenate([{maps}], axis=-1)
        return x * ops.sigmoid({weights})
'''
