"""Each leaf as operators of ONNX, in evaluation mode."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    Attention,
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    Flatten,
    Identity,
    L2Normalize,
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
    Shape,
    Size,
    Softmax,
    ZeroPad,
)
from resnet_dsl.onnx_files.activations import add_activation
from resnet_dsl.onnx_files.arrays import standardized
from resnet_dsl.onnx_files.attention import add_attention
from resnet_dsl.onnx_files.graph import Graph
from resnet_dsl.onnx_files.norms import add_norm


def add_leaf(graph: Graph, leaf: Leaf, x: str, before: Size) -> str:
    """The name of what a leaf gives for the value `x`, which has this size at the network's own
    input."""
    match leaf:
        case Parameterless():
            return _without_parameters(graph, leaf, x, before)
        case Norm():
            return add_norm(graph, leaf, x)
        case Attention():
            return add_attention(graph, leaf, x)
        case Conv():
            return _convolution(graph, leaf, x)
        case Linear():
            bias = [graph.weight("bias")] if leaf.bias else []
            return graph.op("Gemm", x, graph.weight("weight"), *bias, transB=1)
        case PReLU():
            is_map = isinstance(before, Shape)
            return graph.op("PRelu", x, graph.by_channel("weight", is_map=is_map))
        case LearnedScale():
            return graph.op("Mul", x, graph.weight("weight"))
        case _:
            assert_never(leaf)


def _without_parameters(graph: Graph, leaf: Leaf, x: str, before: Size) -> str:
    match leaf:
        case Act():
            return add_activation(graph, leaf, x)
        case Pool():
            return _pool(graph, leaf, x)
        case AdaptivePool():
            assert isinstance(before, Shape)
            return _adaptive_pool(graph, leaf, x, before)
        case ZeroPad(before=first, after=last):
            return _padded(graph, x, [0, 0, first, first, 0, 0, last, last])
        case PadChannels(before=first, after=last):
            return _padded(graph, x, [0, first, 0, 0, 0, last, 0, 0])
        case BlurPool(stride=stride):
            assert isinstance(before, Shape)
            return _blurred(graph, x, stride, before.channels)
        case Flatten():
            return graph.op("Flatten", x, axis=1)
        case Dropout() | DropPath() | Identity():
            return x
        case Softmax(log=log):
            return graph.op("LogSoftmax" if log else "Softmax", x, axis=1)
        case Scale(factor=factor):
            return graph.op("Mul", x, graph.constant(factor))
        case Normalize(mean=mean, deviation=deviation):
            shape = (-1, 1, 1) if isinstance(before, Shape) else (-1,)
            centered = graph.op("Sub", x, graph.constant(mean, shape=shape))
            return graph.op("Div", centered, graph.constant(deviation, shape=shape))
        case L2Normalize():
            length = graph.op("ReduceL2", x, graph.integers(1), keepdims=1)
            return graph.op("Div", x, graph.op("Max", length, graph.constant(1e-12)))
        case Conv() | Linear() | Norm() | Attention() | PReLU() | LearnedScale():
            raise AssertionError(f"{leaf} has parameters")
        case _:
            assert_never(leaf)


def _convolution(graph: Graph, leaf: Conv, x: str) -> str:
    if leaf.standardization is not None:
        filters = standardized(graph.array("weight"), leaf.standardization)
        weight = graph.tensor(f"{graph.scope}.weight", filters)
    else:
        weight = graph.weight("weight")
    return graph.op(
        "Conv",
        x,
        weight,
        *([graph.weight("bias")] if leaf.bias else []),
        kernel_shape=[leaf.kernel] * 2,
        strides=[leaf.stride] * 2,
        pads=[leaf.padding] * 4,
        dilations=[leaf.dilation] * 2,
        group=leaf.groups,
    )


def _pool(graph: Graph, leaf: Pool, x: str) -> str:
    """Averages count the zeros that they pad with, as PyTorch does."""
    kind = "MaxPool" if leaf.kind == "max" else "AveragePool"
    counted = {} if leaf.kind == "max" else {"count_include_pad": 1}
    return graph.op(
        kind,
        x,
        kernel_shape=[leaf.kernel] * 2,
        strides=[leaf.stride] * 2,
        pads=[leaf.padding] * 4,
        ceil_mode=int(leaf.ceil),
        **counted,
    )


def _adaptive_pool(graph: Graph, leaf: AdaptivePool, x: str, before: Shape) -> str:
    if leaf.side == 1 and leaf.window in (None, "whole"):
        return graph.op("GlobalMaxPool" if leaf.kind == "max" else "GlobalAveragePool", x)
    if leaf.window is not None:
        side = before.height if leaf.window == "height" else before.width
        return _pool(graph, Pool(kind=leaf.kind, kernel=side, stride=side), x)
    for axis in (2, 3):
        x = _even_parts(graph, leaf, x, axis)
    return x


def _even_parts(graph: Graph, leaf: AdaptivePool, x: str, axis: int) -> str:
    """The averages or maxima over even parts of an axis: part i is from floor(i n / s) to
    ceil((i + 1) n / s), whatever the length n is."""
    reduce = "ReduceMax" if leaf.kind == "max" else "ReduceMean"
    length = graph.op("Shape", x, start=axis, end=axis + 1)
    parts = []
    for i in range(leaf.side):
        side = graph.integers(leaf.side)
        start = graph.op("Div", graph.op("Mul", length, graph.integers(i)), side)
        stop = graph.op("Mul", length, graph.integers(i + 1))
        stop = graph.op("Div", graph.op("Add", stop, graph.integers(leaf.side - 1)), side)
        part = graph.op("Slice", x, start, stop, graph.integers(axis))
        parts.append(graph.op(reduce, part, graph.integers(axis), keepdims=1))
    return graph.op("Concat", *parts, axis=axis)


def _padded(graph: Graph, x: str, pads: list[int], mode: str = "constant") -> str:
    """Pads before all four axes, then after them; onnxruntime's layouts need all of them."""
    value = [graph.constant(0.0)] if mode == "constant" else []
    return graph.op("Pad", x, graph.integers(*pads), *value, mode=mode)


def _blurred(graph: Graph, x: str, stride: int, channels: int) -> str:
    """A binomial filter over each channel of the reflected map."""
    line = [0.25, 0.5, 0.25]
    filter = [[[[a * b for b in line] for a in line]]] * channels
    weight = graph.tensor(f"{graph.scope}.filter", filter)
    reflected = _padded(graph, x, [0, 0, 1, 1, 0, 0, 1, 1], "reflect")
    return graph.op(
        "Conv", reflected, weight, kernel_shape=[3, 3], strides=[stride] * 2, group=channels
    )
