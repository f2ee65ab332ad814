"""Every layer of a network in the order of computation: its sizes, its costs, its reason.

A line is a leaf, an addition or a concatenation. Identity shortcuts compute nothing and have none;
auxiliary classifiers do not run for an image that is classified, and have none either.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, TypeAlias

from resnet_dsl import ir
from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.folds.count import leaf_params, leaves, step_macs
from resnet_dsl.folds.field import Field, leaf_field
from resnet_dsl.folds.naming import members, named
from resnet_dsl.folds.shape import ShapeError, Step, concatenated, leaf_size
from resnet_dsl.ir import (
    AdaptivePool,
    Flatten,
    Identity,
    Layer,
    Leaf,
    Linear,
    Parallel,
    Path,
    Residual,
    Shape,
    Size,
)
from resnet_dsl.pages import Resolved, Source, resolve
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.report.reasons import Reasons, Run, runs


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


@dataclass(frozen=True, slots=True)
class Signal:
    """What runs between layers: its size, and what a number of it sees of the image."""

    size: Size
    field: Field


Node: TypeAlias = Leaf | Residual | Parallel


@dataclass(frozen=True, slots=True)
class Visit:
    """A leaf, the addition of a residual block or the concatenation of branches at work."""

    path: Path
    node: Node
    before: Size
    after: Signal


def visits(layer: Layer, at: Signal, path: Path = ()) -> Generator[Visit, None, Signal]:
    """Yield all that computes, in the order of computation; return what leaves the layer.

    May raise `ShapeError`, as `folds.shape.trace` does.
    """
    match layer:
        case ir.Sequence(layers):
            for i, inner in enumerate(layers):
                at = yield from visits(inner, at, (*path, i))
            return at
        case Residual(body=body, shortcut=shortcut, after=after):
            left = yield from visits(body, at, (*path, "body"))
            right = yield from visits(shortcut, at, (*path, "shortcut"))
            if left.size != right.size:
                raise ShapeError(path, f"the body gives {left.size}, the shortcut {right.size}")
            met = Signal(left.size, _widest([left, right]))
            yield Visit(path, layer, met.size, met)
            return (yield from visits(after, met, (*path, "after")))
        case Parallel(branches):
            outs = []
            for i, branch in enumerate(branches):
                outs.append((yield from visits(branch, at, (*path, i))))
            met = Signal(concatenated([out.size for out in outs], path), _widest(outs))
            yield Visit(path, layer, met.size, met)
            return met
        case Identity():
            return at
        case _:
            behind = Signal(leaf_size(layer, at.size, path), _field(layer, at.field))
            yield Visit(path, layer, at.size, behind)
            return behind


def _widest(branches: Sequence[Signal]) -> Field:
    return max((branch.field for branch in branches), key=attrgetter("jump", "side"))


def _field(leaf: Leaf, before: Field) -> Field:
    """The field behind a leaf; where a map ends, nothing widens it any more."""
    ends = isinstance(leaf, AdaptivePool | Flatten | Linear)
    return before._replace(jump=0) if ends else leaf_field(leaf, before)


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


_OPS: Final[dict[type[Node], str]] = {
    ir.Conv: "conv",
    ir.Linear: "fc",
    ir.BatchNorm: "batchnorm",
    ir.GroupNorm: "groupnorm",
    ir.EvoNorm: "evonorm",
    ir.FilterResponseNorm: "frn",
    ir.AdaptivePool: "avgpool",
    ir.ZeroPad: "zeropad",
    ir.BlurPool: "blurpool",
    ir.SqueezeExcite: "se",
    ir.EfficientChannelAttention: "eca",
    ir.PadChannels: "padchannels",
    ir.Flatten: "flatten",
    ir.Dropout: "dropout",
    ir.DropPath: "droppath",
    ir.Softmax: "softmax",
    ir.Residual: "add",
    ir.Parallel: "concat",
}


def _op(node: Node) -> str:
    """One word for what a node does."""
    match node:
        case ir.Act(kind=kind):
            return kind
        case ir.Pool(kind=kind):
            return "maxpool" if kind == "max" else "avgpool"
        case _:
            return _OPS[type(node)]


def trace_json(found: Trace) -> list[dict[str, Any]]:
    """The same facts for programs."""
    keys = [field.name for field in fields(TraceLine)]
    return [{key: getattr(line, key) for key in keys} for line in found.lines]
