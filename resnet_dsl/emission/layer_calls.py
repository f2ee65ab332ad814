"""Constructors of the layers that occur by themselves and inside of others."""

from __future__ import annotations

from types import EllipsisType
from typing import Final

from resnet_dsl.emission.expressions import Call, Keyword, Literal, Value
from resnet_dsl.ir import Act, ActKind, BatchNorm, Conv

_ACTIVATIONS: Final[dict[ActKind, str]] = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "gelu": "GELU",
    "gelu_tanh": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid",
    "softplus": "Softplus",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
}
_NEVER_IN_PLACE: Final = {"gelu", "gelu_tanh", "softplus", "sigmoid", "tanh"}
_NUMBERS: Final[dict[str, tuple[str, float]]] = {
    "leaky_relu": ("negative_slope", 0.01),
    "elu": ("alpha", 1.0),
    "celu": ("alpha", 1.0),
}
"""The argument of an activation's number, and PyTorch's value."""


def keyword(name: str, value: Literal, default: Literal | EllipsisType = ...) -> Keyword:
    """An argument by name, which is its role."""
    return Keyword(name, Value(value, name), default)


def convolution(leaf: Conv, function: str = "nn.Conv2d") -> Call:
    """`nn.Conv2d`, or a class with the same arguments."""
    sizes = (
        Value(leaf.in_channels, "in_channels"),
        Value(leaf.out_channels, "out_channels"),
        Value(leaf.kernel, "kernel"),
    )
    further = (
        keyword("stride", leaf.stride, 1),
        keyword("padding", leaf.padding, 0),
        keyword("dilation", leaf.dilation, 1),
        keyword("groups", leaf.groups, 1),
        keyword("bias", leaf.bias, True),
    )
    return Call(function, sizes, further)


def batch_norm(leaf: BatchNorm) -> Call:
    """`nn.BatchNorm2d`, or that of vectors."""
    further = (
        keyword("eps", leaf.eps, 1e-5),
        keyword("momentum", leaf.momentum, 0.1),
        keyword("affine", leaf.affine, True),
    )
    function = "nn.BatchNorm1d" if leaf.of_vectors else "nn.BatchNorm2d"
    return Call(function, (Value(leaf.channels, "channels"),), further)


def activation(act: Act, *, in_place: bool) -> Call:
    """The module of an activation, `inplace` where PyTorch has one that works so."""
    further = []
    if act.kind in _NUMBERS:
        name, default = _NUMBERS[act.kind]
        number = default if act.number is None else float(act.number)
        further.append(keyword(name, number, default))
    if act.kind == "gelu_tanh":
        further.append(keyword("approximate", "tanh"))
    if act.kind not in _NEVER_IN_PLACE:
        further.append(keyword("inplace", in_place, False))
    return Call(f"nn.{_ACTIVATIONS[act.kind]}", (), tuple(further))
