"""Published numbers, each with its source; none of them was computed here."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from resnet_dsl import analyze, load, loads


@dataclass(frozen=True)
class Known:
    name: str
    layers: int
    params: int
    macs: int


# params: torchvision's documentation of its weights. macs: convolutions and fully connected layers
# at 3x224x224; torch's FlopCounterMode prints twice as many.
TORCHVISION = [
    Known("resnet18", 18, 11_689_512, 1_814_073_344),
    Known("resnet34", 34, 21_797_672, 3_663_761_408),
    Known("resnet50", 50, 25_557_032, 4_089_184_256),
    Known("resnet101", 101, 44_549_160, 7_801_405_440),
    Known("resnet152", 152, 60_192_808, 11_513_626_624),
    Known("resnext50_32x4d", 50, 25_028_904, 4_230_479_872),
    Known("resnext101_32x8d", 101, 88_791_336, 16_414_015_488),
    Known("resnext101_64x4d", 101, 83_455_272, 15_460_270_080),
    Known("wide_resnet50_2", 50, 68_883_240, 11_398_021_120),
    Known("wide_resnet101_2", 101, 126_886_696, 22_753_050_624),
]


@pytest.mark.parametrize("known", TORCHVISION, ids=lambda known: known.name)
def test_counts_agree_with_torchvision(known: Known) -> None:
    actual = analyze(known.name)
    assert (actual.layers, actual.params, actual.macs) == (known.layers, known.params, known.macs)


# He et al. 2015, Table 1, last row: multiply-adds x 10^9, with the stride at the first 1x1
PAPER = {
    "paper/resnet18-B": (1.8, 1_814_073_344),
    "paper/resnet50": (3.8, 3_857_973_248),
    "paper/resnet101": (7.6, 7_570_194_432),
    "paper/resnet152": (11.3, 11_282_415_616),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_strides_give_the_papers_flops(name: str) -> None:
    published, exact = PAPER[name]
    actual = analyze(name).macs
    assert actual == exact
    assert actual == pytest.approx(published * 1e9, rel=0.02)


def test_the_papers_34_layers_pad_their_shortcuts() -> None:
    """Table 1 says 3.6 x 10^9: option A, whose shortcuts cost nothing."""
    spec = loads("extends: resnet34\nblock: {shortcut: padding}")
    assert analyze(spec).macs == pytest.approx(3.64e9, abs=0.005e9)
    assert analyze("paper/plain34").macs == analyze(spec).macs


# He et al. 2015, Table 6: millions of params
CIFAR = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7, 1202: 19.4}


@pytest.mark.parametrize("depth", CIFAR)
def test_cifar_networks_have_the_papers_params(depth: int) -> None:
    actual = analyze(f"cifar/resnet{depth}")
    assert actual.layers == depth
    digits = 1 if depth > 100 else 2
    assert round(actual.params / 1e6, digits) == CIFAR[depth]


def test_cifar_params_to_the_unit() -> None:
    assert analyze("cifar/resnet20").params == 269_722
    assert analyze("cifar/resnet1202").params == 19_421_274


# He et al. 2015, Table 1; Simonyan and Zisserman 2015, table 1; Krizhevsky et al. 2012, §3.5;
# Szegedy et al. 2015, §5, "22 layers deep when counting only layers with parameters"; LeCun et al.
# 1998, §II.B, without its subsampling: the layers of the names
LAYERS = {f"resnet{depth}": depth for depth in (18, 34, 50, 101, 152)}
LAYERS |= {f"vgg{depth}": depth for depth in (11, 13, 16, 19)}
LAYERS |= {f"vgg{depth}_bn": depth for depth in (11, 13, 16, 19)}
LAYERS |= {"lenet5": 5, "alexnet": 8, "googlenet": 22}
LAYERS |= {f"cifar/preact_resnet{depth}": depth for depth in (110, 164, 1001)}
LAYERS |= {"cifar/resnext29_8x64d": 29, "paper/preact_resnet200": 200}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_counted_by_the_papers_rule(name: str) -> None:
    assert analyze(name).layers == LAYERS[name]


# millions of params. Zagoruyko and Komodakis 2016, table 4; Xie et al. 2017, table 7; He et al.
# 2016, table 4
MILLIONS = {
    "cifar/wrn28_10": 36.5,
    "cifar/resnext29_8x64d": 34.4,
    "cifar/preact_resnet110": 1.7,
    "cifar/preact_resnet164": 1.7,
}


@pytest.mark.parametrize("name", MILLIONS)
def test_cifar_variants_have_their_papers_params(name: str) -> None:
    assert round(analyze(name).params / 1e6, 1) == MILLIONS[name]


def test_shortcuts_and_attention_are_counted_by_hand() -> None:
    """A projection from i to o channels has i x o weights and a norm's 2 x o."""
    blocks = {64: 3, 128: 4, 256: 6, 512: 3}
    changing = sum(c // 2 * c + 2 * c for c in (128, 256, 512))
    staying = sum((n - (c > 64)) * (c * c + 2 * c) for c, n in blocks.items())
    projected = analyze("resnet34").params
    assert analyze("paper/resnet34-A").params == projected - changing
    assert analyze("paper/resnet34-C").params == projected + staying
    for depth, n in ((20, 3), (110, 18)):
        attention = sum(n * (2 * c * (c // 16) + c // 16 + c) for c in (16, 32, 64))
        plain = analyze(f"cifar/resnet{depth}").params
        assert analyze(f"cifar/se_resnet{depth}").params == plain + attention


def test_lenet5_is_counted_by_hand() -> None:
    """Two convolutions of 5x5, then 400 x 120, 120 x 84 and 84 x 10, each with its biases."""
    by_hand = (25 + 1) * 6 + (25 * 6 + 1) * 16 + 401 * 120 + 121 * 84 + 85 * 10
    assert analyze("lenet5").params == by_hand == 61_706


def test_the_28_layers_of_wrn_count_its_projections() -> None:
    spec = load("cifar/wrn28_10")
    blocks = sum(row.repeats for stage in spec.stages.values() for row in stage.rows)
    projections = len(spec.stages)
    assert analyze(spec).layers == 1 + 2 * blocks + 1 == 26
    assert analyze(spec).layers - 1 + projections == 28, "convolutions, as its authors count"


def test_auxiliary_classifiers_have_params_alone() -> None:
    with_aux = analyze("googlenet")
    without = analyze(loads("extends: googlenet\naux: null"))
    assert (with_aux.layers, with_aux.macs) == (without.layers, without.macs)
    # torchvision's documentation of its weights, which have no auxiliary classifiers
    assert without.params == 6_624_904


# He et al. 2015, Table 1, second column
@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_stages_have_the_papers_output_sizes(depth: int) -> None:
    actual = analyze(f"resnet{depth}")
    assert {part.name: part.output.height for part in actual.stages} == {  # type: ignore[union-attr]
        "conv2_x": 56,
        "conv3_x": 28,
        "conv4_x": 14,
        "conv5_x": 7,
    }
    assert actual.stem.lines[0].output == (64, 112, 112)
