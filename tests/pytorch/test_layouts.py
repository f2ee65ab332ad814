"""Backbones in the checkpoints of well-known code, with heads, necks and queues beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from resnet_dsl import SpecError, build, lift_checkpoint
from resnet_dsl.sources.lifted import Lifted
from tests.pytorch.layouts import LAYOUTS, REFUSED_OR_LIFTS, Layout

_CLASSIFIER = re.compile(r"(?:^|\.)(?:head|new_fc|fc|linear|classifier|clf)\b")


def sampled() -> Iterator[Any]:
    """Every other layout in plain runs, all with --exhaustive."""
    for i, layout in enumerate(LAYOUTS):
        marks = pytest.mark.exhaustive if i % 2 else ()
        yield pytest.param(layout, marks=marks, id=layout.name)


@pytest.mark.parametrize("layout", list(sampled()))
def test_a_backbone_is_lifted_alone_or_by_the_option_that_is_named(
    layout: Layout, tmp_path: Path
) -> None:
    path = tmp_path / "w.pth"
    torch.save(layout.content(), path)
    try:
        lifted = lift_checkpoint(path)
    except SpecError as error:
        [fault] = error.diagnostics
        if layout.name in REFUSED_OR_LIFTS or not layout.parts:
            return
        assert fault.help == f"say which one: --weights-key {first_of(layout, fault.message)}"
        for part, blocks in zip(layout.parts, layout.blocks, strict=True):
            if part in fault.message:  # or else it has another name there
                assert_backbone(lift_checkpoint(path, prefix=part), layout, part, blocks)
        return
    parts = zip(layout.parts, layout.blocks, strict=True)
    names = set(lifted.weights.values())
    [(part, blocks)] = [(p, n) for p, n in parts if any(x.startswith(p) for x in names)][:1]
    assert_backbone(lifted, layout, part, blocks)
    assert not layout.ignored or any(remark.startswith("left out: ") for remark in lifted.remarks)


def first_of(layout: Layout, message: str) -> str:
    return min(layout.parts, key=lambda part: message.find(part) % len(message))


def assert_backbone(lifted: Lifted, layout: Layout, part: str, blocks: int) -> None:
    """It has its own blocks, nothing of what is beside it, and a model takes its weights."""
    rows = [row for stage in lifted.spec.stages.values() for row in stage.rows]
    assert sum(row.repeats for row in rows) == blocks
    names = set(lifted.weights.values())
    assert not names & set(layout.ignored)
    if layout.name in REFUSED_OR_LIFTS:
        return
    outside = [name for name in names if part and not name.startswith(f"{part}.")]
    assert all(_CLASSIFIER.search(name) for name in outside)
    assert set(lifted.weights) <= set(build(lifted.network, device="meta").state_dict())
