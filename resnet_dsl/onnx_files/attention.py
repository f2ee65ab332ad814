"""Attention as operators of ONNX."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.ir import (
    Act,
    EfficientChannelAttention,
    SpatialAttention,
    SqueezeExcite,
)
from resnet_dsl.onnx_files.activations import add_activation
from resnet_dsl.onnx_files.graph import Graph
from resnet_dsl.onnx_files.norms import add_norm


def add_attention(
    graph: Graph, leaf: SqueezeExcite | SpatialAttention | EfficientChannelAttention, x: str
) -> str:
    """The name of what an attention gives."""
    match leaf:
        case SqueezeExcite():
            return _squeeze_excite(graph, leaf, x)
        case SpatialAttention():
            return _spatial(graph, leaf, x)
        case EfficientChannelAttention():
            return _efficient(graph, leaf, x)
        case _:
            assert_never(leaf)


def _squeeze_excite(graph: Graph, leaf: SqueezeExcite, x: str) -> str:
    weights = _excited(graph, leaf, graph.op("GlobalAveragePool", x))
    if leaf.max_pool:
        maxima = _excited(graph, leaf, graph.op("GlobalMaxPool", x))
        weights = graph.op("Add", weights, maxima)
    gate = add_activation(graph, Act(leaf.gate), weights)
    if leaf.linear:
        gate = graph.op("Unsqueeze", gate, graph.integers(2, 3))
    return graph.op("Mul", x, gate)


def _excited(graph: Graph, leaf: SqueezeExcite, x: str) -> str:
    if leaf.linear:
        x = graph.op("Flatten", x, axis=1)
    x = _layer(graph, leaf, "fc1", x)
    if leaf.norm is not None:
        x = add_norm(graph, leaf.norm, x, "norm.")
    return _layer(graph, leaf, "fc2", add_activation(graph, Act(leaf.act), x))


def _layer(graph: Graph, leaf: SqueezeExcite, name: str, x: str) -> str:
    bias = [graph.weight(f"{name}.bias")] if leaf.bias else []
    weight = graph.weight(f"{name}.weight")
    if leaf.linear:
        return graph.op("Gemm", x, weight, *bias, transB=1)
    return graph.op("Conv", x, weight, *bias, kernel_shape=[1, 1])


def _spatial(graph: Graph, leaf: SpatialAttention, x: str) -> str:
    kinds = ["ReduceMean", "ReduceMax"]
    maps = [
        graph.op(kind, x, graph.integers(1), keepdims=1)
        for kind in (kinds[::-1] if leaf.max_first else kinds)
    ]
    bias = [graph.weight("conv.bias")] if leaf.bias else []
    weights = graph.op(
        "Conv",
        graph.op("Concat", *maps, axis=1),
        graph.weight("conv.weight"),
        *bias,
        kernel_shape=[leaf.kernel] * 2,
        pads=[leaf.kernel // 2] * 4,
    )
    if leaf.norm is not None:
        weights = add_norm(graph, leaf.norm, weights, "norm.")
    return graph.op("Mul", x, graph.op("Sigmoid", weights))


def _efficient(graph: Graph, leaf: EfficientChannelAttention, x: str) -> str:
    """A convolution over the means, one channel beside the other."""
    means = graph.op("ReduceMean", x, graph.integers(2, 3), keepdims=0)
    row = graph.op("Unsqueeze", means, graph.integers(1))
    padding = (leaf.kernel - 1) // 2
    weights = graph.op(
        "Conv", row, graph.weight("conv.weight"), kernel_shape=[leaf.kernel], pads=[padding] * 2
    )
    gate = graph.op("Unsqueeze", graph.op("Transpose", weights, perm=[0, 2, 1]), graph.integers(3))
    return graph.op("Mul", x, graph.op("Sigmoid", gate))
