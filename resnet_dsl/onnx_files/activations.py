"""Activations as operators of ONNX."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.ir import Act
from resnet_dsl.onnx_files.graph import Graph


def add_activation(graph: Graph, act: Act, x: str) -> str:
    """The name of what an activation gives."""
    number = act.number
    match act.kind:
        case "relu":
            return graph.op("Relu", x)
        case "relu6":
            return graph.op("Clip", x, graph.constant(0.0), graph.constant(6.0))
        case "leaky_relu":
            return graph.op("LeakyRelu", x, alpha=0.01 if number is None else float(number))
        case "elu":
            return graph.op("Elu", x, alpha=1.0 if number is None else float(number))
        case "celu":
            return graph.op("Celu", x, alpha=1.0 if number is None else float(number))
        case "selu":
            return graph.op("Selu", x)
        case "gelu":
            return graph.op("Gelu", x)
        case "gelu_tanh":
            return graph.op("Gelu", x, approximate="tanh")
        case "silu":
            return graph.op("Mul", x, graph.op("Sigmoid", x))
        case "mish":
            return graph.op("Mish", x)
        case "hardswish":
            return graph.op("HardSwish", x)
        case "hardsigmoid":
            return graph.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)
        case "softplus":
            return graph.op("Softplus", x)
        case "sigmoid":
            return graph.op("Sigmoid", x)
        case "tanh":
            return graph.op("Tanh", x)
        case _:
            assert_never(act.kind)
