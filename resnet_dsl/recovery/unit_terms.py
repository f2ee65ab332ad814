"""Units back to the words of a row, one at a time: the inverse of what elaborate does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from resnet_dsl import ir
from resnet_dsl.elaboration.term_layers import total_stride
from resnet_dsl.folds.anatomy import is_bottleneck, is_pre_activated, opening_length
from resnet_dsl.ir import Layer, Path
from resnet_dsl.language.spec import CHOICES
from resnet_dsl.notation import Branch, Conv, RowLayer
from resnet_dsl.recovery.inferred import (
    Block,
    Choices,
    ClashError,
    Facts,
    Reading,
    showing,
    unsayable,
)
from resnet_dsl.recovery.layer_terms import conv_words, norm_word, normed_conv, weights_of, word_of

_PADDING: Final = "padding|padding on both sides"


def block(layers: Sequence[Layer], start: int, reading: Reading) -> Block:
    """The words of a unit, whose first layer is the network's `start`-th."""
    try:
        match layers:
            case [*opening, ir.Residual() as residual]:
                return _residual(residual, opening, (start + len(opening),), reading)
            case [ir.Parallel(branches)]:
                found = [_path(ir.steps(b), (start, i)) for i, b in enumerate(branches)]
                words = [word for words, _ in found for word in words]
                return _joined(found, _outside_of_blocks(words))
            case [first, *_] if isinstance(first, ir.Norm | ir.Act):
                return Block(branches=(), facts=Facts(choices=showing(order="post")), joins=False)
            case _:
                return _plain(layers, start, reading)
    except ClashError:
        raise unsayable((start,), "a block with two norms or two activations") from None


def _plain(layers: Sequence[Layer], start: int, reading: Reading) -> Block:
    """A layer outside of any block, with its norm and activation."""
    words, facts = _path(layers, (), start=start, end=frozenset({"pre"} if reading.bare else ()))
    return Block(branches=(words,), facts=facts & _outside_of_blocks(words), joins=True)


def _outside_of_blocks(words: Sequence[RowLayer]) -> Facts:
    """What convolutions without a shortcut show; pools alone stand in stages of any manner."""
    if any(isinstance(word, Conv) for word in words):
        return Facts(choices=showing(shortcut="none", order="post"))
    return Facts()


def drop_path(layer: ir.Residual) -> float:
    """The probability with which a block is dropped; 0 where it is never."""
    last = ir.steps(layer.body)[-1:]
    return last[0].p if last and isinstance(last[0], ir.DropPath) else 0.0


def _residual(layer: ir.Residual, opening: Sequence[Layer], path: Path, reading: Reading) -> Block:
    """A block with a shortcut: read as anti-aliased where its layers can be."""
    steps = ir.steps(layer.body)
    if reading.scheduled and drop_path(layer):
        steps = steps[:-1]
    facts, first = _manner(layer, opening, steps, path), 0
    if is_pre_activated(layer) and not opening:
        first = opening_length(steps)
    bodies = [((*path, "body"), first, steps[first:])]
    match steps[first:]:
        case (ir.Parallel(branches),):
            bodies = [((*path, "body", i), 0, ir.steps(part)) for i, part in enumerate(branches)]

    def read(*, split: bool) -> Block:
        left = reading.filtered and reading.enters
        found = [
            _path(body, at, start=start, end=facts.choices["order"], split=split, left=left)
            for at, start, body in bodies
        ]
        convs = [word for words, _ in found for word in words if isinstance(word, Conv)]
        if not convs:
            raise unsayable(path, "a residual block without a convolution")
        total = total_stride(found[0][0])
        bottleneck = is_bottleneck([conv.kernel for conv in convs])
        needed = reading.enters and bottleneck and is_pre_activated(layer)
        shortcut = _shortcut(layer, total, (*path, "shortcut"), reading, needed=needed)
        return _joined(found, facts & shortcut)

    try:
        return read(split=True)
    except ClashError:  # some strides are split, others are not: the pools are the author's own
        return read(split=False)


def _manner(
    layer: ir.Residual, opening: Sequence[Layer], steps: Sequence[Layer], path: Path
) -> Facts:
    """What the norms and activations around a block show."""
    match layer.after:
        case ir.Act(kind) if not opening:
            return Facts(activation=kind, choices=showing(order="post"))
        case ir.Identity():
            pass
        case _:
            raise unsayable(path, "a residual block without an activation behind its addition")
    before = opening or steps[: opening_length(steps)]
    match before:
        case [ir.BatchNorm() | ir.GroupNorm() as norm, ir.Act(kind)]:
            facts = Facts(norm=norm_word(norm), activation=kind)
        case [ir.EvoNorm() | ir.FilterResponseNorm() as norm]:
            facts = Facts(norm=norm_word(norm))
        case [ir.Act(kind)]:
            facts = Facts(norm="none", activation=kind)
        case _:
            raise unsayable(path, "a residual block without an activation around its addition")
    return facts & Facts(choices=showing(order="pre"))


def _shortcut(
    block: ir.Residual, stride: int, path: Path, reading: Reading, *, needed: bool
) -> Facts:
    """What a shortcut shows: the choices that would make it, its norm, its bias.

    `needed` says that the language projects here though the shape stays.
    """
    moves = stride > 1 or reading.dilated
    normed = not is_pre_activated(block)
    match ir.steps(block.shortcut):
        case ():
            choices = showing(shortcut=_PADDING if needed else f"projection|{_PADDING}")
            return Facts(choices=choices)
        case (ir.Conv() as conv, *rest):
            same = stride == 1 and conv.in_channels == conv.out_channels and not needed
            made = f"{conv.kernel}x{conv.kernel}" if moves else "|".join(CHOICES["projection"])
            choices = showing(shortcut="always" if same else "projection|always", projection=made)
            return _projected(conv, rest, choices, normed=normed)
        case (ir.Pool(kind="average"), ir.Conv() as conv, *rest) | (
            ir.ZeroPad(),
            ir.Pool(kind="average"),
            ir.Conv() as conv,
            *rest,
        ):
            same = stride == 1 and conv.in_channels == conv.out_channels and not needed
            choices = showing(
                shortcut="always" if same else "projection|always", projection="average pool, 1x1"
            )
            return _projected(conv, rest, choices, normed=normed)
        case (*_, ir.PadChannels(before=before)):
            said = "padding on both sides" if before else "padding"
            return Facts(choices=showing(shortcut=said))
        case (ir.Pool(),):
            return Facts(choices=showing(shortcut=_PADDING))
        case _:
            raise unsayable(path, "a shortcut that is no identity, projection or padding")


def _projected(conv: ir.Conv, behind: list[Layer], choices: Choices, *, normed: bool) -> Facts:
    norm = norm_word(behind[0]) if behind and isinstance(behind[0], ir.Norm) else "none"
    return Facts(
        norm=norm if normed else None,
        weights=weights_of(conv),
        projection_bias=conv.bias,
        choices=choices,
    )


def _joined(found: list[tuple[Branch, Facts]], facts: Facts) -> Block:
    for _, shown in found:
        facts = facts & shown
    return Block(branches=tuple(words for words, _ in found), facts=facts, joins=False)


def _path(
    layers: Sequence[Layer],
    path: Path,
    *,
    end: frozenset[str] = frozenset(),
    split: bool = False,
    start: int = 0,
    left: bool = False,
) -> tuple[Branch, Facts]:
    """Layers one after the other. Where they `end` in an addition, the last convolution has left
    its activation to it (post) or is bare (pre).

    `split` reads a convolution with a blur or average pool behind it as one, anti-aliased; a blur
    may be `left` of a stride that is dilated instead.
    """
    words: list[RowLayer] = []
    facts = Facts()
    convs = [i for i, layer in enumerate(layers) if isinstance(layer, ir.Conv)]
    i = 0
    while i < len(layers):
        here = (*path, start + i)
        match layers[i]:
            case ir.Conv() as conv if i == convs[-1] and "pre" in end:
                word, shown, length = conv_words(conv), Facts(weights=weights_of(conv)), 1
            case ir.Conv() as conv:
                ends = bool(end) and i == convs[-1]
                word, shown, length = normed_conv(conv, layers[i + 1 : i + 3], here, act=not ends)
            case other if bare := word_of(other):
                words.append(bare)
                i += 1
                continue
            case other:
                raise unsayable(here, f"a layer that stands alone here: {type(other).__name__}")
        i += length
        if filtered := _filtered(word, layers[i : i + 1] if split else (), left=left):
            word, filter = filtered
            shown = replace(shown, choices=showing(antialias=filter))
            i += filter != "none"
        words.append(word)
        facts &= shown
    return tuple(words), facts


def _filtered(word: Conv, behind: Sequence[Layer], *, left: bool) -> tuple[Conv, str] | None:
    """A convolution with its stride, and how that is anti-aliased; None where it has no stride."""
    match behind:
        case [ir.BlurPool(stride=stride)] if word.stride == 1 and (stride > 1 or left):
            return replace(word, stride=stride), "blur"
        case [ir.Pool(kind="average", kernel=k, stride=stride, padding=0, ceil=False)] if (
            word.stride == 1 and k == stride > 1
        ):
            return replace(word, stride=stride), "average"
        case _:
            return None if word.stride == 1 else (word, "none")
