"""A model without the batch norms after its convolutions."""

from __future__ import annotations

import torch

from resnet_dsl.folds.fused import fused
from resnet_dsl.onnx_files.arrays import Array
from resnet_dsl.onnx_files.fused_weights import fused_weights
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.sources.resolve import Resolved


def fused_model(model: Net) -> Net:
    """A model without batch norms after convolutions; in evaluation it computes the same."""
    reduced = fused(model.network)
    tensors = fused_weights(model.network, reduced, arrays(model))
    result = build_model(Resolved(reduced.network), init=False, device="cpu", dtype="float32")
    result.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
    return result.eval()


def arrays(model: Net) -> dict[str, Array]:
    """The tensors of a model on the CPU, by name."""
    return {key: value.detach().numpy() for key, value in model.state_dict().items()}
