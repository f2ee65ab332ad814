"""Activations as PyTorch's modules."""

from __future__ import annotations

from typing import assert_never

from torch import nn

from resnet_dsl.ir import Act


def activation_module(act: Act, *, in_place: bool) -> nn.Module:
    """The module of an activation, `in_place` where PyTorch has one that works so."""
    number = act.number
    match act.kind:
        case "relu":
            return nn.ReLU(inplace=in_place)
        case "relu6":
            return nn.ReLU6(inplace=in_place)
        case "leaky_relu":
            return nn.LeakyReLU(0.01 if number is None else number, inplace=in_place)
        case "elu":
            return nn.ELU(1.0 if number is None else number, inplace=in_place)
        case "celu":
            return nn.CELU(1.0 if number is None else number, inplace=in_place)
        case "selu":
            return nn.SELU(inplace=in_place)
        case "gelu":
            return nn.GELU()
        case "gelu_tanh":
            return nn.GELU("tanh")
        case "silu":
            return nn.SiLU(inplace=in_place)
        case "mish":
            return nn.Mish(inplace=in_place)
        case "hardswish":
            return nn.Hardswish(inplace=in_place)
        case "hardsigmoid":
            return nn.Hardsigmoid(inplace=in_place)
        case "softplus":
            return nn.Softplus()
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
        case _:
            assert_never(act.kind)
