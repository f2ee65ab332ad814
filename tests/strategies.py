"""Specs and networks drawn at random, for the laws."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from hypothesis import assume, settings
from hypothesis import strategies as st

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import elaborate
from resnet_dsl.folds.shape import ShapeError, sized_visits
from resnet_dsl.ir import ActKind, Layer, Network, Shape
from resnet_dsl.language.activations import activation_value
from resnet_dsl.language.spec import (
    Antialias,
    BatchNorm,
    BlockKeys,
    EvoNorm,
    Expect,
    FilterResponseNorm,
    FirstDilation,
    GroupNorm,
    Init,
    InstanceNorm,
    LayerNorm,
    Order,
    Projection,
    ProjectionInput,
    Scheme,
    Shortcut,
    Spec,
    Stage,
    Standardized,
    StrideOn,
)
from resnet_dsl.language.spec import Norm as NormSetting
from resnet_dsl.notation.terms import (
    Activation,
    AdaptivePool,
    Add,
    BlurPool,
    BothPools,
    Branch,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    Fc,
    Flatten,
    HeadLayer,
    Identity,
    L2Normalize,
    LearnedScale,
    Norm,
    Normalize,
    Pool,
    Row,
    Scale,
    Softmax,
    SpatialAttention,
    SqueezeExcite,
    ZeroChannels,
    ZeroPad,
)

FEW = min(300, settings().max_examples)

WEIGHTS = ("plain", Standardized(), Standardized(formula="deviation", eps=1e-5))
WIDTHS = st.sampled_from([4, 8, 12, 16])
flags = st.none() | st.booleans()
probabilities = st.floats(0, 1, exclude_max=True, allow_subnormal=False)


activation_terms = st.builds(
    Activation, kind=st.sampled_from(["relu", "gelu", "hardswish", "mish", "softplus"])
) | st.sampled_from(
    [
        Activation(kind="leaky_relu", number=0.1),
        Activation(kind="elu", number=0.5),
        Activation(kind="prelu"),
        Activation(kind="prelu", shared=True),
    ]
)
linear: st.SearchStrategy[Activation | Literal["linear"] | None] = st.sampled_from(
    [None, None, None, None, "linear"]
)
activation_options = linear | activation_terms


@st.composite
def convs(draw: st.DrawFn, *, bare: bool = False) -> Conv:
    return Conv(
        kernel=draw(st.sampled_from([1, 1, 3, 3, 3, 5])),
        channels=draw(WIDTHS),
        cardinality=draw(st.sampled_from([1, 1, 1, 2, 4])),
        stride=draw(st.sampled_from([None, None, None, 1, 2])),
        dilation=draw(st.sampled_from([None, None, None, 1, 2])),
        padding=draw(st.sampled_from([None, None, None, None, 0, 1])),
        bias=draw(st.sampled_from([None, None, None, True, False])),
        norm=None if bare else draw(st.sampled_from([None, None, None, None, False, True])),
        activation=None if bare else draw(activation_options),
        bare=bare,
    )


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    kernel = draw(st.integers(1, 3))
    return Pool(
        kind=draw(st.sampled_from(["max", "average"])),
        kernel=kernel,
        stride=draw(st.sampled_from([None, 1, 2])),
        padding=draw(st.none() | st.integers(0, kernel // 2)),
        ceil=draw(st.booleans()),
    )


dropouts = st.builds(Dropout, p=probabilities, of_channels=st.booleans())
gates: st.SearchStrategy[ActKind] = st.sampled_from(["sigmoid", "sigmoid", "hardsigmoid", "tanh"])
inner_norms = st.sampled_from([None, Norm(kind="batch", eps=1e-3)])
attentions = (
    st.builds(SqueezeExcite, hidden=st.sampled_from([1, 2, 4]))
    | st.builds(SqueezeExcite, ratio=st.sampled_from([1, 2]), fc=st.booleans(), bias=st.booleans())
    | st.builds(
        SqueezeExcite,
        hidden=st.just(2),
        norm=inner_norms,
        activation=st.sampled_from(["relu", "silu", "hardswish"]),
        gate=gates,
        max_pool=st.booleans(),
    )
    | st.builds(EfficientChannelAttention, kernel=st.sampled_from([1, 3]))
    | st.builds(
        SpatialAttention, kernel=st.sampled_from([1, 3]), bias=st.booleans(), norm=inner_norms
    )
)
norm_terms = st.sampled_from(
    [
        Norm(),
        Norm(kind="batch"),
        Norm(kind="batch", eps=1e-3, momentum="cumulative", affine=False),
        Norm(kind="group", groups=2),
        Norm(kind="instance", affine=True),
        Norm(kind="layer", eps=1e-6),
    ]
)
scales = st.sampled_from([Scale(factor=0.1), Scale(factor=-2.0), LearnedScale(), L2Normalize()])
normalizations = st.sampled_from(
    [Normalize(mean=(0.5,), std=(0.25,)), Normalize(mean=(0.1,) * 4, std=(0.3, 0.2, 0.1, 1.0))]
)
blurs = st.builds(BlurPool, stride=st.sampled_from([1, 2]))
drop_paths = st.builds(DropPath, p=probabilities.map(lambda p: min(round(p, 6), 0.999999)))
zero_pads = st.builds(ZeroPad, before=st.integers(0, 2), after=st.integers(1, 2))
zero_channels = st.builds(ZeroChannels, before=st.sampled_from([0, 4]), after=st.just(4))
others = st.one_of(
    *(pools(), blurs, attentions, dropouts, drop_paths, zero_pads),
    *(norm_terms, activation_terms, scales, normalizations, zero_channels),
)
row_layers = convs() | convs() | convs() | others
layer_lists = st.lists(row_layers, min_size=1, max_size=3).map(tuple)
branches: st.SearchStrategy[Branch] = layer_lists | layer_lists | st.just((Identity(),))
added = st.lists(norm_terms | activation_terms | attentions, min_size=1, max_size=2)
bodies = st.builds(lambda body, after: (*body, Add(), *after), layer_lists, added)
one_branch = st.tuples(layer_lists)
rows = st.one_of(
    st.builds(Row, branches=one_branch, repeats=st.integers(1, 4)),
    st.builds(
        Row,
        branches=st.lists(branches, min_size=1, max_size=3).map(tuple),
        repeats=st.integers(1, 4),
    ),
    st.builds(Row, branches=one_branch | st.tuples(bodies), shortcut=st.none() | branches),
)
head_layers: st.SearchStrategy[HeadLayer] = st.one_of(
    convs(),
    convs(bare=True),
    others.filter(lambda layer: not getattr(layer, "of_channels", False)),  # of maps alone
    st.builds(
        AdaptivePool, side=st.sampled_from([1, 1, 2]), kind=st.sampled_from(["average", "max"])
    ),
    st.builds(AdaptivePool, window=st.sampled_from(["whole", "height"])),
    st.builds(BothPools, first=st.sampled_from(["average", "max"])),
    st.builds(Fc, features=WIDTHS, bias=st.booleans(), activation=activation_options),
    st.builds(Flatten),
    st.builds(Softmax, log=st.booleans()),
)
activations = st.sampled_from(get_args(ActKind)) | activation_terms.map(activation_value)
batch_norms = st.builds(
    BatchNorm,
    eps=st.sampled_from([1e-5, 1e-3, 2.5e-7]),
    momentum=st.sampled_from([0.1, 0.01, "cumulative"]),
    affine=st.sampled_from([True, True, False]),
)
other_norms = st.builds(InstanceNorm, affine=st.booleans()) | st.builds(LayerNorm)
no_norm: st.SearchStrategy[NormSetting] = st.just("none")
group_norms = st.builds(GroupNorm, groups=st.sampled_from([1, 2, 4]))
active_norms = st.builds(EvoNorm, groups=st.sampled_from([1, 2, 4])) | st.builds(FilterResponseNorm)
norms = no_norm | batch_norms | group_norms | active_norms | other_norms
keys = {
    "stride_on": st.none() | st.sampled_from(get_args(StrideOn)),
    "shortcut": st.none() | st.sampled_from(get_args(Shortcut)),
    "projection": st.none() | st.sampled_from(get_args(Projection)),
    "order": st.none() | st.sampled_from(get_args(Order)),
    "projection_input": st.none() | st.sampled_from(get_args(ProjectionInput)),
    "final_norm": st.none() | st.booleans(),
    "after": st.none() | st.just("none") | activations,
    "weights": st.sampled_from([None, None, *WEIGHTS]),
    "first_dilation": st.none() | st.sampled_from(get_args(FirstDilation)),
    "antialias": st.none() | st.sampled_from(get_args(Antialias)),
    "norm": st.none() | norms,
    "activation": st.none() | activations,
    "bias": flags,
}
dilations = st.sampled_from([None, None, None, 1, 2, 3])
stages = st.builds(
    Stage,
    rows=st.lists(rows, min_size=1, max_size=3).map(tuple),
    stride=st.sampled_from([None, None, None, 1, 2]),
    dilation=dilations,
    **keys,
)
stage_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
heads = st.sampled_from(
    [(), (AdaptivePool(), Fc(features=10)), (Fc(features=8), Fc(features=4), Softmax())]
) | st.lists(head_layers, max_size=4).map(tuple)
counts = st.none() | st.integers(1, 10**15)
written_specs = st.builds(
    Spec,
    name=st.none()
    | st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable() and s.strip()),
    input=st.builds(Shape, st.sampled_from([1, 4, 8]), st.integers(1, 99), st.integers(1, 99)),
    stem=st.lists(row_layers, max_size=3).map(tuple),
    block=st.builds(BlockKeys, **keys),
    stages=st.dictionaries(stage_names, stages, min_size=1, max_size=4),
    head=heads,
    aux=st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}\.[1-9][0-9]?", fullmatch=True), heads, max_size=2
    ),
    drop_path=st.just(0.0) | probabilities,
    output_stride=st.sampled_from([None, 8, 16, 32]),
    init=st.builds(
        Init, scheme=st.sampled_from(get_args(Scheme)), zero_init_residual=st.booleans()
    ),
    expect=st.builds(Expect, layers=counts, params=counts, macs=counts),
)
"""Specs that can be written; few of them make sense."""


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Specs that elaborate, made likely."""
    simple = st.builds(
        Row,
        branches=st.lists(
            st.builds(Conv, kernel=st.sampled_from([1, 3]), channels=WIDTHS), min_size=1, max_size=3
        ).map(lambda path: (tuple(path),)),
        repeats=st.integers(1, 3),
    )
    odd = draw(st.booleans())
    stage = st.builds(
        Stage,
        rows=st.lists(rows if odd else simple, min_size=1, max_size=2).map(tuple),
        stride=st.sampled_from([None, None, 1, 1, 2]),
        dilation=dilations,
        **keys,
    )
    spec = Spec(
        input=Shape(4, draw(st.integers(24, 40)), draw(st.integers(24, 40))),
        stem=draw(st.lists(row_layers, max_size=3).map(tuple)),
        block=draw(st.builds(BlockKeys, **keys)),
        stages=draw(st.dictionaries(stage_names, stage, min_size=1, max_size=3)),
        head=draw(heads),
        drop_path=draw(st.sampled_from([0.0, 0.0, 0.1, 0.3])),
        output_stride=draw(st.sampled_from([None, None, None, 8])),
    )
    shortcuts = {name: spec.settings(stage).shortcut for name, stage in spec.stages.items()}
    blocks = [
        f"{name}.1"
        for name, shortcut in shortcuts.items()  # what follows a last addition is in the head
        if shortcut != "none" and Add() not in spec.stages[name].rows[0].layers
    ]
    if blocks and draw(st.integers(0, 3)) == 0:
        aux = draw(st.dictionaries(st.sampled_from(blocks), heads.filter(bool), max_size=2))
        spec = replace(spec, aux=aux)
    try:
        elaborate(spec)
    except SpecError:
        assume(False)
    return spec


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Networks put together layer by layer, as no author would write them."""
    size = Shape(draw(st.sampled_from([3, 4])), 33, 30)
    norm = draw(st.sampled_from([None, ir.BatchNorm(channels=1, eps=1e-5, momentum=0.1)]))
    act = ir.Act(draw(st.sampled_from(["relu", "silu"])))

    def conv(channels: int, out: int, stride: int, *, kernel: int | None = None) -> list[Layer]:
        k = draw(st.sampled_from([1, 3])) if kernel is None else kernel
        layer = ir.Conv(
            in_channels=channels,
            out_channels=out,
            kernel=k,
            stride=stride,
            padding=k // 2,
            bias=draw(st.booleans()) if kernel is None else norm is None,
        )
        normed = norm and ir.BatchNorm(channels=out, eps=norm.eps, momentum=norm.momentum)
        return [layer, normed] if normed else [layer]

    layers: list[Layer] = []
    channels = size.channels
    for _ in range(draw(st.integers(0, 2))):
        layers += [*conv(channels, 8, draw(st.sampled_from([1, 2]))), act]
        channels = 8
    for _ in range(draw(st.integers(1, 5))):
        out, stride = draw(WIDTHS), draw(st.sampled_from([1, 1, 2]))
        first = conv(channels, out, stride)
        second = conv(out, out, 1)
        plain = draw(st.integers(0, 4)) == 0
        changes = stride > 1 or out != channels
        if plain:
            block = [*first, act, *second, act]
        elif changes and out >= channels and draw(st.booleans()):
            pixels: Layer = ir.Identity()
            if stride > 1:
                pixels = ir.Pool(kind="max", kernel=1, stride=stride)
            new = out - channels
            before = 0 if new % 2 else draw(st.sampled_from([0, new // 2]))
            zeros = ir.PadChannels(before=before, after=new - before) if new else ir.Identity()
            body = ir.sequence(*first, act, *second)
            block = [ir.Residual(body=body, shortcut=ir.sequence(pixels, zeros), after=act)]
        else:
            always = changes or draw(st.booleans())
            shortcut = ir.sequence(*conv(channels, out, stride, kernel=1)) if always else None
            body = ir.sequence(*first, act, *second)
            block = [ir.Residual(body=body, shortcut=shortcut or ir.Identity(), after=act)]
        layers += block * draw(st.integers(1, 3)) if not changes else block
        channels = out
    if draw(st.booleans()):
        layers += [ir.AdaptivePool(), ir.Flatten(), ir.Linear(in_features=channels, out_features=7)]
    try:
        sized_visits(ir.Sequence(tuple(layers)), size)
    except ShapeError:
        assume(False)
    return ir.network(size, *layers)
