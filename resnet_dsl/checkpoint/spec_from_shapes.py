"""The spec of a residual network by its weights alone.

Kernels, channels, groups, biases, the kind of norm and where it stands show in the weights.
Strides, pools and sizes do not: they are those of He et al. 2015, §3.4 and §4.2. A stem of one 3x3
is that of the networks for small images, any other one shrinks the map by 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from math import gcd
from typing import Final

from resnet_dsl.checkpoint.block_scopes import Group, Parts
from resnet_dsl.checkpoint.families import pooled_vector
from resnet_dsl.checkpoint.state_keys import Weights
from resnet_dsl.folds.anatomy import is_bottleneck
from resnet_dsl.ir import Shape
from resnet_dsl.language.spec import (
    BatchNorm,
    BlockKeys,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    Norm,
    Order,
    Projection,
    Shortcut,
    Spec,
    Stage,
)
from resnet_dsl.notation.terms import (
    AdaptivePool,
    Branch,
    Conv,
    EfficientChannelAttention,
    Fc,
    Flatten,
    HeadLayer,
    Pool,
    Row,
    SqueezeExcite,
)

LARGE_IMAGE: Final = 224
SMALL_IMAGE: Final = 32
_MANY_CLASSES: Final = 1000
"""Those of ImageNet: networks for small images have fewer."""
_GROUPS: Final = GroupNorm().groups


def spec_of(parts: Parts) -> Spec:
    """The spec that gives such weights, in the defaults of its family."""
    order = orders(parts)[0]
    stages = list(_stages(parts, order))
    classes = parts.head[-1].out if parts.head else 0
    small = [conv.kernel for conv in parts.stem] == [3] and classes < _MANY_CLASSES
    side = SMALL_IMAGE if small else LARGE_IMAGE
    channels = parts.stem[0].incoming if parts.stem else parts.blocks[0].convs[0].incoming
    biases = {conv.has_bias for block in parts.blocks for conv in block.projection}
    block = BlockKeys(
        order=order,
        norm=_norm(parts),
        projection=_projection(parts),
        bias=biases.pop() if len(biases) == 1 else None,
    )
    return Spec(
        input=Shape(channels, side, side),
        stem=tuple(_stem(parts.stem, small=small)),
        block=block,
        stages={f"conv{number}_x": stage for number, stage in enumerate(stages, 2)},
        head=tuple(_head(parts.head)),
    )


def orders(parts: Parts) -> list[Order]:
    """Where norms can stand by their channels, after the convolutions or before them."""
    after = before = True
    channels = parts.stem[-1].out if parts.stem else 0
    for block in parts.blocks:
        norms = sorted(norm.out for norm in block.norms)
        outs = [conv.out for conv in block.convs]
        after &= norms == sorted(outs)
        before &= norms == sorted([channels, *outs[:-1]])
        channels = outs[-1]
    fitting: list[tuple[Order, bool]] = [("post", after), ("pre", before)]
    return [order for order, fits in fitting if fits] or ["post"]


def _pools_in_projections(parts: Parts) -> bool:
    """Whether a projection's convolution is the second of its scope, as after a pool."""
    places = {block.projection[0].path[-1] for block in parts.blocks if block.projection}
    return places == {"1"}


def _projection(parts: Parts) -> Projection | None:
    kernels = {conv.kernel for block in parts.blocks for conv in block.projection}
    if not kernels:
        return None
    if 3 in kernels:
        return "3x3"
    return "average pool, 1x1" if _pools_in_projections(parts) else "1x1"


def _norm(parts: Parts) -> Norm:
    norms = [norm for block in parts.blocks for norm in block.norms] or list(parts.norms)
    if not norms:
        return "none"
    keys = {key for norm in norms for key in norm.shapes}
    groups = reduce(gcd, (norm.out for norm in norms), _GROUPS)
    if "running_mean" in keys:
        return BatchNorm()
    if "v" in keys:
        return EvoNorm(groups=groups)
    return FilterResponseNorm() if "tau" in keys else GroupNorm(groups=groups)


# ---------------------------------------------------------------- stem and head


def _stem(convs: Sequence[Weights], *, small: bool) -> Iterator[Conv | Pool]:
    pooling = len(convs) > 1 and "pool" in convs[-1].name
    channels = 0
    for i, conv in enumerate(convs):
        strides = (i == 0 and not small) or (pooling and i == len(convs) - 1)
        word = _conv(conv, channels or conv.incoming)
        yield replace(word, stride=2) if strides else word
        channels = conv.out
    if convs and not small and not pooling:
        yield Pool(kind="max", kernel=3, stride=2)


def _head(layers: Sequence[Weights]) -> Iterator[HeadLayer]:
    if not layers:
        yield from pooled_vector([AdaptivePool()])
        return
    yield AdaptivePool()
    for layer in layers:
        if layer.kind == "linear":
            yield Fc(features=layer.out)
        else:
            yield Conv(kernel=1, channels=layer.out, bias=layer.has_bias, bare=True)
            yield Flatten()


def _conv(conv: Weights, channels: int) -> Conv:
    return Conv(
        kernel=conv.kernel,
        channels=conv.out,
        cardinality=channels // conv.incoming,
        bias=conv.has_bias,
    )


# ---------------------------------------------------------------- stages


def _stages(parts: Parts, order: Order) -> Iterator[Stage]:
    """A stage starts where the width changes, or where a block projects and the one before did
    not."""
    channels = parts.stem[-1].out if parts.stem else parts.blocks[0].convs[0].incoming
    start = 0
    for i in range(1, len(parts.blocks) + 1):
        if i < len(parts.blocks) and not _starts(parts.blocks[i - 1], parts.blocks[i]):
            continue
        blocks = parts.blocks[start:i]
        yield _stage(blocks, channels, order)
        start, channels = i, blocks[-1].convs[-1].out


def _starts(before: Group, block: Group) -> bool:
    widens = before.convs[-1].out != block.convs[-1].out
    return widens or bool(block.projection and not before.projection)


def _stage(blocks: Sequence[Group], channels: int, order: Order) -> Stage:
    first = blocks[0]
    widens = channels != first.convs[-1].out
    shortcut: Shortcut = "projection"
    if len(blocks) > 1 and all(block.projection for block in blocks):
        shortcut = "always"
    elif not first.projection and widens:
        shortcut = "padding"
    bottleneck = is_bottleneck([conv.kernel for conv in first.convs])
    strides = bool(first.projection) and not widens and not (order == "pre" and bottleneck)
    rows = []
    for block in blocks:
        rows.append(Row(branches=(_row(block, channels),)))
        channels = block.convs[-1].out
    return Stage(
        rows=tuple(rows), shortcut=shortcut, stride=2 if strides and shortcut != "always" else None
    )


def _row(block: Group, channels: int) -> Branch:
    """Convolutions, and attention after the last one that it fits."""
    words: list[Conv | SqueezeExcite | EfficientChannelAttention] = []
    widths = []
    for conv in block.convs:
        words.append(_conv(conv, channels))
        widths.append(channels := conv.out)
    for layer in block.attention:
        if layer.kind == "eca":
            words.append(EfficientChannelAttention(kernel=layer.shapes["conv.weight"][2]))
            continue
        hidden, width = layer.shapes["fc1.weight"][:2]
        place = len(widths) - widths[::-1].index(width) if width in widths else len(widths)
        words.insert(place, SqueezeExcite(hidden=hidden))
    return tuple(words)
