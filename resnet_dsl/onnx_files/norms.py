"""Norms as operators of ONNX, with their running statistics."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.ir import (
    AnyNorm,
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
)
from resnet_dsl.onnx_files.graph import Graph


def add_norm(graph: Graph, norm: AnyNorm, x: str, key: str = "") -> str:
    """The name of what a norm gives; `key` is before those of its tensors."""
    match norm:
        case BatchNorm():
            return _batch_norm(graph, norm, x, key)
        case InstanceNorm(channels=channels, eps=eps, affine=affine):
            weight = graph.weight("weight") if affine else graph.constant([1.0] * channels)
            bias = graph.weight("bias") if affine else graph.constant([0.0] * channels)
            return graph.op("InstanceNormalization", x, weight, bias, epsilon=eps)
        case GroupNorm():
            normal = _normalized(graph, x, norm.groups, norm.eps)
            return _affine(graph, normal)
        case LayerNorm(of_vectors=True, eps=eps):
            tensors = graph.weight("weight"), graph.weight("bias")
            return graph.op("LayerNormalization", x, *tensors, epsilon=eps, axis=-1)
        case LayerNorm(eps=eps):
            last = graph.op("Transpose", x, perm=[0, 2, 3, 1])
            tensors = graph.weight("weight"), graph.weight("bias")
            normal = graph.op("LayerNormalization", last, *tensors, epsilon=eps, axis=-1)
            return graph.op("Transpose", normal, perm=[0, 3, 1, 2])
        case EvoNorm():
            return _evo_norm(graph, norm, x)
        case FilterResponseNorm(eps=eps):
            power = graph.op("Mul", x, x)
            mean = graph.op("ReduceMean", power, graph.integers(2, 3), keepdims=1)
            root = graph.op("Sqrt", graph.op("Add", mean, graph.constant(eps)))
            scaled = _affine(graph, graph.op("Div", x, root))
            return graph.op("Max", scaled, graph.by_channel("tau"))
        case _:
            assert_never(norm)


def _batch_norm(graph: Graph, norm: BatchNorm, x: str, key: str) -> str:
    if norm.affine:
        weight, bias = graph.weight(f"{key}weight"), graph.weight(f"{key}bias")
    else:
        weight = graph.constant([1.0] * norm.channels)
        bias = graph.constant([0.0] * norm.channels)
    statistics = graph.weight(f"{key}running_mean"), graph.weight(f"{key}running_var")
    return graph.op("BatchNormalization", x, weight, bias, *statistics, epsilon=norm.eps)


def _affine(graph: Graph, x: str) -> str:
    return graph.op("Add", graph.op("Mul", x, graph.by_channel("weight")), graph.by_channel("bias"))


def _normalized(graph: Graph, x: str, groups: int, eps: float) -> str:
    """`(x - mean) / sqrt(var + eps)` over groups of channels, as the norm of instances that have a
    group for a channel."""
    shape = graph.op("Shape", x)
    flat = graph.op("Reshape", x, graph.integers(0, groups, -1))
    ones, zeros = graph.constant([1.0] * groups), graph.constant([0.0] * groups)
    normal = graph.op("InstanceNormalization", flat, ones, zeros, epsilon=eps)
    return graph.op("Reshape", normal, shape)


def _evo_norm(graph: Graph, norm: EvoNorm, x: str) -> str:
    """`x * sigmoid(v * x) / std(x) * weight + bias`."""
    gate = graph.op("Sigmoid", graph.op("Mul", x, graph.by_channel("v")))
    gated = graph.op("Mul", x, gate)
    flat = graph.op("Reshape", x, graph.integers(0, norm.groups, -1))
    centered = graph.op("Sub", flat, graph.op("ReduceMean", flat, graph.integers(2), keepdims=1))
    squares = graph.op("Mul", centered, centered)
    variance = graph.op("ReduceMean", squares, graph.integers(2), keepdims=1)
    deviation = graph.op("Sqrt", graph.op("Add", variance, graph.constant(norm.eps)))
    grouped = graph.op(
        "Div", graph.op("Reshape", gated, graph.integers(0, norm.groups, -1)), deviation
    )
    return _affine(graph, graph.op("Reshape", grouped, graph.op("Shape", x)))
