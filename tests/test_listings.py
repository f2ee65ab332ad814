"""Layer by layer: kernels, channels, strides, padding and sizes as in published listings."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from resnet_dsl import load
from resnet_dsl.elaboration import elaboration_of
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.folds.walk import Visit
from resnet_dsl.ir import Conv, LayerPath, Pool, Shape, Size

FOLDER = Path(__file__).parent / "listings"


def listed(step: Visit[Size], stage: str, block: str) -> list[str] | None:
    """A step as a line of the listing; projections have none."""
    if "shortcut" in step.path:
        return None
    match step.node, step.before, step.after:
        case Conv() as conv, Shape(height=before), Shape(height=after):
            numbers = (conv.kernel, conv.in_channels, conv.out_channels, conv.stride, conv.padding)
            return [stage, block, "conv", *map(str, (*numbers, before, after))]
        case Pool() as pool, Shape(channels, before, _), Shape(_, after, _):
            numbers = (pool.kernel, channels, channels, pool.stride, pool.padding)
            # the paper draws the stem's pool as the head of the first stage
            return ["conv2_x", "", "maxpool", *map(str, (*numbers, before, after))]
        case _:
            return None


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
def test_layers_agree_with_the_listing(name: str) -> None:
    actual = elaboration_of(load(name))
    stages = {
        i: (stage, i - r.layers.start + 1) for stage, r in actual.stages.items() for i in r.layers
    }
    size: Size = actual.network.input
    lines = []
    for i, layer in enumerate(actual.network.layers):
        stage, number = stages.get(i, ("conv1", 0))
        visits, size = sized_visits(layer, size, LayerPath((i,)))
        steps = (listed(visit, stage, str(number or "")) for visit in visits)
        lines += [line for line in steps if line]
    with (FOLDER / f"{name}_224.csv").open(newline="") as file:
        _, *expected = csv.reader(file)
    assert lines == expected
    assert len(expected) == int(name.removeprefix("resnet"))  # one pool more, one fc less
