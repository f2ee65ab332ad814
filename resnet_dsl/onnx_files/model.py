"""A network with its weights as a model of ONNX: a fold that needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from resnet_dsl import ir
from resnet_dsl.folds.shape import sized_visits, takes_any_size
from resnet_dsl.folds.walk import Rules, walk
from resnet_dsl.ir import LayerPath, Leaf, Network, Size, Vector
from resnet_dsl.naming import leaf_names
from resnet_dsl.onnx_files.arrays import Array
from resnet_dsl.onnx_files.graph import Graph, Side
from resnet_dsl.onnx_files.layers import add_leaf

if TYPE_CHECKING:
    import onnx


def onnx_model(network: Network, weights: Mapping[str, Array], name: str) -> onnx.ModelProto:
    """The model of a network in evaluation mode, from `input` to `output`.

    `weights` are the tensors of its state dict in torchvision's naming. The size of the batch is
    free, that of the image where the network takes images of any size. Auxiliary classifiers are
    left out.
    """
    layers = ir.Sequence(network.layers)
    visits, after = sized_visits(layers, network.input)
    sizes = {visit.path: visit.before for visit in visits}
    modules = leaf_names(network)
    graph = Graph(weights)

    def leaf(leaf: Leaf, value: str, path: LayerPath) -> str:
        graph.scope = modules.get(path, "network")
        return add_leaf(graph, leaf, value, sizes[path])

    def add(body: str, shortcut: str, path: LayerPath) -> str:
        graph.scope = f"add_{'_'.join(map(str, path))}"
        return graph.op("Add", body, shortcut)

    def concatenate(branches: list[str], path: LayerPath) -> str:
        graph.scope = f"concat_{'_'.join(map(str, path))}"
        return graph.op("Concat", *branches, axis=1)

    _, output = walk(layers, "input", Rules(leaf, add, concatenate))
    free = takes_any_size(network)
    return graph.model(name, _sides(network.input, free), output, _sides(after, free, "output_"))


def _sides(size: Size, free: bool, prefix: str = "") -> list[Side]:
    if isinstance(size, Vector):
        return ["batch", *size]
    height, width = (f"{prefix}height", f"{prefix}width") if free else size[1:]
    return ["batch", size.channels, height, width]
