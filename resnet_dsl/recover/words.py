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
from resnet_dsl.ir import ActKind, Layer, Path
from resnet_dsl.notation import (
    BlurPool,
    Branch,
    Conv,
    Dropout,
    EfficientChannelAttention,
    HeadLayer,
    Pool,
    RowLayer,
    SqueezeExcite,
)
from resnet_dsl.spec import (
    CHOICES,
    BatchNorm,
    GroupNorm,
    Norm,
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
    """A unit in words. `joins` says that its words may share a row with those of its neighbours."""

    branches: tuple[Branch, ...]
    facts: Facts
    joins: bool

    @property
    def layers(self) -> Branch:
        """The words of all branches."""
        return tuple(layer for branch in self.branches for layer in branch)


def unsayable(path: Path, what: str) -> SpecError:
    """The refusal of a layer that no page says."""
    return SpecError([Diagnostic(code="unsayable", message=what, path=path)])


def block(layers: Sequence[Layer], start: int) -> Block:
    """The words of a unit, whose first layer is the network's `start`-th."""
    try:
        match layers:
            case [ir.Residual() as residual]:
                return _residual(residual, (start,))
            case [ir.Parallel(branches)]:
                found = [_path(ir.steps(b), (start, i)) for i, b in enumerate(branches)]
                return _joined(found, Facts(choices=showing(shortcut="none")))
            case _:
                return _plain(layers, start)
    except ClashError:
        raise unsayable((start,), "a block with two norms or two activations") from None


def _plain(layers: Sequence[Layer], start: int) -> Block:
    """A layer outside of any block, with its norm and activation."""
    words, facts = _path(layers, (), start=start)
    if any(isinstance(word, Conv) for word in words):
        facts = facts & Facts(choices=showing(shortcut="none"))
    return Block(branches=(words,), facts=facts, joins=True)


def _residual(layer: ir.Residual, path: Path) -> Block:
    """A block with a shortcut: read as anti-aliased where its layers can be."""
    if not isinstance(layer.after, ir.Act):
        raise unsayable(path, "a residual block without an activation behind its addition")
    here = (*path, "body")
    bodies = [(here, layer.body)]
    if isinstance(layer.body, ir.Parallel):
        bodies = [((*here, i), part) for i, part in enumerate(layer.body.branches)]
    facts = Facts(activation=layer.after.kind)

    def read(*, split: bool) -> Block:
        found = [_path(ir.steps(body), at, open=True, split=split) for at, body in bodies]
        if not any(isinstance(word, Conv) for words, _ in found for word in words):
            raise unsayable(path, "a residual block without a convolution")
        total = prod(_stride(word) for word in found[0][0])
        return _joined(found, facts & _shortcut(layer.shortcut, total, (*path, "shortcut")))

    try:
        return read(split=True)
    except ClashError:  # some strides are split, others are not: the pools are the author's own
        return read(split=False)


def _stride(word: RowLayer) -> int:
    return word.stride or 1 if isinstance(word, Conv | Pool | BlurPool) else 1


def _shortcut(layer: Layer, stride: int, path: Path) -> Facts:
    """What a shortcut shows: the choices that would make it, its norm, its bias."""
    match ir.steps(layer):
        case ():
            return Facts(choices=showing(shortcut="projection|padding"))
        case (ir.Conv() as conv, *rest):
            same = stride == 1 and conv.in_channels == conv.out_channels
            made = f"{conv.kernel}x{conv.kernel}" if stride > 1 else "|".join(CHOICES["projection"])
            choices = showing(shortcut="always" if same else "projection|always", projection=made)
            return _projected(conv, rest, choices)
        case (ir.Pool(kind="average"), ir.Conv() as conv, *rest):
            choices = showing(shortcut="projection|always", projection="average pool, 1x1")
            return _projected(conv, rest, choices)
        case (*_, ir.Pool() | ir.PadChannels()):
            return Facts(choices=showing(shortcut="padding"))
        case _:
            raise unsayable(path, "a shortcut that is no identity, projection or padding")


def _projected(conv: ir.Conv, behind: list[Layer], choices: Choices) -> Facts:
    norm = _norm(behind[0]) if behind and isinstance(behind[0], ir.Norm) else "none"
    return Facts(norm=norm, projection_bias=conv.bias, choices=choices)


def _joined(found: list[tuple[Branch, Facts]], facts: Facts) -> Block:
    for _, shown in found:
        facts = facts & shown
    return Block(branches=tuple(words for words, _ in found), facts=facts, joins=False)


def _meet(one: Facts, other: Facts, path: Path) -> Facts:
    try:
        return one & other
    except ClashError:
        raise unsayable(path, "a block with two norms or two activations") from None


def _path(
    layers: Sequence[Layer],
    path: Path,
    *,
    open: bool = False,
    split: bool = False,
    start: int = 0,
) -> tuple[Branch, Facts]:
    """Layers one after the other; an `open` end has left its activation to the addition.

    `split` reads a convolution with a blur or average pool behind it as one, anti-aliased.
    """
    words: list[RowLayer] = []
    facts = Facts()
    convs = [i for i, layer in enumerate(layers) if isinstance(layer, ir.Conv)]
    i = 0
    while i < len(layers):
        here = (*path, start + i)
        match layers[i]:
            case ir.Conv() as conv:
                ends = open and i == convs[-1]
                word, shown, length = _conv(conv, layers[i + 1 : i + 3], here, act=not ends)
                i += length
                if filtered := _filtered(word, layers[i : i + 1] if split else ()):
                    word, filter = filtered
                    shown = replace(shown, choices=showing(antialias=filter))
                    i += filter != "none"
                words.append(word)
                facts &= shown
            case other if bare := _word(other):
                words.append(bare)
                i += 1
            case other:
                raise unsayable(here, f"a layer that stands alone here: {type(other).__name__}")
    return tuple(words), facts


def _filtered(word: Conv, behind: Sequence[Layer]) -> tuple[Conv, str] | None:
    """A convolution with its stride, and how that is anti-aliased; None where it has no stride."""
    match behind:
        case [ir.BlurPool(stride=stride)] if word.stride == 1 and stride > 1:
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
        case ir.Dropout(p):
            return Dropout(p=p)
        case _:
            return None


def _conv(
    conv: ir.Conv, behind: Sequence[Layer], path: Path, *, act: bool
) -> tuple[Conv, Facts, int]:
    """A convolution's word, what its norm and activation show, and how many layers that were."""
    norms = [layer for layer in behind[:1] if isinstance(layer, ir.Norm)]
    rest = behind[len(norms) :]
    acts = [layer for layer in rest[:1] if isinstance(layer, ir.Act)]
    if act and not acts:
        raise unsayable(path, "a convolution without an activation behind it")
    if acts and not act:
        raise unsayable(path, "a block that activates before its addition")
    facts = Facts(
        norm=_norm(norms[0]) if norms else "none",
        activation=acts[0].kind if acts else None,
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
            case ir.GlobalPool():
                words.append(notation.GlobalPool())
            case ir.Softmax():
                words.append(notation.Softmax())
            case ir.Linear(out_features=features):
                words.append(notation.Fc(features=features))
                if behind and isinstance(behind[0], ir.Act):
                    facts = _meet(facts, Facts(activation=behind[0].kind), path)
                    i += 1
            case ir.Conv() as conv if not (behind and isinstance(behind[0], ir.Norm | ir.Act)):
                words.append(conv_words(conv, bare=True))
            case ir.Conv() as conv:
                normed, shown, length = _conv(conv, behind, path, act=True)
                words.append(normed)
                facts = _meet(facts, shown, path)
                i += length - 1
            case other if word := _word(other):
                words.append(word)
            case other:
                raise unsayable(path, f"a layer that stands alone here: {type(other).__name__}")
    return tuple(words), facts


_Word = TypeVar("_Word", bound=HeadLayer)


def plain(word: _Word, *, bias: bool | None, norm: Norm) -> _Word:
    """A word without what the defaults, and the settings around it, say anyway."""
    match word:
        case Conv():
            normed = norm != "none" and not word.bare
            keyed = None if word.bare else bias
            said = default_bias(normed=normed) if keyed is None else keyed
            return replace(
                word,
                stride=None if word.stride == 1 else word.stride,
                dilation=None if word.dilation == 1 else word.dilation,
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
