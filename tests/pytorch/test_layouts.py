"""Backbones in the checkpoints of well-known code, with heads, necks and queues beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

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


# ---------------------------------------------------------------- what must not be left out


def resnet(seed: int, name: str = "cifar/resnet20") -> dict[str, Tensor]:
    return build(name, seed=seed).state_dict()


def under(scope: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{scope}.{key}": value for key, value in state.items()}


SPREAD: dict[str, tuple[dict[str, Tensor], str]] = {
    "a stage without shortcuts after the blocks": (
        {**resnet(0), "layer4.0.weight": torch.zeros(64, 64, 3, 3)},
        "layer4.0, …: layers beside the blocks that no reading takes",
    ),
    "a norm between the stem and the blocks": (
        {**resnet(0), "norm.weight": torch.zeros(16), "norm.bias": torch.zeros(16)},
        "norm: weights of a network that no spec can express",
    ),
    "a stem outside the scope that looks like a network": (
        {
            "conv_stem.weight": torch.zeros(16, 3, 3, 3),
            "blocks.0.0.dw.weight": torch.zeros(16, 1, 3, 3),
            "blocks.0.0.pw.weight": torch.zeros(16, 16, 1, 1),
            **under("blocks", {k: v for k, v in resnet(0).items() if k.startswith("layer")}),
        },
        "weights of a network that no spec can express",
    ),
}


@pytest.mark.parametrize(("state", "message"), SPREAD.values(), ids=list(SPREAD))
def test_layers_that_take_part_are_not_left_out(
    state: dict[str, Tensor], message: str, tmp_path: Path
) -> None:
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(SpecError, match=re.escape(message)):
        lift_checkpoint(tmp_path / "w.pth")


def test_no_classifier_is_read_after_a_norm_that_is_left_out(tmp_path: Path) -> None:
    neck = {"neck.weight": torch.ones(64), "neck.bias": torch.zeros(64)}
    torch.save({**resnet(0), **neck}, tmp_path / "w.pth")
    lifted = lift_checkpoint(tmp_path / "w.pth")
    assert not any(key.startswith("fc") for key in lifted.weights)
    assert "left out: 4 tensors: fc, neck" in lifted.remarks


@pytest.mark.parametrize(
    "content",
    [
        {"model": resnet(0), "net": resnet(1, "cifar/resnet32")},
        {"model": {"student": resnet(0), "teacher": resnet(1)}, "ema": resnet(2)},
        {**resnet(0), **under("other", resnet(1))},
    ],
)
def test_different_networks_are_no_copies(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(SpecError, match=r"holds [23] networks: "):
        lift_checkpoint(tmp_path / "w.pth")
