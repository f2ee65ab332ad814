"""Weights of a source under our names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.naming import Naming, state_keys, stored_keys
from resnet_dsl.sources.lifted import LiftedNetwork


def carried(
    lifted: LiftedNetwork, state: Mapping[str, Tensor], naming: Naming = "torchvision"
) -> dict[str, Tensor]:
    """The source's tensors under a library's names; counters that it does not have begin at 0.

    Raises `NamingError` where the library has no such network.
    """
    network = lifted.network
    own = {tensor: key for key, tensor in state_keys(network).items()}
    renamed = {}
    for name, tensor in stored_keys(network, naming).items():
        if own[tensor] in lifted.weights:
            renamed[name] = state[lifted.weights[own[tensor]]]
        elif tensor.key == COUNTER:
            renamed[name] = torch.zeros((), dtype=torch.int64, device="cpu")
    return renamed
