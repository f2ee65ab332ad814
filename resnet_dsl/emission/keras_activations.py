"""Activations as layers of Keras."""

from __future__ import annotations

from typing import Final

from resnet_dsl.emission.expressions import Call, Code, Keyword
from resnet_dsl.emission.layer_calls import keyword
from resnet_dsl.ir import Act, ActKind

_ACTIVATIONS: Final[dict[ActKind, str]] = {
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "hardswish": "hard_silu",
    "hardsigmoid": "hard_sigmoid",
    "softplus": "softplus",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


def activation(act: Act) -> Call:
    """The layer of an activation."""
    number = 1.0 if act.number is None else float(act.number)
    match act.kind:
        case "relu":
            return Call("layers.ReLU")
        case "relu6":
            return Call("layers.ReLU", (), (Keyword("max_value", Code("6.0")),))
        case "leaky_relu":
            slope = 0.01 if act.number is None else number
            return Call("layers.LeakyReLU", (), (keyword("negative_slope", slope),))
        case "elu":
            return Call("layers.ELU", (), (keyword("alpha", number, 1.0),))
        case "celu":
            text = f"lambda x: keras.activations.celu(x, alpha={number!r})"
            return Call("layers.Activation", (Code(text),))
        case "gelu_tanh":
            text = "lambda x: keras.activations.gelu(x, approximate=True)"
            return Call("layers.Activation", (Code(text),))
        case _:
            return Call("layers.Activation", (Code(f'"{_ACTIVATIONS[act.kind]}"'),))
