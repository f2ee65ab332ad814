"""Each leaf as PyTorch source: the constructor of its layer."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.emission.expressions import Call, Value
from resnet_dsl.emission.layer_calls import activation, batch_norm, convolution, keyword
from resnet_dsl.emission.own_layers import own_layer
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    Attention,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    Flatten,
    GroupNorm,
    Identity,
    InstanceNorm,
    L2Normalize,
    LayerNorm,
    Leaf,
    LearnedScale,
    Linear,
    Norm,
    Normalize,
    PadChannels,
    Parameterless,
    Pool,
    PReLU,
    Scale,
    Softmax,
    ZeroPad,
)
from resnet_dsl.ir.kinds import ActiveNorm


def torch_layer(leaf: Leaf, *, in_place: bool) -> Call:
    """The constructor of a leaf's layer; `OwnLayer`s are called by their names."""
    own = own_layer(leaf)
    if own is not None:
        return own.call
    match leaf:
        case Conv():
            return convolution(leaf)
        case BatchNorm():
            return batch_norm(leaf)
        case InstanceNorm(channels=channels, eps=eps, affine=affine):
            further = (keyword("eps", eps, 1e-5), keyword("affine", affine, False))
            return Call("nn.InstanceNorm2d", (Value(channels, "channels"),), further)
        case LayerNorm(channels=channels, eps=eps):
            return Call(
                "nn.LayerNorm", (Value(channels, "channels"),), (keyword("eps", eps, 1e-5),)
            )
        case GroupNorm(channels=channels, groups=groups, eps=eps):
            sizes = (Value(groups, "groups"), Value(channels, "channels"))
            return Call("nn.GroupNorm", sizes, (keyword("eps", eps, 1e-5),))
        case PReLU(channels=channels):
            return Call("nn.PReLU", (Value(channels, "channels"),))
        case Linear(in_features=i, out_features=o, bias=bias):
            sizes = (Value(i, "in_features"), Value(o, "out_features"))
            return Call("nn.Linear", sizes, (keyword("bias", bias, True),))
        case Parameterless():
            return _without_parameters(leaf, in_place=in_place)
        case ActiveNorm() | Attention() | LearnedScale():
            raise AssertionError(f"{leaf} has a class of its own")
        case _:
            assert_never(leaf)


def _without_parameters(leaf: Leaf, *, in_place: bool) -> Call:
    match leaf:
        case Act():
            return activation(leaf, in_place=in_place)
        case Pool(kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            function = "nn.MaxPool2d" if leaf.kind == "max" else "nn.AvgPool2d"
            further = (
                keyword("stride", stride),
                keyword("padding", padding, 0),
                keyword("ceil_mode", ceil, False),
            )
            return Call(function, (Value(kernel, "kernel"),), further)
        case AdaptivePool(kind=kind, side=side):
            function = "nn.AdaptiveAvgPool2d" if kind == "average" else "nn.AdaptiveMaxPool2d"
            return Call(function, (Value(side, "side"),))
        case ZeroPad(before=before, after=after):
            return Call("nn.ZeroPad2d", (Value((before, after) * 2, "padding"),))
        case Dropout(p=p, of_channels=of_channels):
            return Call("nn.Dropout2d" if of_channels else "nn.Dropout", (Value(p, "dropout"),))
        case Softmax(log=log):
            return Call("nn.LogSoftmax" if log else "nn.Softmax", (), (keyword("dim", 1),))
        case BlurPool() | PadChannels() | DropPath() | Scale() | Normalize() | L2Normalize():
            raise AssertionError(f"{leaf} has a class of its own")
        case Flatten() | Identity():
            raise AssertionError(f"{leaf} has no module")
        case Conv() | Linear() | Norm() | Attention() | PReLU() | LearnedScale():
            raise AssertionError(f"{leaf} has parameters")
        case _:
            assert_never(leaf)
