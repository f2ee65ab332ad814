"""Attention as classes with just the options that a network uses."""

from __future__ import annotations

from typing import Final

from resnet_dsl.emission.expressions import Symbol, Value, lines, with_values
from resnet_dsl.emission.layer_calls import activation, batch_norm
from resnet_dsl.ir import Act, BatchNorm, SpatialAttention, SqueezeExcite


def squeeze_excite(leaf: SqueezeExcite) -> str:
    """The class of a leaf; with a maximum, the channel attention of CBAM."""
    act = lines(activation(Act(leaf.act), in_place=True), f"self.{leaf.act} = ", "", 8)
    gate = lines(activation(Act(leaf.gate), in_place=False), "self.gate = ", "", 8)
    has_gate = leaf.gate != "sigmoid"
    bias = "" if leaf.bias else ", bias=False"
    fc1 = "self.fc1({}.flatten(1))" if leaf.linear else "self.fc1({})"
    excited = f"self.fc2(self.{leaf.act}({f'self.norm({fc1})' if leaf.norm else fc1}))"
    gated = "self.gate(weights)" if has_gate else "torch.sigmoid(weights)"
    forward = (_OF_MEAN_AND_MAXIMUM if leaf.max_pool else _OF_MEAN).format(
        of_mean=excited.format("mean"),
        of_maximum=excited.format("maximum"),
        gated=gated + ("[:, :, None, None]" if leaf.linear else ""),
    )
    return _SQUEEZE_EXCITE.format(
        doc=_WITH_MAXIMUM if leaf.max_pool else _WITH_MEAN,
        layer="nn.Linear" if leaf.linear else "nn.Conv2d",
        rest=bias if leaf.linear else f", 1{bias}",
        norm=_norm(leaf.norm, "hidden"),
        act="\n".join(act),
        gate="\n" + "\n".join(gate) if has_gate else "",
        forward=forward,
    )


def spatial_attention(leaf: SpatialAttention) -> str:
    """The class of a leaf: Woo et al. 2018, equation 3."""
    maps = ["x.mean(1, keepdim=True)", "x.amax(1, keepdim=True)"]
    return _SPATIAL_ATTENTION.format(
        bias=leaf.bias,
        norm=_norm(leaf.norm, 1),
        maps=", ".join(maps[::-1] if leaf.max_first else maps),
        weights="self.norm(self.conv(maps))" if leaf.norm else "self.conv(maps)",
    )


def _norm(norm: BatchNorm | None, channels: str | int) -> str:
    """The statement that makes a norm of as many channels, after the end of a line."""
    if norm is None:
        return ""
    number = Symbol(channels) if isinstance(channels, str) else channels
    call = with_values(
        batch_norm(norm), lambda value: Value(number, "") if value.role == "channels" else value
    )
    return "\n" + "\n".join(lines(call, "self.norm = ", "", 8))


_WITH_MEAN: Final = '"""`x * gate(W2 act(W1 mean(x)))`: Hu et al. 2018, section 3."""'
_WITH_MAXIMUM: Final = '''"""`x * gate(W2 act(W1 mean(x)) + W2 act(W1 max(x)))`.

    The channel attention of Woo et al. 2018, equation 2.
    """'''

_SQUEEZE_EXCITE: Final = """\
class SqueezeExcite(nn.Module):
    {doc}

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = {layer}(channels, hidden{rest}){norm}
{act}
        self.fc2 = {layer}(hidden, channels{rest}){gate}

    def forward(self, x: Tensor) -> Tensor:
{forward}
"""

_OF_MEAN: Final = """\
        mean = x.mean((2, 3), keepdim=True)
        weights = {of_mean}
        return x * {gated}"""

_OF_MEAN_AND_MAXIMUM: Final = """\
        mean, maximum = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        weights = {of_mean}
        weights = weights + {of_maximum}
        return x * {gated}"""

_SPATIAL_ATTENTION: Final = '''\
class SpatialAttention(nn.Module):
    """`x * sigmoid(conv([mean(x), max(x)]))`: Woo et al. 2018, equation 3."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias={bias}){norm}

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.cat([{maps}], 1)
        return x * torch.sigmoid({weights})
'''
