"""The spec that comes back is the one a person would write."""

from __future__ import annotations

import pytest

from resnet_dsl import SpecError, dumps, elaborate, ir, loads, recover
from resnet_dsl.ir import Layer, Shape
from resnet_dsl.notation.printed import format_row

SPEC = """input: 3x64x64
stem:
{stem}
stages:
{stages}
head: []
"""


def again(stages: str, *, stem: str = "  - 3x3, 16", block: str = "") -> str:
    """What a spec reads like after elaboration and recovery."""
    source = SPEC.format(stem=stem, stages=stages)
    if block:
        source = source.replace("stages:", f"block: {block}\nstages:")
    return dumps(recover(elaborate(loads(source))))


@pytest.mark.parametrize(
    "stages",
    [
        # strides that the language inserts are not written
        '  a: "[[3x3, 16]]"\n  b: {rows: "[[3x3, 16]] x 2", stride: 2}',
        '  a: "[[3x3, 16]]"\n  b: ["[[3x3, 16, /2]]", "[[3x3, 16]]"]',
        # defaults said aloud are not written
        '  a: {rows: "[[3x3, 16]]", stride: 1, norm: batch}\n  b: "[[3x3, 16]] x 2"',
        # equal neighbours are joined
        '  a: "[[3x3, 16]]"\n  b: ["[[3x3, 16]]", "[[3x3, 16]]"]',
    ],
)
def test_specs_come_back_in_normal_form(stages: str) -> None:
    assert again(stages) == SPEC.format(
        stem="  - 3x3, 16",
        stages='  conv2_x: "[[3x3, 16]]"\n  conv3_x: "[[3x3, 16]] x 2"',
    )


def test_a_stage_starts_where_the_width_changes() -> None:
    stages = '  a: ["[[3x3, 16]] x 2", "[[3x3, 24]] x 2"]'
    assert 'conv2_x: "[[3x3, 16]] x 2"' in again(stages)
    assert '    rows: "[[3x3, 24]] x 2"\n    stride: 1' in again(stages)


def test_keys_that_all_stages_share_are_hoisted() -> None:
    stages = (
        '  a: {rows: "[[3x3, 16]]", shortcut: none}\n  b: {rows: "[[3x3, 16]]", shortcut: none}'
    )
    assert "block: {shortcut: none}\n" in again(stages)


def test_a_stage_says_what_the_others_do_not() -> None:
    stages = '  a: "[[3x3, 16]] x 2"\n  b: {rows: "[[3x3, 16]]", norm: none}'
    source = again(stages)
    assert "block:" not in source
    assert "    norm: none\n" in source


def test_identity_shortcuts_take_the_side_of_the_others() -> None:
    """In the first stage of a CIFAR network nothing is padded."""
    source = again('  a: "[[3x3, 16]] x 2"\n  b: "[[3x3, 32]] x 2"', block="{shortcut: padding}")
    assert "block: {shortcut: padding}\n" in source
    assert "shortcut:" not in source.partition("stages:")[2]


def test_strides_elsewhere_than_inserted_are_written() -> None:
    stages = '  a: "[[3x3, 16]]"\n  b: "[[1x1, 16], [3x3, 16], [1x1, 16, /2]]"'
    assert '"[[1x1, 16], [3x3, 16], [1x1, 16, /2]]"' in again(stages)


def test_v1_is_said_once_for_all() -> None:
    stages = '  a: "[[1x1, 8], [3x3, 8], [1x1, 16]]"\n  b: "[[1x1, 8], [3x3, 8], [1x1, 32]] x 2"'
    assert "block: {stride_on: first}\n" in again(stages, block="{stride_on: first}")
    assert "stride" not in again(stages, block="{stride_on: spatial}")


def test_biases_are_said_by_the_shortest_word() -> None:
    stages = '  a: "[[3x3, 16, bias], [3x3, 16, bias]]"'
    source = again(stages, stem="  - 3x3, 16, bias")
    assert "block: {bias: true}\n" in source
    first = again('  a: "[[3x3, 16, bias], [3x3, 16]]"')
    assert '"[[3x3, 16, bias], [3x3, 16]]"' in first
    assert "bias: " not in first


def test_plain_layers_fold_to_the_shortest_row() -> None:
    stages = '  a: "[[1x1, 8], [3x3, 8]] x 3"'
    source = again(stages, stem="  - 3x3, 16, /2", block="{shortcut: none}")
    assert '"[[1x1, 8], [3x3, 8]] x 3"' in source


def test_anti_aliased_strides_are_read_as_strides() -> None:
    stages = '  a: "[[3x3, 16], [3x3, 16]]"\n  b: "[[3x3, 16], [3x3, 16]] x 2"'
    for kind in ("blur", "average"):
        source = again(stages, block=f"{{antialias: {kind}}}")
        assert f"block: {{antialias: {kind}}}\n" in source
        assert 'conv3_x: "[[3x3, 16], [3x3, 16]] x 2"' in source


def test_pools_of_the_authors_own_stay_pools() -> None:
    stages = '  a: "[[3x3, 16]]"\n  b: "[[3x3, 16, /2], [3x3, 16], [2x2 average pool], [3x3, 16]]"'
    assert '"[[3x3, 16, /2], [3x3, 16], [2x2 average pool], [3x3, 16]]"' in again(stages)


def test_projections_without_a_stride_are_read_as_the_others() -> None:
    """In the first stage of a bottleneck network nothing is pooled."""
    stages = '  a: "[[1x1, 8], [3x3, 8], [1x1, 32]]"\n  b: "[[3x3, 32]] x 2"'
    for kind in ('"average pool, 1x1"', "3x3"):
        assert f"block: {{projection: {kind}}}\n" in again(stages, block=f"{{projection: {kind}}}")


CONV = ir.Conv(in_channels=3, out_channels=3, kernel=3, padding=1, bias=True)
ACT = ir.Act("relu")
BODY = ir.Sequence((CONV, ACT, CONV))


@pytest.mark.parametrize(
    ("layers", "path", "what"),
    [
        ([ir.Residual(body=ACT, after=ACT)], (0,), "without a convolution"),
        ([ir.Residual(body=ir.Dropout(0.5), after=ACT)], (0,), "without a convolution"),
        (
            [ir.Residual(body=ir.sequence(CONV, ir.Residual(body=CONV)), after=ACT)],
            (0, "body", 1),
            "a residual block here",
        ),
        (
            [ir.Residual(body=BODY, after=ir.Dropout(0.5))],
            (0,),
            "another layer after its addition",
        ),
        ([ir.AdaptivePool()], (), "without a stage"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(
    layers: list[Layer], path: tuple[int | str, ...], what: str
) -> None:
    with pytest.raises(SpecError) as caught:
        recover(ir.network(Shape(3, 8, 8), *layers))
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.layer) == ("unsupported", path or None)
    assert fault.message.startswith("no spec can express ")
    assert what in fault.message


def test_pools_side_by_side_stand_in_a_stage_of_any_kind() -> None:
    rows = ["[[1x1, 4]]", "[[blur pool, /1] | [3x3 max pool, /1]]"]
    spec = loads(f"""
    input: 4x24x24
    stem: []
    stages: {{a: {{rows: {rows}, order: pre}}}}
    head: []
    """)
    source = recover(elaborate(spec))
    assert elaborate(source) == elaborate(spec)
    assert [format_row(row) for row in source.stages["conv2_x"].rows] == rows


def test_each_run_of_pre_activated_blocks_closes_by_its_own_key() -> None:
    pre, post = "order: pre, rows: '[[3x3, 16]] x 2'", "rows: '[[3x3, 24]]', stride: 1"
    bare = f"{pre}, final_norm: false"
    first = f"  a: {{{bare}}}\n  b: {{{post}}}\n  c: {{{pre}}}"
    last = f"  a: {{{pre}}}\n  b: {{{post}}}\n  c: {{{bare}}}"
    both = f"  a: {{{bare}}}\n  b: {{{post}}}\n  c: {{{bare}}}"
    assert again(first).count("final_norm") == 1
    assert "final_norm" in again(first).partition("conv3_x")[0]
    assert "final_norm" in again(last).partition("conv4_x")[2]
    assert "block: {final_norm: false}\n" in again(both)
    for stages in (first, last, both):
        network = elaborate(loads(SPEC.format(stem="  - 3x3, 16", stages=stages)))
        assert elaborate(recover(network)) == network


@pytest.mark.parametrize("shortcut", ["1x1, 4, C=2", "1x1, 4, dilation 2", "1x1, 4, /2"])
def test_a_written_shortcut_that_no_key_gives_stays_written(shortcut: str) -> None:
    row = f"[[1x1, 4] + [{shortcut}]]"
    source = f"{{input: 4x1x1, stem: [], stages: {{conv2_x: '{row}'}}, head: []}}"
    assert dumps(recover(elaborate(loads(source)))).count(row) == 1


def test_a_written_shortcut_is_no_projection_that_shares_an_activation() -> None:
    stages = '  conv2_x: "[[1x1, 4] + [1x1, 4, relu], [1x1, 4]]"'
    block = "{norm: none, after: none}"
    text = again(stages, stem="  - 1x1, 4", block=block)
    assert text == SPEC.format(stem="  - 1x1, 4", stages=stages).replace(
        "stages:", f"block: {block}\nstages:"
    )
