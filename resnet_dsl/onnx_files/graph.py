"""A graph of ONNX, node by node: what the layers of a network are written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from resnet_dsl.onnx_files.arrays import Array

OPSET: Final = 20
"""The set of operators: of 2023, the first with Gelu; onnxruntime has it since 1.17."""
_IR_VERSION: Final = 9
Side: TypeAlias = int | str
"""A length, or the name of one that is free."""


class Graph:
    """Nodes in the order of computation. Each method gives the name of a value.

    `weights` are the tensors of the network by their keys, `scope` the name of the layer whose
    nodes are added.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: dict[str, Array] = {}
        self.scope = "network"

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node."""
        name = f"{self.scope}/{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def array(self, key: str) -> Array:
        """A tensor of the layer."""
        return self._weights[f"{self.scope}.{key}"]

    def weight(self, key: str) -> str:
        """A tensor of the layer, under its name in the state dict."""
        return self.tensor(f"{self.scope}.{key}", self.array(key))

    def by_channel(self, key: str, *, is_map: bool = True) -> str:
        """A tensor with a number for each channel, as it multiplies a map."""
        shape = (-1, 1, 1) if is_map else (-1,)
        return self.tensor(f"{self.scope}.{key}", self.array(key).reshape(shape))

    def tensor(self, name: str, value: Any) -> str:
        """An array of float32 under a name."""
        self._tensors[name] = np.ascontiguousarray(value, np.float32)
        return name

    def constant(self, value: Any, shape: Sequence[int] = ()) -> str:
        """Numbers that are no weights; equal ones are one."""
        array = np.asarray(value, np.float32)
        return self._shared(array.reshape(shape) if shape else array)

    def integers(self, *values: int) -> str:
        """A vector of whole numbers."""
        return self._shared(np.asarray(values, np.int64))

    def _shared(self, array: Array) -> str:
        for name, known in self._tensors.items():
            if name.startswith("constant_") and _equal(known, array):
                return name
        name = f"constant_{len(self._tensors)}"
        self._tensors[name] = array
        return name

    def model(
        self, name: str, input: Sequence[Side], output: str, output_shape: Sequence[Side]
    ) -> onnx.ModelProto:
        """The model whose graph gives an output."""
        nodes = [*self._nodes, helper.make_node("Identity", [output], ["output"], name="output")]
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(input))],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, list(output_shape))],
            [numpy_helper.from_array(array, key) for key, array in self._tensors.items()],
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(
            graph, opset_imports=[opset], producer_name="resnet-dsl", ir_version=_IR_VERSION
        )


def _equal(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())
