"""Files of weights with the names of other people's code."""

from __future__ import annotations

from pathlib import Path

import pytest

from resnet_dsl import build, elaborate, lift_checkpoint, load, loads, recover
from tests.pytorch.checkpoints import (
    FORMATS,
    assert_choices,
    saved,
)
from tests.pytorch.naming_styles import STYLES, renamed


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
