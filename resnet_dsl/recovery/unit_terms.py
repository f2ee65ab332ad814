"""One unit back to the terms of a row: the inverse of `elaboration.block_layers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from resnet_dsl import ir
from resnet_dsl.elaboration.term_layers import total_stride
from resnet_dsl.folds.anatomy import is_bottleneck, is_pre_activated, opening_length
from resnet_dsl.ir import ROOT, Layer, LayerPath
from resnet_dsl.language.spec import CHOICES
from resnet_dsl.notation.terms import Branch, Conv, RowLayer
from resnet_dsl.recovery.inferred import (
    BlockContext,
    BlockTerms,
    Choices,
    ConflictError,
    Inferred,
    choices_of,
    layer_noun,
    unsupported,
)
from resnet_dsl.recovery.layer_terms import conv_term, norm_key, normed_conv, term_of, weights_of

_PADDING: Final = "padding|padding on both sides"


def unit_terms(layers: Sequence[Layer], start: int, context: BlockContext) -> BlockTerms:
    """The terms of a unit, whose first layer is the network's `start`-th."""
    try:
        match layers:
            case [*opening, ir.Residual() as residual]:
                return _residual(residual, opening, LayerPath((start + len(opening),)), context)
            case [ir.Parallel(branches)]:
                _refuse_empty(branches, LayerPath((start,)))
                paths = [_path(ir.steps(b), LayerPath((start, i))) for i, b in enumerate(branches)]
                written = [term for written, _ in paths for term in written]
                return _joined(paths, _outside_of_blocks(written))
            case [first, *_] if isinstance(first, ir.Norm | ir.Act):
                return BlockTerms(
                    branches=(), inferred=Inferred(choices=choices_of(order="post")), joins=False
                )
            case _:
                return _plain(layers, start, context)
    except ConflictError:
        what = "a block with two kinds of norms or activations"
        raise unsupported(LayerPath((start,)), what) from None


def _refuse_empty(branches: Sequence[Layer], path: LayerPath) -> None:
    if not all(map(ir.steps, branches)):
        raise unsupported(path, "a branch without layers")


def _plain(layers: Sequence[Layer], start: int, context: BlockContext) -> BlockTerms:
    """A layer outside of any block, with its norm and activation."""
    written, inferred = _path(
        layers, ROOT, start=start, end=frozenset({"pre"} if context.bare else ())
    )
    return BlockTerms(
        branches=(written,), inferred=inferred & _outside_of_blocks(written), joins=True
    )


def _outside_of_blocks(written: Sequence[RowLayer]) -> Inferred:
    """What convolutions without a shortcut show; pools alone stand in stages of any kind."""
    if any(isinstance(term, Conv) for term in written):
        return Inferred(choices=choices_of(shortcut="none", order="post"))
    return Inferred()


def drop_path(layer: ir.Residual) -> float:
    """The probability with which a block is dropped; 0 where it is never."""
    last = ir.steps(layer.body)[-1:]
    return last[0].p if last and isinstance(last[0], ir.DropPath) else 0.0


def _residual(
    layer: ir.Residual, opening: Sequence[Layer], path: LayerPath, context: BlockContext
) -> BlockTerms:
    """A block with a shortcut: read as anti-aliased where its layers can be."""
    steps = ir.steps(layer.body)
    if context.scheduled and drop_path(layer):
        steps = steps[:-1]
    inferred, first = _order_shown(layer, opening, steps, path), 0
    if is_pre_activated(layer) and not opening:
        first = opening_length(steps)
    bodies = [(LayerPath((*path, "body")), first, steps[first:])]
    match steps[first:]:
        case (ir.Parallel(branches),):
            _refuse_empty(branches, path)
            bodies = [
                (LayerPath((*path, "body", i)), 0, ir.steps(part))
                for i, part in enumerate(branches)
            ]

    def read(*, split: bool) -> BlockTerms:
        left = context.filtered and context.enters
        paths = [
            _path(body, at, start=start, end=inferred.choices["order"], split=split, left=left)
            for at, start, body in bodies
        ]
        convs = [term for written, _ in paths for term in written if isinstance(term, Conv)]
        if not convs:
            raise unsupported(path, "a residual block without a convolution")
        total = total_stride(paths[0][0])
        bottleneck = is_bottleneck([conv.kernel for conv in convs])
        needed = context.enters and bottleneck and is_pre_activated(layer)
        shortcut = _shortcut(layer, total, LayerPath((*path, "shortcut")), context, needed=needed)
        return _joined(paths, inferred & shortcut)

    try:
        return read(split=True)
    except ConflictError:  # some strides are split, others are not: the pools are the author's own
        return read(split=False)


def _order_shown(
    layer: ir.Residual, opening: Sequence[Layer], steps: Sequence[Layer], path: LayerPath
) -> Inferred:
    """What the norms and activations around a block show."""
    match layer.after:
        case ir.Act(kind) if not opening:
            return Inferred(activation=kind, choices=choices_of(order="post"))
        case ir.Identity():
            pass
        case _:
            raise unsupported(path, "a residual block with another layer after its addition")
    before = opening or steps[: opening_length(steps)]
    match before:
        case [ir.BatchNorm() | ir.GroupNorm() as norm, ir.Act(kind)]:
            inferred = Inferred(norm=norm_key(norm), activation=kind)
        case [ir.EvoNorm() | ir.FilterResponseNorm() as norm]:
            inferred = Inferred(norm=norm_key(norm))
        case [ir.Act(kind)]:
            inferred = Inferred(norm="none", activation=kind)
        case _:
            raise unsupported(path, "a residual block without an activation before or after it")
    return inferred & Inferred(choices=choices_of(order="pre"))


def _shortcut(
    block: ir.Residual, stride: int, path: LayerPath, context: BlockContext, *, needed: bool
) -> Inferred:
    """What a shortcut shows: the choices that would give it, its norm, its bias.

    `needed` says that the language projects here though the shape stays.
    """
    moves = stride > 1 or context.dilated
    normed = not is_pre_activated(block)
    match ir.steps(block.shortcut):
        case ():
            choices = choices_of(shortcut=_PADDING if needed else f"projection|{_PADDING}")
            return Inferred(choices=choices)
        case (ir.Conv() as conv, *rest):
            same = stride == 1 and conv.in_channels == conv.out_channels and not needed
            kernels = f"{conv.kernel}x{conv.kernel}" if moves else "|".join(CHOICES["projection"])
            choices = choices_of(
                shortcut="always" if same else "projection|always", projection=kernels
            )
            return _projected(conv, rest, choices, normed=normed)
        case (ir.Pool(kind="average"), ir.Conv() as conv, *rest) | (
            ir.ZeroPad(),
            ir.Pool(kind="average"),
            ir.Conv() as conv,
            *rest,
        ):
            same = stride == 1 and conv.in_channels == conv.out_channels and not needed
            choices = choices_of(
                shortcut="always" if same else "projection|always", projection="average pool, 1x1"
            )
            return _projected(conv, rest, choices, normed=normed)
        case (*_, ir.PadChannels(before=before)):
            padding = "padding on both sides" if before else "padding"
            return Inferred(choices=choices_of(shortcut=padding))
        case (ir.Pool(),):
            return Inferred(choices=choices_of(shortcut=_PADDING))
        case _:
            raise unsupported(path, "a shortcut that is not an identity, a projection or a padding")


def _projected(
    conv: ir.Conv, following: list[Layer], choices: Choices, *, normed: bool
) -> Inferred:
    norm = norm_key(following[0]) if following and isinstance(following[0], ir.AnyNorm) else "none"
    return Inferred(
        norm=norm if normed else None,
        weights=weights_of(conv),
        projection_bias=conv.bias,
        choices=choices,
    )


def _joined(paths: list[tuple[Branch, Inferred]], inferred: Inferred) -> BlockTerms:
    for _, shown in paths:
        inferred = inferred & shown
    return BlockTerms(
        branches=tuple(written for written, _ in paths), inferred=inferred, joins=False
    )


def _path(
    layers: Sequence[Layer],
    path: LayerPath,
    *,
    end: frozenset[str] = frozenset(),
    split: bool = False,
    start: int = 0,
    left: bool = False,
) -> tuple[Branch, Inferred]:
    """Layers one after the other. Where they `end` in an addition, the last convolution leaves its
    activation to it (post) or is bare (pre).

    `split` reads a convolution with a blur or average pool after it as one, anti-aliased; a blur
    may be `left` of a stride that is dilated instead.
    """
    written, inferred, i = list[RowLayer](), Inferred(), 0
    convs = [i for i, layer in enumerate(layers) if isinstance(layer, ir.Conv)]
    while i < len(layers):
        here = LayerPath((*path, start + i))
        match layers[i]:
            case ir.Conv() as conv if i == convs[-1] and "pre" in end:
                term, shown, length = conv_term(conv), Inferred(weights=weights_of(conv)), 1
            case ir.Conv() as conv:
                act = not end or i != convs[-1]
                term, shown, length = normed_conv(conv, layers[i + 1 : i + 3], here, act=act)
            case other if bare := term_of(other):
                written.append(bare)
                i += 1
                continue
            case other:
                raise unsupported(here, f"{layer_noun(other)} here")
        i += length
        if filtered := _filtered(term, layers[i : i + 1] if split else (), left=left):
            term, filter = filtered
            shown = replace(shown, choices=choices_of(antialias=filter))
            i += filter != "none"
        written.append(term)
        inferred &= shown
    return tuple(written), inferred


def _filtered(term: Conv, following: Sequence[Layer], *, left: bool) -> tuple[Conv, str] | None:
    """A convolution with its stride, and how that is anti-aliased; None where it has no stride."""
    match following:
        case [ir.BlurPool(stride=stride)] if term.stride == 1 and (stride > 1 or left):
            return replace(term, stride=stride), "blur"
        case [ir.Pool(kind="average", kernel=k, stride=stride, padding=0, ceil=False)] if (
            term.stride == 1 and k == stride > 1
        ):
            return replace(term, stride=stride), "average"
        case _:
            return None if term.stride == 1 else (term, "none")
