"""Rules that no other test would miss: what a mutant of the code changed, and nothing noticed."""

from __future__ import annotations

from typing import Any

import pytest

from resnet_dsl import SpecError, elaborate, ir, loads
from resnet_dsl.elaboration import drop_path_schedule, elaboration_of
from resnet_dsl.folds.count import depth, leaf_params, macs, visit_activations
from resnet_dsl.folds.shape import leaf_size, sized_visits
from resnet_dsl.folds.walk import Visit
from resnet_dsl.ir import ROOT, Layer, Network, Shape, Size, Vector
from resnet_dsl.language.spec import LARGEST_REPEATS
from resnet_dsl.reader import read_text


def network(
    rows: str = '"[[3x3, 4], [3x3, 4]]"',
    *,
    keys: str = "",
    stem: str = '["3x3, 4"]',
    head: str = "[]",
    more: str = "",
    input: str = "3x8x8",
) -> Network:
    stages = rows if rows.startswith("{") else f"{{a: {rows}}}"
    return elaborate(
        loads(
            f"input: {input}\nstem: {stem}\nblock: {{{keys}}}\nstages: {stages}\n"
            f"head: {head}\n{more}"
        )
    )


def leaves(layer: Layer) -> list[Any]:
    """The leaves of a layer, in order."""
    match layer:
        case ir.Sequence(layers):
            return [leaf for inner in layers for leaf in leaves(inner)]
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            return [*leaves(body), *leaves(shortcut), *leaves(after)]
        case ir.Parallel(branches):
            return [leaf for inner in branches for leaf in leaves(inner)]
        case _:
            return [layer]


def every(kind: type[Any], actual: Network) -> list[Any]:
    return [leaf for layer in actual.layers for leaf in leaves(layer) if isinstance(leaf, kind)]


# ---------------------------------------------------------------- layers


def test_written_numbers_of_norms_are_kept() -> None:
    actual = network('"[[3x3, 4], [batch norm, eps 0.001, momentum 0.25]]"', keys="shortcut: none")
    norm = every(ir.BatchNorm, actual)[-1]
    assert (norm.eps, norm.momentum) == (0.001, 0.25)
    (attention,) = every(ir.SqueezeExcite, network('"[[3x3, 8], [se 4, norm]]"'))
    assert (attention.norm.channels, attention.norm.of_vectors) == (4, False)
    (spatial,) = every(ir.SpatialAttention, network('"[[3x3, 8], [spatial attention 3, norm]]"'))
    assert spatial.norm is not None
    assert not spatial.norm.of_vectors


def test_terms_become_their_layers() -> None:
    row = '"[[3x3, 4], [drop path 0.1], [learned scale], [prelu], [shared prelu]]"'
    actual = network(row, head="[average pool, l2 normalize, 8-d fc, gelu]")
    assert [leaf.p for leaf in every(ir.DropPath, actual)] == [0.1]
    assert len(every(ir.LearnedScale, actual)) == 1
    assert len(every(ir.L2Normalize, actual)) == 1
    assert [leaf.channels for leaf in every(ir.PReLU, actual)] == [4, 1]
    assert actual.layers[-1] == ir.Act("gelu")


def test_heads_with_two_pools_have_them_in_their_order() -> None:
    for head, kinds in (
        ("average and max pool", ["average", "max"]),
        ("max and average pool", ["max", "average"]),
    ):
        actual = network(head=f"[{head}, 4-d fc]")
        assert [leaf.kind for leaf in every(ir.AdaptivePool, actual)] == kinds


def test_a_pool_that_does_nothing_is_no_layer() -> None:
    assert every(ir.Pool, network(stem='["1x1 max pool, /1", "3x3, 4"]')) == []


def test_a_bare_convolution_has_no_bias_of_the_block() -> None:
    head = '["10-d 1x1 conv", average pool]'
    plain, biased = (network(head=head, keys=keys) for keys in ("", "bias: false"))
    assert every(ir.Conv, plain)[-1].bias == every(ir.Conv, biased)[-1].bias


def test_between_fcs_an_activation_stands_whatever_the_norm() -> None:
    actual = network(
        '"[[3x3, 32]]"', keys="norm: evonorm, order: pre", stem="[]", head="[8-d fc, 4-d fc]",
        input="32x8x8",
    )  # fmt: skip
    assert ir.Act("relu") in actual.layers


# ---------------------------------------------------------------- shortcuts and strides

TWO = '{{a: "{0}", b: "{1}"}}'


def shortcut_of(actual: Network) -> list[Any]:
    blocks = [layer for layer in actual.layers if isinstance(layer, ir.Residual)]
    return leaves(blocks[-1].shortcut)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_a_projection_without_a_norm(order: str) -> None:
    rows = TWO.format("[[3x3, 4], [3x3, 4]]", "[[3x3, 8], [3x3, 8]]")
    keys = f'order: {order}, projection: "1x1, no norm"'
    (conv,) = shortcut_of(network(rows, keys=keys))
    assert isinstance(conv, ir.Conv)
    assert conv.bias == (order == "post")  # where no norm follows that would have one


def test_a_1x1_projection_of_a_dilated_stage_is_not_dilated() -> None:
    rows = '{a: "[[3x3, 4], [3x3, 4]]", b: {rows: "[[3x3, 8], [3x3, 8]]", stride: 1, dilation: 2}}'
    conv, *_ = shortcut_of(network(rows))
    assert (conv.kernel, conv.dilation) == (1, 1)


@pytest.mark.parametrize(("widths", "works"), [((4, 7), True), ((5, 4), False), ((4, 5), True)])
def test_a_padding_adds_channels_alone(widths: tuple[int, int], works: bool) -> None:
    rows = TWO.format(*(f"[[3x3, {width}], [3x3, {width}]]" for width in widths))
    stem = f'["3x3, {widths[0]}"]'
    if not works:
        with pytest.raises(SpecError, match="cannot lead from 5 to 4"):
            network(rows, keys="shortcut: padding", stem=stem)
        return
    (pad,) = every(ir.PadChannels, network(rows, keys="shortcut: padding", stem=stem))
    assert (pad.before, pad.after) == (0, widths[1] - widths[0])


def test_padding_on_both_sides_takes_an_even_number() -> None:
    keys = "shortcut: padding on both sides"
    for width, works in ((8, True), (7, False)):
        rows = TWO.format("[[3x3, 4], [3x3, 4]]", f"[[3x3, {width}], [3x3, {width}]]")
        if works:
            assert [pad.before for pad in every(ir.PadChannels, network(rows, keys=keys))] == [2]
        else:
            with pytest.raises(SpecError, match="do not divide into two sides"):
                network(rows, keys=keys)


def test_a_bottleneck_that_changes_nothing_projects_where_it_enters_if_pre_activated() -> None:
    row = '"[[1x1, 2], [3x3, 2], [1x1, 4]] x 2"'
    for order, projections in (("pre", 1), ("post", 0)):
        blocks = [
            layer
            for layer in network(row, keys=f"order: {order}").layers
            if isinstance(layer, ir.Residual)
        ]
        kinds = [bool([x for x in leaves(b.shortcut) if isinstance(x, ir.Conv)]) for b in blocks]
        assert kinds == [bool(projections), False]


def test_a_written_dilation_counts_more_than_that_of_its_stage() -> None:
    rows = '{a: {rows: "[[3x3, 4, dilation 3], [3x3, 4]]", dilation: 2}}'
    assert [conv.dilation for conv in every(ir.Conv, network(rows))[1:3]] == [3, 2]


def test_a_2x2_takes_the_stride() -> None:
    rows = '{a: "[[3x3, 4]]", b: "[[1x1, 4], [2x2, 4]]"}'
    actual = network(rows, keys="shortcut: none")
    assert [conv.stride for conv in every(ir.Conv, actual)] == [1, 1, 1, 2]


# ---------------------------------------------------------------- rules of a whole spec


def test_blocks_up_to_the_limit_and_schedules() -> None:
    spec = read_text(
        f"input: 3x4x4\nstem: []\nstages: {{a: '[[1x1, 1]] x {LARGEST_REPEATS}'}}\nhead: []"
    ).spec
    assert len(elaboration_of(spec).blocks) == LARGEST_REPEATS
    assert list(drop_path_schedule(0.2, 2)) == [0.0, 0.2]
    rows = '{a: "[[3x3, 4], [3x3, 4]] x 2", b: ["[3x3 max pool, /2]", "[[3x3, 4], [3x3, 4]]"]}'
    actual = network(rows, more="drop_path: 0.2")
    assert [drop.p for drop in every(ir.DropPath, actual)] == [0.1, 0.2]


def test_an_auxiliary_classifier_is_checked() -> None:
    with pytest.raises(SpecError, match="a squeeze to 8 channels") as error:
        network(more='aux: {a.1: ["se 8", average pool, 2-d fc]}')
    assert error.value.diagnostics[0].path[:2] == ("aux", "a.1")


def test_a_stage_without_layers_may_stand_beside_another() -> None:
    rows = '{a: "[[1x1 max pool, /1]]", b: {rows: "[[3x3, 4], [3x3, 4]]", stride: 1}}'
    assert len(every(ir.Conv, network(rows))) == 3


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        ('{a: {rows: "[[3x3, 4], [3x3, 4]]", order: post, after: gelu}}', ""),
        ('{a: {rows: "[[3x3, 32]]", norm: evonorm, after: none}}', ""),
        ('{a: {rows: "[[3x3, 32]]", norm: evonorm, shortcut: none}}', ""),
        ('{a: {rows: "[[relu]]", stride: 1}}', ""),
    ],
)
def test_keys_that_do_not_conflict(rows: str, keys: str) -> None:
    assert network(rows, keys=keys, stem='["3x3, 32"]' if "32" in rows else '["3x3, 4"]')


def test_a_stride_needs_one_path() -> None:
    with pytest.raises(SpecError, match="has a stride, and its rows write strides too"):
        network('{a: {rows: "[[3x3, 4] | [1x1, 4]]", stride: 2}}')


def test_sizes_after_a_fault_mean_nothing() -> None:
    with pytest.raises(SpecError) as error:
        network('"[[3x3, 4], [3x3, 4]]"', head="[99x99 average pool, 98x98 average pool]")
    assert len(error.value.diagnostics) == 1


# ---------------------------------------------------------------- counts and sizes


def activations_of(leaf: Any, before: Size) -> int:
    return visit_activations(Visit(ROOT, leaf, before, leaf_size(leaf, before)))


def macs_of(leaf: Any, before: Size) -> int:
    return macs(sized_visits(leaf, before)[0])


def test_counts_of_attention() -> None:
    map_ = Shape(8, 6, 8)
    plain = ir.SqueezeExcite(channels=8, hidden=2)
    both = ir.SqueezeExcite(channels=8, hidden=2, max_pool=True)
    assert (activations_of(plain, map_), activations_of(both, map_)) == (10, 20)
    assert macs_of(both, map_) == 2 * macs_of(plain, map_) == 2 * (8 * 2 + 2 * 8)
    assert activations_of(ir.EfficientChannelAttention(kernel=3), map_) == 8
    spatial = ir.SpatialAttention(kernel=7)
    assert activations_of(spatial, Shape(4, 6, 8)) == 6 * 8
    assert macs_of(spatial, Shape(4, 6, 8)) == 2 * 7 * 7 * 6 * 8


def test_layers_without_macs_have_none() -> None:
    for leaf in (ir.PReLU(channels=4), ir.LearnedScale()):
        assert macs_of(leaf, Shape(4, 2, 2)) == 0
        assert leaf_params(leaf) > 0


def test_the_depth_of_what_follows_an_addition() -> None:
    conv = ir.Conv(in_channels=4, out_channels=4, kernel=1)
    assert depth(ir.Residual(body=conv, after=conv)) == 2


def test_vectors_concatenate_and_channels_must_agree() -> None:
    fc = ir.Linear(in_features=4, out_features=3)
    assert sized_visits(ir.Parallel((fc, fc)), Vector(4))[1] == Vector(6)
    conv = ir.Conv(in_channels=4, out_channels=4, kernel=3)  # without padding
    with pytest.raises(SpecError, match="heights and widths must agree"):
        sized_visits(ir.Parallel((conv, ir.Identity())), Shape(4, 5, 5))
    with pytest.raises(SpecError, match="4 channels come in, 3 are expected"):
        sized_visits(ir.PReLU(channels=3), Shape(4, 5, 5))
    with pytest.raises(SpecError, match="channels come in"):
        sized_visits(ir.Normalize(mean=(0.5, 0.5), deviation=(1.0, 1.0)), Shape(3, 4, 6))


def test_what_a_vector_or_a_small_map_cannot_be() -> None:
    norm = ir.LayerNorm(channels=4, eps=1e-5, of_vectors=True)
    assert leaf_size(norm, Vector(4)) == Vector(4)
    with pytest.raises(SpecError, match="3 features come in, 4 are expected"):
        leaf_size(norm, Vector(3))
    with pytest.raises(SpecError, match="gets a map"):
        leaf_size(norm, Shape(4, 2, 2))
    with pytest.raises(SpecError, match="too small to be reflected"):
        leaf_size(ir.BlurPool(stride=2), Shape(4, 1, 1))
    single = ir.Normalize(mean=(0.5,), deviation=(1.0,))
    assert leaf_size(single, Shape(3, 4, 6)) == Shape(3, 4, 6)


@pytest.mark.parametrize(("side", "ceil", "expected"), [(7, True, 4), (7, False, 3), (8, True, 4)])
def test_a_partial_window_counts_where_it_starts_inside(
    side: int, ceil: bool, expected: int
) -> None:
    pool = ir.Pool(kind="max", kernel=2, stride=2, ceil=ceil)
    assert leaf_size(pool, Shape(1, side, side)) == Shape(1, expected, expected)
    overlapping = ir.Pool(kind="max", kernel=3, stride=2, ceil=True)
    for width, count in ((7, 3), (8, 4), (9, 4), (10, 5)):  # as torch counts
        assert leaf_size(overlapping, Shape(1, 3, width)) == Shape(1, 1, count)
    padded = ir.Pool(kind="max", kernel=3, stride=3, padding=1, ceil=True)
    assert leaf_size(padded, Shape(1, 5, 5)) == Shape(1, 2, 2)  # torch: a third starts outside


def test_a_ratio_leaves_one_hidden_channel_at_least() -> None:
    (attention,) = every(ir.SqueezeExcite, network('"[[3x3, 4], [se /16]]"'))
    assert attention.hidden == 1


def test_windows_of_one_side() -> None:
    pool = ir.AdaptivePool(window="height")
    assert leaf_size(pool, Shape(4, 3, 7)) == Shape(4, 1, 2)
    with pytest.raises(SpecError, match="does not fit a map"):
        leaf_size(pool, Shape(4, 7, 3))
