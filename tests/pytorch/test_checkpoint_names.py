"""Files of weights with the names of other people's code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from resnet_dsl import build, elaborate, lift_checkpoint, load, loads, recover
from resnet_dsl.pytorch.carried_weights import carried
from resnet_dsl.pytorch.lift.weight_files import read
from tests.pytorch.checkpoints import FORMATS, assert_choices, saved, shuffled
from tests.pytorch.naming_styles import STYLES, renamed
from tests.pytorch.reference import image


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("suffix", FORMATS)
def test_files_with_other_names_become_specs(tmp_path: Path, style: str, suffix: str) -> None:
    source, names, open_choices = STYLES[style]
    spec = loads(source) if "\n" in source else load(source)
    expected = {key: renamed(key, names) for key in build(spec, init=False).state_dict()}
    state = {expected[k]: v for k, v in build(spec, seed=0).state_dict().items()}
    lifted = lift_checkpoint(saved(state, tmp_path / f"w.{suffix}"))
    assert lifted.spec == recover(elaborate(spec))
    assert lifted.weights == expected
    if suffix == "safetensors":
        open_choices = {**open_choices, "order": "that of the names"}
    assert_choices(lifted, open_choices)


BIT: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"^stem\.conv", "resnet.root_block.standardized_CONV"),
    (
        r"^stages\.(\d)\.blocks\.(\d+)\.",
        lambda m: f"resnet.block{int(m[1]) + 1}.unit{int(m[2]) + 1:02d}.",
    ),
    (r"downsample\.conv", "a.proj.standardized_CONV"),
    (r"conv(\d)", lambda m: f"{'abc'[int(m[1]) - 1]}.standardized_CONV"),
    (r"norm(\d)", lambda m: f"{'abc'[int(m[1]) - 1]}.group_norm"),
    (r"^norm", "resnet.group_norm"),
    (r"^head\.fc", "resnet.head.CONV"),
    (r"CONV\.weight", "conv2d.kernel"),
    (r"norm\.weight", "norm.gamma"),
    (r"norm\.bias", "norm.beta"),
    ("CONV", "conv2d"),
    (r"\.", "/"),
]
"""The names of Google's BiT, from its published files: timm 1.0.31 reads them in `resnetv2`."""


def test_arrays_of_bit_are_read_by_tensorflows_names(tmp_path: Path) -> None:
    model = shuffled(timm.create_model("resnetv2_50x1_bit", num_classes=7))
    arrays = {}
    for key, value in model.state_dict().items():
        name = key
        for pattern, replacement in BIT:
            name = re.sub(pattern, replacement, name)
        arrays[name] = (value.permute(2, 3, 1, 0) if value.dim() == 4 else value).numpy()
    assert "resnet/block1/unit01/a/proj/standardized_conv2d/kernel" in arrays
    np.savez(tmp_path / "bit.npz", **arrays)
    checkpoint = read(tmp_path / "bit.npz")
    ours = build(checkpoint.lifted.network, init=False).eval()
    ours.load_state_dict(carried(checkpoint.lifted, checkpoint.state))
    x = image(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(x), model.eval()(x))
