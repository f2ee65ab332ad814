"""Every layer of a network in the order of computation: its sizes, its costs, its reason.

A line is a leaf, an addition or a concatenation. Identity shortcuts compute nothing and have none;
auxiliary classifiers do not run for an image that is classified, and have none either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, assert_never

from resnet_dsl import ir
from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.folds.count import leaf_params, leaves, step_macs
from resnet_dsl.folds.field import Field
from resnet_dsl.folds.shape import Step
from resnet_dsl.folds.visits import Node, Signal, Visit, visits
from resnet_dsl.ir import (
    Identity,
    Leaf,
    Parallel,
    Path,
    Residual,
    Shape,
    Size,
)
from resnet_dsl.naming import members, named
from resnet_dsl.render.reason_text import Reasons, Run, runs
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.sources.resolve import Resolved, Source, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One layer at work: `path` is its module's name in torchvision's naming.

    Sizes are heights and widths, None for a vector; numbers that mean nothing for the layer are
    None. `stage` is the stem, a stage or the head, and `block` counts in it from 1.
    `receptive_field` is what a number that leaves the layer sees of the image, `why` what put the
    layer there, None where the page says it.
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
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The layers of a network for one image of the size `input`."""

    name: str | None
    input: Shape
    lines: tuple[TraceLine, ...]


def trace(
    source: Source,
    input: str | Sequence[int] | None = None,
    *,
    overrides: Sequence[str] = (),
    stage: str | None = None,
    block: int | None = None,
) -> Trace:
    """The trace of a path, a zoo name, a Spec or a Network, or of one stage or block of it.

    >>> found = trace("resnet50", stage="conv3_x", block=1)
    >>> [line.path for line in found.lines if line.why and "projection:" in line.why]
    ['layer2.0.downsample.0']
    """
    resolved = resolve(source, overrides)
    size = input_shape(input) or resolved.spec.input
    _check_part(resolved, stage, block)
    with resolved.placing():
        lines = tuple(
            line
            for line in _lines(resolved, size)
            if stage in (None, line.stage) and block in (None, line.block)
        )
    return Trace(name=resolved.spec.name, input=size, lines=lines)


def _check_part(resolved: Resolved, stage: str | None, block: int | None) -> None:
    """`SpecError` where the network has no such stage, or the stage no such block."""
    parts = ("stem", *resolved.spec.stages, "head")
    if stage is not None and stage not in parts:
        guess = nearest(stage, parts)
        raise fail(
            "value",
            f"{stage!r} is no stage of this network",
            help=f"did you mean {guess!r}?" if guess else f"it has {', '.join(parts)}",
        )
    ends = resolved.elaboration.blocks
    if block is not None and f"{stage}.{block}" not in ends:
        count = sum(name.rpartition(".")[0] == stage for name in ends)
        said = f"{stage} has no block {block}, it has {count}" if stage else "a block of no stage"
        raise fail("value", said, help="blocks of a stage count from 1: name both")


def _lines(resolved: Resolved, input: Shape) -> Iterator[TraceLine]:
    layers, reasons = resolved.network.layers, Reasons(resolved.spec)
    modules = members(named(resolved.network))
    names = {path: name for name, member in modules for path in member.paths}
    begins = {run.layers.start: run for run in runs(resolved.spec, resolved.elaboration)}
    for visit in visits(ir.Sequence(layers), Signal(input, Field())):
        if begun := begins.pop(int(visit.path[0]), None):
            run, why = begun, reasons.of(begun, layers, visit.before)
        yield _line(visit, run, _name(visit, names), why.get(visit.path))


def _name(visit: Visit, names: dict[Path, str]) -> str:
    """The name of the module; what has none is called by what it does, in its scope."""
    if known := names.get(visit.path):
        return known
    word, node = _op(visit.node), visit.node
    if not isinstance(node, Residual | Parallel):
        return word
    inside = [names[path] for path, _ in leaves(node, visit.path) if path in names]
    return ".".join([*_scope(inside), word])


def _scope(names: Sequence[str]) -> list[str]:
    """What dotted names have in common, in front of their last words."""
    scope: list[str] = []
    for words in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(words)) > 1:
            break
        scope.append(words[0])
    return scope


def _line(visit: Visit, run: Run, name: str, why: str | None) -> TraceLine:
    node, size = visit.node, visit.after.size
    leaf = None if isinstance(node, Residual | Parallel) else node
    if isinstance(node, Parallel):
        why = f"{len(node.branches)} branches side by side"
    return TraceLine(
        path=name,
        op=_op(node),
        in_channels=visit.before[0],
        out_channels=size[0],
        in_size=_sides(visit.before),
        out_size=_sides(size),
        params=leaf_params(leaf) if leaf else 0,
        macs=step_macs(Step(visit.path, leaf, visit.before, size)) if leaf else 0,
        stage=run.part,
        block=run.block,
        receptive_field=visit.after.field.side,
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


def _op(node: Node) -> str:
    """One word for what a node does."""
    match node:
        case ir.Act(kind=kind):
            return kind
        case ir.Pool(kind=kind):
            return "maxpool" if kind == "max" else "avgpool"
        case ir.Conv():
            return "conv"
        case ir.Linear():
            return "fc"
        case ir.BatchNorm():
            return "batchnorm"
        case ir.GroupNorm():
            return "groupnorm"
        case ir.EvoNorm():
            return "evonorm"
        case ir.FilterResponseNorm():
            return "frn"
        case ir.AdaptivePool():
            return "avgpool"
        case ir.ZeroPad():
            return "zeropad"
        case ir.BlurPool():
            return "blurpool"
        case ir.SqueezeExcite():
            return "se"
        case ir.EfficientChannelAttention():
            return "eca"
        case ir.PadChannels():
            return "padchannels"
        case ir.Flatten():
            return "flatten"
        case ir.Dropout():
            return "dropout"
        case ir.DropPath():
            return "droppath"
        case ir.Softmax():
            return "softmax"
        case ir.Residual():
            return "add"
        case ir.Parallel():
            return "concat"
        case Identity():
            return "identity"
        case _:
            assert_never(node)


def trace_json(found: Trace) -> list[dict[str, Any]]:
    """The same facts for programs."""
    keys = [field.name for field in fields(TraceLine)]
    return [{key: getattr(line, key) for key in keys} for line in found.lines]
