"""Files of weights, and what is checked of those that are lifted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet_dsl import build
from resnet_dsl.pytorch.carried_weights import carried
from resnet_dsl.sources.lifted import Lifted
from tests.pytorch.reference import image, shuffle_statistics

FORMATS = ("pth", "safetensors")


LARGE = {
    "input": "3x224x224",
    "stem": "7x7, 64, /2; 3x3 max pool, /2",
    "stride": "1, 2, 2, 2",
    "pad": "half the kernel",
    "norm": "batch, eps 1e-05, momentum 0.1",
    "activation": "relu",
    "weights": "plain",
    "antialias": "none",
    "output_stride": "as it strides",
    "drop_path": "0",
    "head": "average pool; 1000-d fc",
}


SMALL = {**LARGE, "input": "3x32x32", "stem": "3x3, 16", "stride": "1, 2, 2"}


BOTTLENECK = {**LARGE, "stride_on": "spatial"}


def saved(state: Mapping[str, object], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file({k: v.contiguous() for k, v in state.items() if isinstance(v, Tensor)}, path)
    else:
        torch.save(state, path)
    return path


def shuffled(model: nn.Module) -> nn.Module:
    shuffle_statistics(model)
    return model


def assert_choices(lifted: Lifted, expected: dict[str, str]) -> None:
    assert {actual.choice: actual.default for actual in lifted.undetermined} == expected


def assert_carries(model: nn.Module, lifted: Lifted) -> None:
    """The spec with the file's weights computes what the model does."""
    ours = build(lifted.network, init=False).eval()
    own = ours.state_dict()
    assert set(lifted.weights) == set(own)
    ours.load_state_dict(carried(lifted, model.state_dict()))
    x = image(2, *lifted.spec.input)
    with torch.no_grad():
        actual = model.eval()(x)
        assert torch.equal(ours(x), actual.logits if hasattr(actual, "logits") else actual)
