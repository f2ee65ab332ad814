"""What one block costs, beside the two blocks of the paper: formulas, numbers and their ratio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import cast

import pytest
from hypothesis import given, settings

from resnet_dsl import Spec, ir, load, loads, zoo
from resnet_dsl.answers.block_costs import BlockCost, RowBlocks, blocks
from resnet_dsl.elaboration import elaboration_of
from resnet_dsl.folds.count import visit_macs
from resnet_dsl.folds.shape import Sizes, sized_visits
from resnet_dsl.folds.weights import weight_shapes
from resnet_dsl.notation.printed import format_row
from resnet_dsl.notation.terms import Row
from resnet_dsl.render.block_text import block_lines
from tests.command import run
from tests.specs import chosen
from tests.strategies import FEW, specs


def costs(source: str | Spec, stage: str) -> tuple[RowBlocks, dict[str, BlockCost]]:
    """The blocks of the first row of a stage, by name."""
    compared = blocks(source, stage=stage)[0]
    return compared, {block.name: block for block in compared.blocks}


def test_figure_5_of_the_paper() -> None:
    """A bottleneck of width 256 costs about as much as a basic block of width 64."""
    compared, actual = costs("resnet50", "conv2_x")
    assert list(actual) == ["spec", "basic", "basic, at the inner width 64"]
    spec_text, _, inner = compared.blocks
    assert spec_text.formula == "1·1·256·64 + 3·3·64·64 + 1·1·64·256"
    assert spec_text.weights == 69_632
    assert inner.formula == "3·3·64·64 + 3·3·64·64"
    assert inner.weights == 73_728
    assert (spec_text.macs, inner.macs) == (69_632 * 56 * 56, 73_728 * 56 * 56)


@pytest.mark.parametrize(("stage", "width"), [("conv2_x", 256), ("conv5_x", 2048)])
def test_a_bottleneck_is_17_16_and_a_basic_block_18_squares(stage: str, width: int) -> None:
    compared, actual = costs("resnet50", stage)
    assert compared.width == width
    assert actual["spec"].of_width_squared == Fraction(17, 16)
    assert actual["basic"].of_width_squared == 18
    assert actual["basic"].times == 288 / 17
    assert actual["basic"].times == pytest.approx(16.94, abs=0.005)


def test_basic_blocks_are_compared_with_bottlenecks() -> None:
    _, actual = costs("resnet34", "conv2_x")
    assert list(actual) == ["spec", "bottleneck", "bottleneck, at 4 times the width"]
    assert actual["bottleneck"].formula == "1·1·64·16 + 3·3·16·16 + 1·1·16·64"
    wide = actual["bottleneck, at 4 times the width"]
    assert (wide.row, wide.weights) == ("[[1x1, 64], [3x3, 64], [1x1, 256]]", 69_632)
    assert wide.of_width_squared == 17


def test_cardinality_divides() -> None:
    """Xie et al. 2017, equation 4: 32·(256·4 + 3·3·4·4 + 4·256), about 70k as in ResNet-50."""
    _, actual = costs("resnext50_32x4d", "conv2_x")
    spec_text = actual["spec"]
    assert spec_text.formula == "1·1·256·128 + 3·3·128·128/32 + 1·1·128·256"
    assert spec_text.weights == 32 * (256 * 4 + 3 * 3 * 4 * 4 + 4 * 256) == 70_144
    assert actual["bottleneck"].weights == 69_632
    assert "basic, at the inner width 128" in actual


def test_attention_is_a_term_of_its_own() -> None:
    _, actual = costs("timm/seresnet50", "conv2_x")
    assert actual["spec"].formula.split(" + ")[-1] == "se: 2·256·16"
    assert actual["spec"].weights == 69_632 + 2 * 256 * 16
    assert actual["spec"].macs == 69_632 * 56 * 56 + 2 * 256 * 16
    assert actual["bottleneck"].weights == 69_632
    _, actual = costs("timm/ecaresnet50d", "conv5_x")
    assert actual["spec"].formula.split(" + ")[-1] == "eca: 7"


def test_a_shortcut_that_always_projects_is_counted() -> None:
    _, actual = costs("paper/resnet34-C", "conv3_x")
    assert actual["spec"].formula.split(" + ")[-1] == "projection: 1·1·128·128"
    assert actual["spec"].of_width_squared == 19


def test_branches_are_summed() -> None:
    compared, actual = costs("googlenet", "inception3")
    convolutions = (192 * 64, 192 * 96, 9 * 96 * 128, 192 * 16, 9 * 16 * 32, 192 * 32)
    assert actual["spec"].weights == sum(convolutions)
    assert actual["spec"].macs == sum(convolutions) * 28 * 28
    assert (compared.width, compared.repeats) == (256, False)
    assert list(actual) == ["spec", "basic", "bottleneck"]


def test_plain_rows_are_counted_as_they_are_built() -> None:
    compared, actual = costs("vgg16", "conv2")
    assert actual["spec"].formula == "3·3·64·128 + 3·3·128·128"
    assert not compared.repeats
    last, actual = costs("paper/plain18", "conv3_x")
    assert actual["spec"].formula == "3·3·128·128"
    assert (last.count, last.repeats) == (4, False)


def test_a_single_block_is_counted_as_if_it_repeated() -> None:
    spec_text = "extends: resnet18\nstages: {conv3_x: '[[3x3, 128], [3x3, 128]]'}"
    compared, actual = costs(loads(spec_text), "conv3_x")
    assert actual["spec"].formula == "3·3·128·128 + 3·3·128·128"
    assert (compared.count, compared.repeats) == (1, True)


def test_padding_shortcuts_and_dilated_blocks_repeat() -> None:
    assert costs("cifar/resnet20", "conv3_x")[0].repeats
    rows = "'[[3x3, 512, pad 2], [3x3, 512, pad 2]] x 2'"
    spec_text = f"""
extends: resnet18
stages:
  conv4_x: {{stride: 1, dilation: 2}}
  conv5_x: {{stride: 1, dilation: 2, rows: {rows}}}
"""
    dilated = loads(spec_text)
    assert costs(dilated, "conv5_x")[0].repeats


@pytest.mark.parametrize(
    ("row", "terms"),
    [
        ("[[3x3, 128, /2], [3x3, 128]]", ("3·3·64·128", "3·3·128·128", "projection: 1·1·64·128")),
        ("[[3x3, 64, C=64], [3x3, 96]]", ("3·3·64·64/64", "3·3·64·96", "projection: 1·1·64·96")),
        ("[[1x1, 8] | [blur pool, /1]]", ("1·1·64·8", "projection: 1·1·64·72")),
    ],
)
def test_blocks_that_cannot_repeat_are_counted_as_they_are_built(
    row: str, terms: tuple[str, ...]
) -> None:
    spec_text = f"extends: resnet18\nstages: {{conv3_x: '{row}'}}"
    compared, actual = costs(loads(spec_text), "conv3_x")
    assert actual["spec"].formula == " + ".join(terms)
    assert actual["spec"].macs == sum(map(value, terms)) * prod(compared.output[1:])
    assert not compared.repeats


def test_rows_that_differ_are_counted_one_by_one() -> None:
    actual = blocks("timm/ecaresnet50d_pruned", stage="conv3_x")
    inner = [compared.blocks[0].formula.split(" + ")[1] for compared in actual]
    assert inner == ["3·3·85·37", "3·3·107·80", "3·3·120·85", "3·3·125·87"]
    rows = ["[[3x3, 128], [3x3, 128]]", "[[3x3, 128]]", "[[3x3, 128], [3x3, 128]] x 2"]
    spec_text = loads(f"extends: resnet34\nstages: {{conv3_x: {json.dumps(rows)}}}")
    assert [compared.count for compared in blocks(spec_text, stage="conv3_x")] == [3, 1]


def value(term: str) -> Fraction:
    """A term, multiplied out."""
    product, _, groups = term.rpartition(": ")[2].partition("/")
    return Fraction(prod(map(int, product.split("·"))), int(groups or 1))


@pytest.mark.parametrize("name", chosen(zoo()))
def test_formulas_agree_with_blocks_that_are_built(name: str) -> None:
    """The convolutions of the second and the last block of a row, and all multiplications."""
    spec = load(name)
    actual = elaboration_of(spec)
    known, sizes = Sizes(), [cast(ir.Size, spec.input)]
    for layer in actual.network.layers:
        sizes.append(known.after(layer, sizes[-1]))
    counted = {(c.stage, c.blocks[0].row): c for c in blocks(spec)}
    checked = set()
    for stage, number, row in numbered_blocks(spec):
        start, stop = (actual.blocks[f"{stage}.{n}"].stop for n in (number - 1, number))
        layers = ir.Sequence(actual.network.layers[start:stop])
        visits = sized_visits(layers, sizes[start])[0]
        compared = counted[stage, format_row(replace(row, repeats=1))]
        spec_text = compared.blocks[0]
        convs = [visit.node for visit in visits if isinstance(visit.node, ir.Conv)]
        terms = [
            term for term in spec_text.formula.split(" + ") if not term.startswith(("se", "eca"))
        ]
        assert sum(map(value, terms)) == sum(prod(weight_shapes(c)["weight"]) for c in convs)
        assert spec_text.macs == sum(map(visit_macs, visits))
        assert compared.output == sizes[stop]
        checked.add((stage, spec_text.row))
    assert checked or not any(stage.rows[0].repeats > 1 for stage in spec.stages.values())


def numbered_blocks(spec: Spec) -> Iterator[tuple[str, int, Row]]:
    """The second and the last block of each row that repeats, by their numbers in the stage."""
    for name, stage in spec.stages.items():
        number = 0
        for row in (row for row in stage.rows if row.is_block):
            if row.repeats > 1:
                yield name, number + 2, row
                yield name, number + row.repeats, row
            elif number:
                yield name, number + 1, row
            number += row.repeats


@settings(max_examples=FEW)
@given(specs())
def test_every_spec_has_an_answer(spec: Spec) -> None:
    for compared in blocks(spec):
        for block in compared.blocks:
            assert sum(map(value, block.formula.split(" + "))) == block.weights > 0
    assert max(map(len, block_lines(blocks(spec)))) <= 100


# ---------------------------------------------------------------- the command


def test_blocks_prints_formulas_and_ratios() -> None:
    result = run("blocks", "resnet50", "--stage", "conv2_x")
    assert result.exit_code == 0
    assert result.stdout == (
        "conv2_x: 3 blocks of width w = 256 on maps of 56x56\n"
        "  spec: [[1x1, 64], [3x3, 64], [1x1, 256]]\n"
        "    1·1·256·64 + 3·3·64·64 + 1·1·64·256 = 69,632 = 17/16 w²; "
        "× 56·56 = 218,365,952 MACs\n"
        "  basic: [[3x3, 256], [3x3, 256]], 16.94 times as much\n"
        "    3·3·256·256 + 3·3·256·256 = 1,179,648 = 18 w²; × 56·56 = 3,699,376,128 MACs\n"
        "  basic, at the inner width 64: [[3x3, 64], [3x3, 64]], 1.06 times as much\n"
        "    3·3·64·64 + 3·3·64·64 = 73,728 = 9/8 w²; × 56·56 = 231,211,008 MACs\n"
        "\n"
        "Counted after the first of a stage: w channels in and out, identity shortcut; "
        "no norms, no biases.\n"
    )
    assert result.stderr == ""


def test_ratios_of_weights_and_of_macs_may_differ() -> None:
    lines = run("blocks", "timm/seresnet50", "--stage", "conv5_x").stdout.splitlines()
    assert "    = 4,980,736 = 19/16 w²; 218,890,240 MACs" in lines
    assert (
        "  basic: [[3x3, 2048], [3x3, 2048]], 15.16 times the weights, 16.90 times the MACs"
        in lines
    )


def test_a_width_without_a_bottleneck_is_said() -> None:
    result = run("blocks", "timm/ecaresnet50d_pruned", "--stage", "conv2_x")
    assert "  bottleneck: none, since 4 does not divide 19\n" in result.stdout
    assert "3·3·18·18 + 3·3·18·18 = 5,832 ≈ 16.2 w²" in result.stdout
    assert "bottleneck" not in costs("timm/ecaresnet50d_pruned", "conv2_x")[1]


def test_a_stage_without_convolutions_has_no_block() -> None:
    spec_text = loads("extends: resnet18\nstages: {pool: '[[2x2 max pool]]'}")
    assert blocks(spec_text, stage="pool") == []
    assert block_lines([]) == ["no blocks: the rows have no convolution"]


@pytest.mark.parametrize("name", ["googlenet", "resnet50", "timm/seresnet50", "timm/senet154"])
def test_lines_fit_100_columns(name: str) -> None:
    assert max(map(len, run("blocks", name).stdout.splitlines())) <= 100


def test_blocks_speaks_json() -> None:
    (actual,) = json.loads(run("blocks", "resnet50", "--stage", "conv2_x", "--json").stdout)
    assert (actual["stage"], actual["width"], actual["output"]) == ("conv2_x", 256, [256, 56, 56])
    assert actual["blocks"][1] == {
        "name": "basic",
        "row": "[[3x3, 256], [3x3, 256]]",
        "formula": "3·3·256·256 + 3·3·256·256",
        "weights": 1_179_648,
        "of_width_squared": "18",
        "macs": 1_179_648 * 56 * 56,
        "times": pytest.approx(288 / 17),
        "times_macs": pytest.approx(288 / 17),
    }
    assert actual["blocks"][0]["of_width_squared"] == "17/16"


def test_another_input_gives_other_maps() -> None:
    (actual,) = json.loads(
        run("blocks", "resnet50", "--stage", "conv2_x", "--input", "3x448x448", "--json").stdout
    )
    assert actual["output"] == [256, 112, 112]
    assert actual["blocks"][0]["macs"] == 69_632 * 112 * 112


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet5O",), "did you mean 'resnet50'?"),
        (("resnet50", "--stage", "conv6_x"), "'conv6_x' is not a stage of this network"),
        (("resnet50", "--stage", "head"), "stages: conv2_x, conv3_x, conv4_x, conv5_x"),
        (("resnet50", "--input", "big"), "the input "),
    ],
)
def test_bad_input_is_a_diagnostic(arguments: tuple[str, ...], message: str) -> None:
    result = run("blocks", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
