"""One unit back to the terms of a row: the inverse of `elaboration.block_layers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration.term_layers import total_stride
from resnet_dsl.folds.anatomy import is_bottleneck, is_pre_activated, opening_length
from resnet_dsl.ir import ROOT, Layer, LayerPath
from resnet_dsl.language.activations import ActivationValue
from resnet_dsl.language.spec import CHOICES, Order
from resnet_dsl.notation import terms
from resnet_dsl.notation.terms import Branch
from resnet_dsl.recovery.inferred import (
    BlockContext,
    BlockTerms,
    ConflictError,
    Inferred,
    choices_of,
    unsupported,
)
from resnet_dsl.recovery.layer_terms import activation_key, norm_key
from resnet_dsl.recovery.path_terms import (
    Item,
    NormedConv,
    Role,
    activation_of_items,
    is_bare,
    norm_of_items,
    path_terms,
    read_path,
    shown_by,
)
from resnet_dsl.recovery.shortcut_terms import shown_by_shortcut


def unit_terms(layers: Sequence[Layer], start: int, context: BlockContext) -> BlockTerms:
    """The terms of a unit, whose first layer is the network's `start`-th."""
    try:
        match layers:
            case [*opening, ir.Residual() as residual]:
                return _residual(residual, opening, LayerPath((start + len(opening),)), context)
            case [ir.Parallel(branches)]:
                return _branches(branches, LayerPath((start,)))
            case _:
                return _plain(layers, start)
    except ConflictError:
        what = "a block with two kinds of filters or anti-aliasing"
        raise unsupported(LayerPath((start,)), what) from None


CLOSING = BlockTerms(
    branches=(), inferred=Inferred(choices=choices_of(order="post")), joins=False, closes=True
)
"""The norm and activation after the last pre-activated block: no term of a row gives them."""


NOTHING = BlockTerms(branches=(), inferred=Inferred(), joins=False)
"""A unit whose terms belong to the block before it."""


def drop_path(layer: ir.Residual) -> float:
    """The probability with which a block is dropped; 0 where it is never."""
    last = ir.steps(layer.body)[-1:]
    return last[0].p if last and isinstance(last[0], ir.DropPath) else 0.0


# ---------------------------------------------------------------- without a shortcut


def _plain(layers: Sequence[Layer], start: int) -> BlockTerms:
    """A layer outside of any block, with its norm and activation."""
    items = read_path(layers, ROOT, start=start)
    return replace(_outside_of_blocks([items]), joins=True)


def _branches(branches: Sequence[Layer], path: LayerPath) -> BlockTerms:
    """Branches side by side."""
    return _outside_of_blocks(
        [read_path(ir.steps(b), LayerPath((*path, i))) for i, b in enumerate(branches)]
    )


def _outside_of_blocks(paths: Sequence[Sequence[Item]]) -> BlockTerms:
    """What convolutions without a shortcut show; pools alone stand in stages of any kind."""
    items = [item for path in paths for item in path]
    convs = [item for item in items if isinstance(item, NormedConv)]
    norm, activation = norm_of_items(items), activation_of_items(items)
    if is_bare(convs):
        norm = None
    choices = choices_of(shortcut="none", order="post") if convs else choices_of()
    shown = Inferred(norm=norm, activation=activation, choices=choices)
    return BlockTerms(
        branches=tuple(_or_identity(path_terms(path, norm, activation)) for path in paths),
        inferred=shown & shown_by(items),
        joins=False,
    )


def _or_identity(path: Branch) -> Branch:
    return path or (terms.Identity(),)


# ---------------------------------------------------------------- with a shortcut


def _residual(
    layer: ir.Residual, opening: Sequence[Layer], path: LayerPath, context: BlockContext
) -> BlockTerms:
    """A block with a shortcut: by the keys for pre-activated blocks, by those for others, or with
    its shortcut written in the row; anti-aliased where its layers can be."""
    readings = []
    if is_pre_activated(layer) and (opening or opening_length(ir.steps(layer.body))):
        readings.append(_pre_activated(layer, opening))
    if not opening:
        readings += [_Reading("post"), _Reading("post", writes_shortcut=True)]
    refusal: Exception | None = None
    for reading in readings:
        for split in (True, False):  # some strides may be split, others not: the pools are terms
            try:
                return _read_residual(layer, reading, path, context, split=split)
            except (SpecError, ConflictError) as error:
                refusal = refusal or error
    raise refusal or unsupported(path, "this block")


class _Reading(NamedTuple):
    """A way to read a block: its order, and whether its row writes the shortcut.

    Of a pre-activated block, the norm and activation at its beginning; whether the projection
    reads them too.
    """

    order: Order
    opening: tuple[Layer, ...] = ()
    shares: bool = False
    writes_shortcut: bool = False


def _pre_activated(layer: ir.Residual, opening: Sequence[Layer]) -> _Reading:
    steps = ir.steps(layer.body)
    own = tuple(opening) or steps[: opening_length(steps)]
    return _Reading("pre", own, shares=bool(opening))


def _read_residual(
    layer: ir.Residual, reading: _Reading, path: LayerPath, context: BlockContext, *, split: bool
) -> BlockTerms:
    paths = _body_items(layer, reading, path, context, split=split)
    items = [item for items in paths for item in items]
    if not any(isinstance(item, NormedConv) for item in items):
        raise unsupported(path, "a residual block without a convolution")
    inferred = _settings_shown(layer, reading, items, path) & shown_by(items)
    norm = "none" if inferred.norm is None else inferred.norm
    last: Role = "last of pre" if reading.order == "pre" else "last"
    branches = tuple(
        _or_identity(path_terms(items, norm, inferred.activation, last)) for items in paths
    )
    written = None
    if reading.writes_shortcut:
        own = read_path(ir.steps(layer.shortcut), LayerPath((*path, "shortcut")))
        written = _or_identity(path_terms(own, norm, inferred.activation, last))
        shortcuts = "|".join(value for value in CHOICES["shortcut"] if value != "none")
        shown = shown_by(own) & Inferred(choices=choices_of(shortcut=shortcuts))
    else:
        kernels = [item.term.kernel for item in items if isinstance(item, NormedConv)]
        needed = context.enters and reading.order == "pre" and is_bottleneck(kernels)
        stride = total_stride(branches[0])
        keyed = shown_by_shortcut(layer, inferred, stride, context, needed=needed)
        if keyed is None:
            raise unsupported(
                LayerPath((*path, "shortcut")),
                "a shortcut that is not an identity, a projection or a padding",
            )
        shown = keyed
    return BlockTerms(branches=branches, inferred=inferred & shown, joins=False, shortcut=written)


def _body_items(
    layer: ir.Residual, reading: _Reading, path: LayerPath, context: BlockContext, *, split: bool
) -> list[list[Item]]:
    """The paths of a body, without the norm and activation that open it."""
    steps = ir.steps(layer.body)
    if context.scheduled and drop_path(layer):
        steps = steps[:-1]
    first = 0 if reading.shares else len(reading.opening)
    here, left = LayerPath((*path, "body")), context.filtered and context.enters
    match steps[first:]:
        case (ir.Parallel(branches),):
            return [
                read_path(ir.steps(part), LayerPath((*here, i)), split=split, left=left)
                for i, part in enumerate(branches)
            ]
        case inner:
            return [read_path(inner, here, start=first, split=split, left=left)]


def _settings_shown(
    layer: ir.Residual, reading: _Reading, items: Sequence[Item], path: LayerPath
) -> Inferred:
    """What the norms and activations in and around a block show."""
    if reading.order == "post":
        after = _after(layer, path)
        choices = choices_of(order="post")
        norm, activation = norm_of_items(items), activation_of_items(items)
        return Inferred(norm=norm, activation=activation, after=after, choices=choices)
    norms = [norm_key(norm) for norm in reading.opening if isinstance(norm, ir.AnyNorm)]
    acts = [act for act in reading.opening if isinstance(act, ir.AnyActivation)]
    projects = any(isinstance(step, ir.Conv) for step in ir.steps(layer.shortcut))
    inputs = "activated" if reading.shares else "raw" if projects else "activated|raw"
    return Inferred(
        norm=norms[0] if norms else "none",
        activation=activation_key(acts[0]) if acts else None,
        choices=choices_of(order="pre", projection_input=inputs),
    )


def _after(layer: ir.Residual, path: LayerPath) -> ActivationValue | Literal["none"]:
    match layer.after:
        case ir.Identity():
            return "none"
        case ir.Act() | ir.PReLU() as act:
            return activation_key(act)
        case _:
            raise unsupported(path, "a residual block with another layer after its addition")
