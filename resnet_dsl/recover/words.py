"""Layers back to the words of a row, a unit at a time: the inverse of what elaborate does to them.

Words come back spelled out, every number said; `plain` drops what the defaults say anyway. What a
unit shows of the settings around it (norm, activation, kind of shortcut) are its `Facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final, TypeVar, get_args

from resnet_dsl import ir, notation
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.ir import ActKind, Layer, Path
from resnet_dsl.notation import Branch, Conv, Dropout, HeadLayer, Pool, RowLayer
from resnet_dsl.spec import (
    BatchNorm,
    Norm,
    Shortcut,
    default_bias,
    default_padding,
    default_pool_stride,
)

ANY_SHORTCUT: Final[frozenset[Shortcut]] = frozenset(get_args(Shortcut))
_T = TypeVar("_T")


class ClashError(Exception):
    """Two facts that cannot hold under the same settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What layers show of the settings that made them; None and the full set show nothing."""

    norm: Norm | None = None
    activation: ActKind | None = None
    shortcuts: frozenset[Shortcut] = ANY_SHORTCUT
    projection_bias: bool | None = None

    def __and__(self, other: Facts) -> Facts:
        """Both; `ClashError` where they contradict each other."""
        shortcuts = self.shortcuts & other.shortcuts
        if not shortcuts:
            raise ClashError
        norm: Norm | None = _agreed(self.norm, other.norm)
        return Facts(
            norm=norm,
            activation=_agreed(self.activation, other.activation),
            shortcuts=shortcuts,
            projection_bias=_agreed(self.projection_bias, other.projection_bias),
        )


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
    match layers:
        case [ir.Residual() as residual]:
            return _residual(residual, (start,))
        case [ir.Parallel(branches)]:
            found = [_path(ir.steps(b), (start, i), open=False) for i, b in enumerate(branches)]
            return _joined(found, (start,), frozenset({"none"}), joins=False)
        case _:
            words, facts = _path(layers, (), open=False, start=start)
            convolves = any(isinstance(word, Conv) for word in words)
            shortcuts: frozenset[Shortcut] = frozenset({"none"}) if convolves else ANY_SHORTCUT
            facts = replace(facts, shortcuts=shortcuts)
            return Block(branches=(words,), facts=facts, joins=True)


def _residual(layer: ir.Residual, path: Path) -> Block:
    if not isinstance(layer.after, ir.Act):
        raise unsayable(path, "a residual block without an activation behind its addition")
    here = (*path, "body")
    if isinstance(layer.body, ir.Parallel):
        parts = enumerate(layer.body.branches)
        found = [_path(ir.steps(part), (*here, i), open=True) for i, part in parts]
    else:
        found = [_path(ir.steps(layer.body), here, open=True)]
    total = prod(word.stride or 1 for word in found[0][0] if not isinstance(word, Dropout))
    shortcut = _shortcut(layer.shortcut, total, (*path, "shortcut"))
    block = _joined(found, path, shortcut.shortcuts, joins=False)
    if not any(isinstance(word, Conv) for word in block.layers):
        raise unsayable(path, "a residual block without a convolution")
    facts = _meet(shortcut, Facts(activation=layer.after.kind), path)
    return replace(block, facts=_meet(block.facts, facts, path))


def _shortcut(layer: Layer, stride: int, path: Path) -> Facts:
    """What a shortcut shows: the options that would make it, its norm, its bias."""
    match ir.steps(layer):
        case ():
            return Facts(shortcuts=frozenset({"projection", "padding"}))
        case (ir.Conv() as conv, *rest):
            same = stride == 1 and conv.in_channels == conv.out_channels
            return Facts(
                norm=_norm(rest[0]) if rest and isinstance(rest[0], ir.BatchNorm) else "none",
                shortcuts=frozenset({"always"}) if same else frozenset({"projection", "always"}),
                projection_bias=conv.bias,
            )
        case (*_, ir.Pool() | ir.PadChannels()):
            return Facts(shortcuts=frozenset({"padding"}))
        case _:
            raise unsayable(path, "a shortcut that is no identity, projection or padding")


def _joined(
    found: list[tuple[Branch, Facts]], path: Path, shortcuts: frozenset[Shortcut], *, joins: bool
) -> Block:
    facts = Facts(shortcuts=shortcuts)
    for _, shown in found:
        facts = _meet(facts, shown, path)
    return Block(branches=tuple(words for words, _ in found), facts=facts, joins=joins)


def _meet(one: Facts, other: Facts, path: Path) -> Facts:
    try:
        return one & other
    except ClashError:
        raise unsayable(path, "a block with two norms or two activations") from None


def _path(
    layers: Sequence[Layer], path: Path, *, open: bool, start: int = 0
) -> tuple[Branch, Facts]:
    """Layers one after the other; an `open` end has left its activation to the addition."""
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
                words.append(word)
                facts = _meet(facts, shown, here)
                i += length
            case ir.Pool() as pool:
                words.append(_pool(pool))
                i += 1
            case ir.Dropout(p):
                words.append(Dropout(p=p))
                i += 1
            case other:
                raise unsayable(here, f"a layer that stands alone here: {type(other).__name__}")
    return tuple(words), facts


def _conv(
    conv: ir.Conv, behind: Sequence[Layer], path: Path, *, act: bool
) -> tuple[Conv, Facts, int]:
    """A convolution's word, what its norm and activation show, and how many layers that were."""
    norms = [layer for layer in behind[:1] if isinstance(layer, ir.BatchNorm)]
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


def _pool(pool: ir.Pool) -> Pool:
    return Pool(
        kind=pool.kind,
        kernel=pool.kernel,
        stride=pool.stride,
        padding=pool.padding,
        ceil=pool.ceil,
    )


def _norm(norm: ir.BatchNorm) -> Norm:
    return BatchNorm(eps=norm.eps, momentum=norm.momentum)


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
            case ir.Conv() as conv if not (behind and isinstance(behind[0], ir.BatchNorm | ir.Act)):
                words.append(conv_words(conv, bare=True))
            case ir.Conv() as conv:
                word, shown, length = _conv(conv, behind, path, act=True)
                words.append(word)
                facts = _meet(facts, shown, path)
                i += length - 1
            case ir.Pool() as pool:
                words.append(_pool(pool))
            case ir.Dropout(p):
                words.append(Dropout(p=p))
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
