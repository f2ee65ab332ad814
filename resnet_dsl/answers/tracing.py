"""Which layers run, in order of computation? Sizes, costs, receptive fields and reasons.

A line is a leaf, an addition or a concatenation. Identity shortcuts compute nothing and have none;
auxiliary classifiers do not run for an image that is classified, and have none either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resnet_dsl import ir
from resnet_dsl.answers.block_runs import block_runs
from resnet_dsl.answers.layer_text import layer_text
from resnet_dsl.answers.reason_text import reason_text
from resnet_dsl.diagnostics import fail
from resnet_dsl.elaboration.draft import NO_REASONS
from resnet_dsl.folds.count import leaf_params, visit_macs
from resnet_dsl.folds.field import SIZED_FIELD_RULES, Field, Sized
from resnet_dsl.folds.vocabulary import node_op
from resnet_dsl.folds.walk import Visit, leaves, walk
from resnet_dsl.ir import LayerPath, Leaf, Parallel, Residual, Shape, Size
from resnet_dsl.language.fields import Input
from resnet_dsl.naming import leaf_names
from resnet_dsl.naming.builder import shared_scope
from resnet_dsl.notebooks import ShownInNotebooks
from resnet_dsl.sources.resolve import Part, Resolved, Source, part_named, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One layer at work: `path` is its module's name in torchvision's naming.

    Sizes are heights and widths, None for a vector; numbers that mean nothing for the layer are
    None. `stage` is the stem, a stage or the head, and `block` counts in it from 1.
    `receptive_field` is what a number that leaves the layer sees of the image, `layer` the layer in
    words, with all its hyperparameters, `why` why the compiler put it there, None where the spec
    has it. `layer` has all hyperparameters.
    """

    path: str
    op: str
    kernel: int | None = None
    in_channels: int
    out_channels: int
    stride: int | None = None
    padding: int | None = None
    groups: int | None = None
    in_size: tuple[int, int] | None
    out_size: tuple[int, int] | None
    params: int
    macs: int
    stage: str
    block: int | None
    dilation: int | None = None
    receptive_field: int
    layer: str
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace(ShownInNotebooks):
    """The layers of a network for one image of the size `input`."""

    name: str | None
    input: Shape
    lines: tuple[TraceLine, ...]


def trace(
    source: Source,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    *,
    stage: str | None = None,
    block: int | None = None,
) -> Trace:
    """The trace of a path, a zoo name, a Spec or a Network, or of one stage or block of it.

    >>> lines = trace("resnet50", stage="conv3_x", block=1).lines
    >>> [line.path for line in lines if line.why and "projection:" in line.why]
    ['layer2.0.downsample.0']
    """
    resolved = resolve(source, overrides, input)
    part = _part(resolved.parts, stage, block)
    with resolved.placing():
        lines = tuple(
            line
            for line in _lines(resolved, resolved.size)
            if part in (None, line.stage) and block in (None, line.block)
        )
    return Trace(name=resolved.name, input=resolved.size, lines=lines)


def _part(parts: Sequence[Part], stage: str | None, block: int | None) -> str | None:
    """The name of a stage; `SpecError` where there is none, or where it has no such block."""
    part = None if stage is None else part_named(parts, stage)
    if block is not None and (part is None or not 0 < block <= len(part.blocks)):
        if part is None:
            raise fail("value", "a block needs its stage", help="give its stage too")
        count = len(part.blocks)
        help = f"its blocks are 1 to {count}" if count else "blocks are in stages"
        raise fail("value", f"{stage} has no block {block}", help=help)
    return part and part.name


def _lines(resolved: Resolved, input: Shape) -> Iterator[TraceLine]:
    network, elaboration = resolved.network, resolved.elaboration
    names = leaf_names(network)
    signal: Sized = input, Field()
    for part, block, indices in block_runs(resolved.parts):
        for i in indices:
            block_input, reasons = signal[0], elaboration.reasons[i] if elaboration else NO_REASONS
            visits, signal = walk(network.layers[i], signal, SIZED_FIELD_RULES, LayerPath((i,)))
            for visit in visits:
                why = reasons.get(LayerPath(visit.path[1:]), ())
                text = "; ".join(reason_text(r, block_input, visit.after[0]) for r in why)
                yield _line(visit, part.name, block, _name(visit, names), text or None)


def _name(visit: Visit[Sized], names: dict[LayerPath, str]) -> str:
    """The name of the module; what has none is called by what it does, in its scope."""
    if known := names.get(visit.path):
        return known
    op, node = node_op(visit.node), visit.node
    if not isinstance(node, Residual | Parallel):
        return op
    inside = (names[path] for path, _ in leaves(node, visit.path) if path in names)
    return ".".join([*shared_scope([name.split(".")[:-1] for name in inside]), op])


def _line(
    visit: Visit[Sized], part: str, block: int | None, name: str, why: str | None
) -> TraceLine:
    node, (before, _), (after, field) = visit.node, visit.before, visit.after
    leaf = None if isinstance(node, Residual | Parallel) else node
    return TraceLine(
        path=name,
        op=node_op(node),
        in_channels=before[0],
        out_channels=after[0],
        in_size=_sides(before),
        out_size=_sides(after),
        params=leaf_params(leaf) if leaf else 0,
        macs=visit_macs(Visit(visit.path, node, before, after)),
        stage=part,
        block=block,
        receptive_field=field.side,
        layer=layer_text(leaf) if leaf else node_op(node),
        why=why,
        **_window(leaf),
    )


def _sides(size: Size) -> tuple[int, int] | None:
    return (size.height, size.width) if isinstance(size, Shape) else None


def _window(leaf: Leaf | None) -> dict[str, int]:
    """How a layer looks at a map, in so far as it does."""
    match leaf:
        case ir.Conv(kernel=k, stride=s, padding=p, dilation=d, groups=groups):
            return {"kernel": k, "stride": s, "padding": p, "dilation": d, "groups": groups}
        case ir.Pool(kernel=k, stride=s, padding=p):
            return {"kernel": k, "stride": s, "padding": p}
        case ir.BlurPool(stride=s):
            return {"kernel": 3, "stride": s, "padding": 1}
        case ir.ZeroPad(before=before, after=after) if before == after:
            return {"padding": before}
        case ir.EfficientChannelAttention(kernel=k):
            return {"kernel": k}
        case ir.GroupNorm(groups=groups) | ir.EvoNorm(groups=groups):
            return {"groups": groups}
        case _:
            return {}
