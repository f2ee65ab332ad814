"""Numbers part by part, row by row."""

from __future__ import annotations

import pytest

from resnet_dsl import SpecError, analyze, elaborate, load, loads
from resnet_dsl.ir import Shape, Vector

SPEC = """
input: 3x32x32
stem: ["3x3, 16"]
stages:
  a: ["[[2x2 max pool]]", "[[3x3, 16], [3x3, 16]] x 2", "[[3x3, 16]]"]
  b: "[[1x1, 8], [3x3, 8], [1x1, 32]] x 3"
head: [average pool, 10-d fc]
"""


def test_parts_add_up() -> None:
    actual = analyze("resnet50")
    assert actual.input == (3, 224, 224)
    assert actual.output == Vector(1000)
    for number in ("layers", "params", "macs", "blocks"):
        assert sum(getattr(part, number) for part in actual.parts) == getattr(actual, number)
    assert [part.name for part in actual.parts] == ["stem", *load("resnet50").stages, "head"]


def test_rows_have_numbers_of_their_own() -> None:
    pool, pairs, single = analyze(loads(SPEC)).stages[0].lines
    assert (pool.cost.blocks, pool.cost.params, pool.output) == (0, 0, Shape(16, 16, 16))
    assert (pairs.cost.blocks, pairs.cost.layers) == (2, 4)
    assert pairs.cost.macs == 4 * single.cost.macs == 4 * 9 * 16 * 16 * 16 * 16


def test_a_stage_may_be_analyzed_at_another_input() -> None:
    small, large = analyze("resnet18"), analyze("resnet18", (3, 448, 448))
    assert large.params == small.params
    assert large.macs - 512_000 == 4 * (small.macs - 512_000)
    assert large == analyze("resnet18", "3x448x448")


def test_a_network_is_analyzed_as_its_spec() -> None:
    spec = load("cifar/resnet20")
    actual, expected = analyze(elaborate(spec)), analyze(spec)
    assert [(part.name, part.cost) for part in actual.parts] == [
        (part.name, part.cost) for part in expected.parts
    ]


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ("0x224x224", "'0x224x224' is not a size"),
        ("x224", "'x224' is not a size"),
        ((3, 0, 4), "a list is not a size"),
        ((3,), "a list is not a size"),
    ],
)
def test_an_input_that_does_not_fit_is_named(input: str | tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        analyze("resnet18", input)


def test_a_size_that_does_not_fit_has_its_place_in_the_spec() -> None:
    source = SPEC.replace("average pool, 10-d fc", "10-d fc")
    with pytest.raises(SpecError) as caught:
        analyze(loads(source), "3x64x64")
    (fault,) = caught.value.diagnostics
    assert fault.path == ("head", 0)
    assert fault.message == "8192 features come in, 2048 are expected, in head"
