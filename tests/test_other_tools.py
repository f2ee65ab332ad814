"""Counts of others: of the libraries' own models, and what other tools print for the same network.

No tool is imported. What each counts is recomputed from the trace; what each prints was read there.
"""

from __future__ import annotations

import csv
from math import prod
from pathlib import Path

import pytest

from resnet_dsl import analyze, elaborate, load, loads
from resnet_dsl.folds.count import leaf_params, macs
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.folds.walk import Visit
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    Conv,
    Leaf,
    Linear,
    Pool,
    Sequence,
    Shape,
    Size,
)
from tests.specs import chosen

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "counting.md"
IMAGE = Shape(3, 224, 224)

# ---------------------------------------------------------------- models of libraries

with (ROOT / "tests" / "models.csv").open(encoding="utf-8") as file:
    MODELS = {row["spec"]: row for row in csv.DictReader(file)}
"""torchvision's and timm's models, counted with torch at the input of their weights."""


@pytest.mark.parametrize("source", chosen(MODELS))
def test_a_spec_costs_what_the_librarys_model_costs(source: str) -> None:
    known = MODELS[source]
    cost = analyze(source, known["input"]).cost
    assert (cost.params, cost.macs) == (int(known["params"]), int(known["macs"]))
    assert cost.blur_macs == int(known["blur_macs"] or 0)


# transformers' ResNetForImageClassification, counted with torch at 3x224x224. No spec says the last
# one, whose blocks keep ReLU inside: but activations cost nothing.
TRANSFORMERS = {
    "microsoft/resnet-18": ("extends: resnet18", 11_689_512, 1_814_073_344),
    "microsoft/resnet-26": ("extends: timm/resnet26", 15_995_176, 2_342_256_640),
    "microsoft/resnet-34": ("extends: resnet34", 21_797_672, 3_663_761_408),
    "microsoft/resnet-50": ("extends: resnet50", 25_557_032, 4_089_184_256),
    "microsoft/resnet-101": ("extends: resnet101", 44_549_160, 7_801_405_440),
    "microsoft/resnet-152": ("extends: resnet152", 60_192_808, 11_513_626_624),
    "resnet-50, downsample_in_bottleneck": (
        "extends: resnet50\nblock: {stride_on: first}",
        25_557_032,
        3_857_973_248,
    ),
    "resnet-50, downsample_in_first_stage": (
        "extends: resnet50\nstages: {conv2_x: {stride: 2}}",
        25_557_032,
        1_176_043_520,
    ),
    "resnet-50, hidden_act gelu": (
        "extends: resnet50\nblock: {activation: gelu}",
        25_557_032,
        4_089_184_256,
    ),
}


@pytest.mark.parametrize("model", TRANSFORMERS)
def test_a_spec_costs_what_transformers_model_costs(model: str) -> None:
    source, *known = TRANSFORMERS[model]
    cost = analyze(loads(source), IMAGE).cost
    assert [cost.params, cost.macs, cost.blur_macs] == [*known, 0]


# ---------------------------------------------------------------- other tools

PRINTED = {
    "fvcore": 4_111_512_576,
    "torchinfo": 4_089_238_376,
    "ptflops": 4_132_436_968,
    "pycls": 4_089_185_256,
    "`FlopCounterMode`": 8_178_368_512,
    "thop": 4_133_742_592,
    "torchstat": 4_118_537_216,
    "its MAdd": 8_219_637_272,
    "calflops, DeepSpeed": 8_211_108_352,
}
"""For torchvision's ResNet-50 at 3x224x224, with the versions that the document names; thop's is
counted again in tests/pytorch/test_counts.py."""


def steps(source: str) -> list[Visit[Size]]:
    return sized_visits(Sequence(elaborate(load(source)).layers), IMAGE)[0]


def entering(actual: list[Visit[Size]], *kinds: type[Leaf]) -> int:
    """How many elements enter the layers of some kinds."""
    return sum(prod(step.before) for step in actual if isinstance(step.node, kinds))


def biases(actual: list[Visit[Size]]) -> int:
    """Additions of biases: one for each number that a biased layer puts out."""
    return sum(
        prod(step.after)
        for step in actual
        if isinstance(step.node, Linear) or (isinstance(step.node, Conv) and step.node.bias)
    )


def last_calls(actual: list[Visit[Size]]) -> int:
    """Elements into the activations that come last in the stem and in each block."""
    return sum(
        prod(step.before)
        for step in actual
        if isinstance(step.node, Act) and (len(step.path) == 1 or step.path[-1] == "after")
    )


def table() -> list[list[str]]:
    """The table of the document, cell by cell."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("\n## What other tools print\n")[2]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def number(cell: str) -> int:
    return int(cell.replace(",", "") or 0)


def test_the_table_states_what_the_trace_shows() -> None:
    actual = steps("resnet50")
    assert {row[0]: number(row[1]) for row in table()[2:-1]} == {
        "MACs": macs(actual),
        "bias of the classifier": biases(actual),
        "elements out of convolutions": sum(
            prod(step.after) for step in actual if isinstance(step.node, Conv)
        ),
        "params of batch norms": sum(
            leaf_params(step.node) for step in actual if isinstance(step.node, BatchNorm)
        ),
        "elements into batch norms": entering(actual, BatchNorm),
        "elements into activations": entering(actual, Act),
        "of these, in the last call of a module": last_calls(actual),
        "elements into the max pool": entering(actual, Pool),
        "elements into the average pool": entering(actual, AdaptivePool),
        "elements out of the average pool": sum(
            prod(step.after) for step in actual if isinstance(step.node, AdaptivePool)
        ),
    }


def test_each_tool_prints_the_sum_of_what_it_counts() -> None:
    heading, _, *terms, prints = table()
    amounts = [number(row[1]) for row in terms]
    sums = {
        tool: sum(number(row[i]) * amount for row, amount in zip(terms, amounts, strict=True))
        for i, tool in enumerate(heading[2:], 2)
    }
    assert sums == PRINTED
    assert dict(zip(heading[2:], map(number, prints[2:]), strict=True)) == PRINTED


OTHERS = {  # thop, torchstat's Flops and MAdd, calflops and DeepSpeed
    "resnet18": (1_824_033_792, 1_821_399_040, 3_638_757_912, 3_636_250_112),
    "resnext50_32x4d": (4_288_184_320, 4_266_405_888, 8_512_088_088, 8_503_559_168),
    "vgg16_bn": (15_524_504_576, 15_530_584_064, 31_012_856_344, 31_000_873_472),
}
"""What these tools printed for torchvision's models at 3x224x224, in evaluation."""


@pytest.mark.parametrize("source", OTHERS)
def test_the_rules_of_four_tools_hold_for_other_networks(source: str) -> None:
    actual = steps(source)
    norms, conv_bias = entering(actual, BatchNorm), 0
    unbiased = features = 0
    for step in actual:
        if isinstance(step.node, Conv):
            conv_bias += prod(step.after) if step.node.bias else 0
            unbiased += 0 if step.node.bias else prod(step.after)
        features += prod(step.after) if isinstance(step.node, Linear) else 0
    is_vgg = source.startswith("vgg")  # each of its activations is a module of its own
    activations = entering(actual, Act)
    last = activations if is_vgg else last_calls(actual)
    pools = [step for step in actual if isinstance(step.node, Pool)]
    max_in, max_out = sum(prod(p.before) for p in pools), sum(prod(p.after) for p in pools)
    average_in = entering(actual, AdaptivePool)
    average_out = sum(prod(s.after) for s in actual if isinstance(s.node, AdaptivePool))
    window = sum(p.node.kernel**2 for p in pools if isinstance(p.node, Pool)) // len(pools)
    macs_of = macs(actual)
    assert OTHERS[source] == (
        macs_of + 4 * norms + average_in + average_out,
        macs_of + conv_bias + 2 * norms + last + max_in,
        2 * macs_of - unbiased - features + 4 * norms + last + (window - 1) * max_out,
        2 * macs_of + conv_bias + 2 * norms + activations + max_in + average_in,
    )


# The README of ptflops, version 0.6: GMacs at 3x224x224
PTFLOPS = {
    "alexnet": 0.72,
    "vgg11": 7.63,
    "vgg13": 11.34,
    "vgg16": 15.5,
    "vgg19": 19.67,
    "vgg11_bn": 7.64,
    "vgg13_bn": 11.36,
    "vgg16_bn": 15.53,
    "vgg19_bn": 19.7,
    "resnet18": 1.82,
    "resnet34": 3.68,
    "resnet50": 4.12,
    "resnet101": 7.85,
    "resnet152": 11.58,
}


def once(source: str) -> int:
    """What ptflops counted while it met activations and pools once."""
    actual = steps(source)
    others = 2 * entering(actual, BatchNorm) + entering(actual, Act, Pool, AdaptivePool)
    return macs(actual) + biases(actual) + others


@pytest.mark.parametrize("source", PTFLOPS)
def test_the_sum_of_what_ptflops_counts_was_published(source: str) -> None:
    assert round(once(source) / 1e9, 2) == PTFLOPS[source]
    assert round(analyze(source, IMAGE).macs / 1e9, 2) != PTFLOPS[source], "they show in the sum"


def test_the_document_says_what_ptflops_printed_before() -> None:
    assert once("resnet50") == 4_121_925_096
    assert "before, it printed 4,121,925,096" in DOCUMENT.read_text(encoding="utf-8")
