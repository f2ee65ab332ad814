"""Layers back to the words of a row, a unit at a time: the inverse of what elaborate does to them.

Words come back spelled out, every number said; `plain` drops what the defaults say anyway. What a
unit shows of the settings around it (norm, activation, kind of shortcut) are its `Facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final, TypeAlias, TypeVar, assert_never

from resnet_dsl import ir, notation
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.anatomy import opening_length
from resnet_dsl.ir import ActKind, Layer, Path
from resnet_dsl.notation import (
    BlurPool,
    Branch,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    HeadLayer,
    Pool,
    RowLayer,
    SqueezeExcite,
    ZeroPad,
)
from resnet_dsl.spec import (
    CHOICES,
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    Norm,
    Weights,
    default_bias,
    default_padding,
    default_pool_stride,
)

Choices: TypeAlias = dict[str, frozenset[str]]
ANY: Final[Choices] = {key: frozenset(values) for key, values in CHOICES.items()}
_T = TypeVar("_T")


class ClashError(Exception):
    """Two facts that cannot hold under the same settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What layers show of the settings that made them.

    `choices` are the values of each key of `CHOICES` that would make them; None shows nothing.
    """

    norm: Norm | None = None
    activation: ActKind | None = None
    weights: Weights | None = None
    projection_bias: bool | None = None
    choices: Choices = field(default_factory=lambda: ANY)

    def __and__(self, other: Facts) -> Facts:
        """Both; `ClashError` where they contradict each other."""
        choices = {key: self.choices[key] & other.choices[key] for key in CHOICES}
        if not all(choices.values()):
            raise ClashError
        norm: Norm | None = _agreed(self.norm, other.norm)
        return Facts(
            norm=norm,
            activation=_agreed(self.activation, other.activation),
            weights=_agreed(self.weights, other.weights),
            projection_bias=_agreed(self.projection_bias, other.projection_bias),
            choices=choices,
        )


def showing(**choices: str) -> Choices:
    """All choices but for some keys, whose values are listed, parted by `|`."""
    return {**ANY, **{key: frozenset(values.split("|")) for key, values in choices.items()}}


def _agreed(one: _T | None, other: _T | None) -> _T | None:
    if one is not None and other is not None and one != other:
        raise ClashError
    return other if one is None else one


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A unit in words.

    `joins` says that its words may share a row with those of its neighbours, `ends` that something
    reads the map behind it, so that a row must end there.
    """

    branches: tuple[Branch, ...]
    facts: Facts
    joins: bool
    ends: bool = False

    @property
    def layers(self) -> Branch:
        """The words of all branches."""
        return tuple(layer for branch in self.branches for layer in branch)

    @property
    def convolves(self) -> bool:
        """Whether it is a block at all."""
        return any(isinstance(word, Conv) for word in self.layers)

    @property
    def dilation(self) -> int:
        """That of its last convolution that is wider than 1x1."""
        wide = [word for word in self.layers if isinstance(word, Conv) and word.kernel > 1]
        return wide[-1].dilation or 1 if wide else 1


def unsayable(path: Path, what: str) -> SpecError:
    """The refusal of a layer that no page says."""
    return SpecError([Diagnostic(code="unsayable", message=what, path=path)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read a block: what its words alone do not tell.

    In a `dilated` stage a projection that does not stride is no plain 1x1. The block that `enters`
    a stage has its stride, or the filter that is left of it. Where drop paths are `scheduled`,
    they are the page's, not the row's. `filtered` tries a blur pool without a stride as what is
    left of an anti-aliased stride. A `bare` convolution leaves its norm to the first block.
    """

    dilated: bool = False
    enters: bool = False
    scheduled: bool = False
    filtered: bool = False
    bare: bool = False


def block(layers: Sequence[Layer], start: int, reading: Reading) -> Block:
    """The words of a unit, whose first layer is the network's `start`-th."""
    try:
        match layers:
            case [*opening, ir.Residual() as residual]:
                return _residual(residual, opening, (start + len(opening),), reading)
            case [ir.Parallel(branches)]:
                found = [_path(ir.steps(b), (start, i)) for i, b in enumerate(branches)]
                return _joined(found, Facts(choices=showing(shortcut="none", order="post")))
            case [first, *_] if isinstance(first, ir.Norm | ir.Act):
                return Block(branches=(), facts=Facts(choices=showing(order="post")), joins=False)
            case _:
                return _plain(layers, start, reading)
    except ClashError:
        raise unsayable((start,), "a block with two norms or two activations") from None


def _plain(layers: Sequence[Layer], start: int, reading: Reading) -> Block:
    """A layer outside of any block, with its norm and activation."""
    words, facts = _path(layers, (), start=start, end=frozenset({"pre"} if reading.bare else ()))
    if any(isinstance(word, Conv) for word in words):
        facts = facts & Facts(choices=showing(shortcut="none", order="post"))
    return Block(branches=(words,), facts=facts, joins=True)


def is_pre_activated(layer: ir.Residual) -> bool:
    """A block with nothing behind its addition."""
    return layer.after == ir.Identity()


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
        shown = replace(reading, filtered=split and reading.filtered)
        found = [
            _path(body, at, start=start, end=facts.choices["order"], split=split, reading=shown)
            for at, start, body in bodies
        ]
        convs = [word for words, _ in found for word in words if isinstance(word, Conv)]
        if not convs:
            raise unsayable(path, "a residual block without a convolution")
        total = prod(_stride(word) for word in found[0][0])
        kernels = [conv.kernel for conv in convs]
        bottleneck = len(kernels) == 3 and kernels[0] == kernels[2] == 1
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
            facts = Facts(norm=_norm(norm), activation=kind)
        case [ir.EvoNorm() | ir.FilterResponseNorm() as norm]:
            facts = Facts(norm=_norm(norm))
        case [ir.Act(kind)]:
            facts = Facts(norm="none", activation=kind)
        case _:
            raise unsayable(path, "a residual block without an activation around its addition")
    return facts & Facts(choices=showing(order="pre"))


def _stride(word: RowLayer) -> int:
    return word.stride or 1 if isinstance(word, Conv | Pool | BlurPool) else 1


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
            choices = showing(shortcut="padding" if needed else "projection|padding")
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
        case (*_, ir.Pool() | ir.PadChannels()):
            return Facts(choices=showing(shortcut="padding"))
        case _:
            raise unsayable(path, "a shortcut that is no identity, projection or padding")


def _projected(conv: ir.Conv, behind: list[Layer], choices: Choices, *, normed: bool) -> Facts:
    norm = _norm(behind[0]) if behind and isinstance(behind[0], ir.Norm) else "none"
    return Facts(
        norm=norm if normed else None,
        weights=_weights(conv),
        projection_bias=conv.bias,
        choices=choices,
    )


def _weights(conv: ir.Conv) -> Weights:
    return "standardized" if conv.standardized else "plain"


def _joined(found: list[tuple[Branch, Facts]], facts: Facts) -> Block:
    for _, shown in found:
        facts = facts & shown
    return Block(branches=tuple(words for words, _ in found), facts=facts, joins=False)


def meet(one: Facts, other: Facts, path: Path) -> Facts:
    try:
        return one & other
    except ClashError:
        raise unsayable(path, "a block with two norms or two activations") from None


def _path(
    layers: Sequence[Layer],
    path: Path,
    *,
    end: frozenset[str] = frozenset(),
    split: bool = False,
    start: int = 0,
    reading: Reading = Reading(),
) -> tuple[Branch, Facts]:
    """Layers one after the other. Where they `end` in an addition, the last convolution has left
    its activation to it (post) or is bare (pre).

    `split` reads a convolution with a blur or average pool behind it as one, anti-aliased.
    """
    words: list[RowLayer] = []
    facts = Facts()
    convs = [i for i, layer in enumerate(layers) if isinstance(layer, ir.Conv)]
    i = 0
    while i < len(layers):
        here = (*path, start + i)
        match layers[i]:
            case ir.Conv() as conv if i == convs[-1] and "pre" in end:
                word, shown, length = conv_words(conv), Facts(weights=_weights(conv)), 1
            case ir.Conv() as conv:
                ends = bool(end) and i == convs[-1]
                word, shown, length = _conv(conv, layers[i + 1 : i + 3], here, act=not ends)
            case other if bare := _word(other):
                words.append(bare)
                i += 1
                continue
            case other:
                raise unsayable(here, f"a layer that stands alone here: {type(other).__name__}")
        i += length
        if filtered := _filtered(word, layers[i : i + 1] if split else (), reading):
            word, filter = filtered
            shown = replace(shown, choices=showing(antialias=filter))
            i += filter != "none"
        words.append(word)
        facts &= shown
    return tuple(words), facts


def _filtered(word: Conv, behind: Sequence[Layer], reading: Reading) -> tuple[Conv, str] | None:
    """A convolution with its stride, and how that is anti-aliased; None where it has no stride."""
    match behind:
        case [ir.BlurPool(stride=stride)] if word.stride == 1 and (
            stride > 1 or (reading.filtered and reading.enters)
        ):
            return replace(word, stride=stride), "blur"
        case [ir.Pool(kind="average", kernel=k, stride=stride, padding=0, ceil=False)] if (
            word.stride == 1 and k == stride > 1
        ):
            return replace(word, stride=stride), "average"
        case _:
            return None if word.stride == 1 else (word, "none")


def _word(layer: Layer) -> RowLayer | None:
    """A layer that brings nothing with it, spelled out."""
    match layer:
        case ir.Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            return Pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil)
        case ir.BlurPool(stride=stride):
            return BlurPool(stride=stride)
        case ir.SqueezeExcite(hidden=hidden):
            return SqueezeExcite(hidden=hidden)
        case ir.EfficientChannelAttention(kernel=kernel):
            return EfficientChannelAttention(kernel=kernel)
        case ir.ZeroPad(before=before, after=after):
            return ZeroPad(before=before, after=after)
        case ir.Dropout(p):
            return Dropout(p=p)
        case ir.DropPath(p):
            return DropPath(p=p)
        case _:
            return None


def _conv(
    conv: ir.Conv, behind: Sequence[Layer], path: Path, *, act: bool
) -> tuple[Conv, Facts, int]:
    """A convolution's word, what its norm and activation show, and how many layers that were."""
    norms = [layer for layer in behind[:1] if isinstance(layer, ir.Norm)]
    active = bool(norms) and isinstance(norms[0], ir.ActiveNorm)
    rest = behind[len(norms) :]
    acts = [layer for layer in rest[:1] if isinstance(layer, ir.Act) and not active]
    if act and not acts and not active:
        raise unsayable(path, "a convolution without an activation behind it")
    if acts and not act:
        raise unsayable(path, "a block that activates before its addition")
    facts = Facts(
        norm=_norm(norms[0]) if norms else "none",
        activation=acts[0].kind if acts else None,
        weights=_weights(conv),
    )
    return conv_words(conv), facts, 1 + len(norms) + len(acts)


def conv_words(conv: ir.Conv, *, bare: bool = False) -> Conv:
    """A convolution, spelled out."""
    return Conv(
        kernel=conv.kernel,
        channels=conv.out_channels,
        cardinality=conv.groups,
        stride=conv.stride,
        dilation=conv.dilation,
        padding=conv.padding,
        bias=conv.bias,
        bare=bare,
    )


def _norm(norm: ir.Norm) -> Norm:
    match norm:
        case ir.BatchNorm(eps=eps, momentum=momentum):
            return BatchNorm(eps=eps, momentum=momentum)
        case ir.GroupNorm(groups=groups, eps=eps):
            return GroupNorm(groups=groups, eps=eps)
        case ir.EvoNorm(groups=groups, eps=eps):
            return EvoNorm(groups=groups, eps=eps)
        case ir.FilterResponseNorm(eps=eps):
            return FilterResponseNorm(eps=eps)
        case _:
            assert_never(norm)


def head_words(layers: Sequence[Layer], start: int) -> tuple[tuple[HeadLayer, ...], Facts]:
    """The words of a head; what its norms and activations show."""
    words: list[HeadLayer] = []
    facts = Facts()
    i = 0
    while i < len(layers):
        path, behind = (start + i,), layers[i + 1 : i + 3]
        i += 1
        match layers[i - 1]:
            case ir.Flatten():
                if not (behind and isinstance(behind[0], ir.Linear)):
                    words.append(notation.Flatten())
            case ir.AdaptivePool(side=side):
                words.append(notation.AdaptivePool(side=side))
            case ir.Softmax():
                words.append(notation.Softmax())
            case ir.Linear(out_features=features):
                words.append(notation.Fc(features=features))
                if behind and isinstance(behind[0], ir.Act):
                    facts = meet(facts, Facts(activation=behind[0].kind), path)
                    i += 1
            case ir.Conv() as conv if not (behind and isinstance(behind[0], ir.Norm | ir.Act)):
                words.append(conv_words(conv, bare=True))
            case ir.Conv() as conv:
                normed, shown, length = _conv(conv, behind, path, act=True)
                words.append(normed)
                facts = meet(facts, shown, path)
                i += length - 1
            case other if word := _word(other):
                words.append(word)
            case other:
                raise unsayable(path, f"a layer that stands alone here: {type(other).__name__}")
    return tuple(words), facts


_Word = TypeVar("_Word", bound=HeadLayer)


def plain(word: _Word, *, bias: bool | None, norm: Norm, dilation: int = 1) -> _Word:
    """A word without what the defaults, and the settings around it, say anyway."""
    match word:
        case Conv():
            normed = norm != "none" and not word.bare
            keyed = None if word.bare else bias
            said = default_bias(normed=normed) if keyed is None else keyed
            implied = dilation if word.kernel > 1 else 1
            return replace(
                word,
                stride=None if word.stride == 1 else word.stride,
                dilation=None if word.dilation == implied else word.dilation,
                padding=None if word.padding == default_padding(word) else word.padding,
                bias=None if word.bias == said else word.bias,
            )
        case Pool():
            return replace(
                word,
                stride=None if word.stride == default_pool_stride(word) else word.stride,
                padding=None if word.padding == default_padding(word) else word.padding,
            )
        case _:
            return word
