"""Models as files of ONNX, in float32 or in 8-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import onnx
import torch
from torch import Tensor

from resnet_dsl.answers.exported import Exported
from resnet_dsl.ir import Network, Normalize
from resnet_dsl.onnx_files.arrays import Array
from resnet_dsl.onnx_files.files import outputs, session, write_model
from resnet_dsl.onnx_files.model import onnx_model
from resnet_dsl.onnx_files.quantized import quantized
from resnet_dsl.pytorch.comparison import difference, free_sides, runs_of
from resnet_dsl.pytorch.fusing import arrays, fused_model
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.photographs import crops

MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)
"""Of the channels of ImageNet: images are normalized by them, where the network does not."""
_CROPS: Final = 128
"""Crops that decide the ranges of activations, and as many others that outputs are compared on."""
_BATCH: Final = 8


def graph_of(model: Net) -> onnx.ModelProto:
    """A model as a graph of ONNX."""
    name = model.built_from.name if model.built_from else None
    return onnx_model(model.network, arrays(model), name or "network")


def integer_graph(model: Net, batches: Sequence[Array]) -> onnx.ModelProto:
    """A model as a graph of ONNX in 8-bit integers, with ranges that batches of images decide."""
    return quantized(graph_of(fused_model(model)), batches)


def write_graph(model: Net, graph: onnx.ModelProto, path: Path) -> Exported:
    size = write_model(graph, path)
    runtime = session(path)
    runs = runs_of(model)
    worst = difference(model, lambda x: torch.from_numpy(outputs(runtime, x.numpy())), runs)
    return Exported(
        path=str(path),
        format="onnx",
        bytes=size,
        free=free_sides(model),
        difference=worst,
        runs=runs,
    )


def write_integers(model: Net, path: Path, images: str | Path) -> Exported:
    """The ranges of activations are of one half of the crops, the agreement of the other."""
    seen, unseen = _normalized_crops(images, model.network).chunk(2)
    batches = [batch.numpy() for batch in torch.split(seen, _BATCH)]
    size = write_model(integer_graph(model, batches), path)
    runtime = session(path)
    with torch.inference_mode():
        compared = torch.split(unseen, _BATCH)
        own = torch.cat([model(batch).argmax(1) for batch in compared])
        theirs = torch.cat(
            [torch.from_numpy(outputs(runtime, batch.numpy())).argmax(1) for batch in compared]
        )
    return Exported(
        path=str(path),
        format="onnx",
        bytes=size,
        free=free_sides(model),
        float_bytes=graph_of(model).ByteSize(),
        agreement=float((own == theirs).double().mean()),
        images=len(unseen),
    )


def _normalized_crops(images: str | Path, network: Network) -> Tensor:
    """Crops of photographs as the network takes them: with the mean and deviation of ImageNet,
    unless it normalizes images itself."""
    size = network.input
    batch = crops(images, size, count=2 * _CROPS)
    if isinstance(network.layers[0], Normalize):
        return batch
    mean, deviation = (torch.tensor(numbers).reshape(-1, 1, 1) for numbers in (MEAN, DEVIATION))
    if size.channels == 1:
        mean, deviation = mean.mean(0, keepdim=True), deviation.mean(0, keepdim=True)
    return (batch - mean) / deviation
