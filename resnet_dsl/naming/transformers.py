"""transformers' `ResNetForImageClassification`: its names, for the networks that it has.

resnet.embedder | resnet.encoder.stages.{stage}.layers.{block}.shortcut, .layer.{n} | classifier.1

Each `n` is a `convolution` with its `normalization` and `activation`. The names are of use where a
model of transformers takes them: what its `ResNetConfig` cannot say is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, zip_longest
from typing import Final

from resnet_dsl.folds.anatomy import anatomy, is_pre_activated
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
    Identity,
    Layer,
    Linear,
    Network,
    Parallel,
    Path,
    Pool,
    Residual,
    sequence,
    steps,
)
from resnet_dsl.naming.module_tree import Add, Flat, Program, Scope
from resnet_dsl.naming.scope_names import Draft, leaf_at, makes, sequential

_NAMES: Final[dict[type[Layer], str]] = {
    Conv: "convolution",
    BatchNorm: "normalization",
    Act: "activation",
}
_UNIT: Final = len(_NAMES)
_STEM: Final = _UNIT + 1
"""How many layers a convolution is with what follows it, and the stem with its pool."""


class NamingError(Exception):
    """A network that a library does not have, and the path of the layer that tells."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.message = f"transformers has no such network: {what}"
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class _Block:
    """A residual block, its place in the network, and the channels around it."""

    layer: Residual
    place: int
    before: int
    after: int


def transformers(network: Network, taps: Mapping[int, Program]) -> Scope:
    """transformers' module tree; `NamingError` for a network that it does not have."""
    stages = _stages(network)
    _check(network, stages)
    root, resnet, encoder = Draft(taps=taps), Draft(), Draft()
    resnet.enter("embedder", _embedder(network))
    calls = [("embedder.embedder", _UNIT), ("embedder.pooler", _STEM)]
    for number, stage in enumerate(stages):
        blocks = Draft()
        for i, block in enumerate(stage):
            blocks.enter(str(i), _block(block))
            calls.append((f"encoder.stages.{number}.layers.{i}", block.place + 1))
        encoder.enter(str(number), _around("layers", blocks))
    resnet.enter("encoder", _around("stages", encoder))
    behind = _STEM + sum(map(len, stages))
    resnet.add("pooler", leaf_at(network, behind), (behind,))
    root.enter("resnet", resnet.close("Sequential"), [*calls, ("pooler", behind + 1)])
    root.program.append(Flat())  # transformers has a module for it, at place 0
    for i in range(behind + 2, len(network.layers)):
        root.enter("classifier", sequential(network.layers[i], (i,), skipped=1))
    return root.close("ResNet")


def _stages(network: Network) -> list[list[_Block]]:
    """Residual blocks by stage: one starts where a block projects."""
    stages: list[list[_Block]] = []
    for unit in chain.from_iterable(anatomy(network).stages):
        if isinstance(unit.main, Residual):
            if not stages or unit.main.shortcut != Identity():
                stages.append([])
            block = _Block(unit.main, unit.stop - 1, unit.before[0], unit.after[0])
            stages[-1].append(block)
    return stages


def _embedder(network: Network) -> Scope:
    draft = Draft()
    draft.enter("embedder", _conv_layer(network.layers[:_UNIT], ()))
    draft.add("pooler", leaf_at(network, _UNIT), (_UNIT,))
    return draft.close("Sequential")


def _around(name: str, inner: Draft) -> Scope:
    outer = Draft()
    outer.enter(name, inner.close("Sequential"))
    return outer.close("Sequential")


def _block(block: _Block) -> Scope:
    """A block: its projection is registered first."""
    draft, units, path = Draft(), Draft(), (block.place,)
    if block.layer.shortcut != Identity():
        draft.enter("shortcut", _conv_layer(steps(block.layer.shortcut), (*path, "shortcut")))
    shortcut = draft.recorded()
    body = steps(block.layer.body)
    for number, start in enumerate(range(0, len(body), _UNIT)):
        layers = body[start : start + _UNIT]
        units.enter(str(number), _conv_layer(layers, (*path, "body"), start))
    draft.enter("layer", units.close("Sequential"))
    draft.program = [Add(draft.recorded(), shortcut)]
    assert isinstance(block.layer.after, Act), block
    draft.add("activation", block.layer.after, (*path, "after"), fresh=True)
    return draft.close("Bottleneck" if len(units.children) > 2 else "BasicBlock")


def _conv_layer(layers: Sequence[Layer], path: Path, start: int = 0) -> Scope:
    draft = Draft()
    for i, leaf in enumerate(layers):
        assert isinstance(leaf, Conv | BatchNorm | Act), leaf
        fresh = i > 0 and makes(layers[i - 1])
        draft.add(_NAMES[type(leaf)], leaf, (*path, start + i), fresh=fresh)
    return draft.close("Sequential")


def _check(network: Network, stages: Sequence[Sequence[_Block]]) -> None:
    """Refuse a network that is not the one of transformers with these stages."""
    if not stages:
        raise NamingError((), "no residual blocks")
    for block in chain.from_iterable(stages):
        if is_pre_activated(block.layer):
            raise NamingError((block.place,), "a pre-activated block")
    for aux in network.auxiliaries:
        raise NamingError((aux.behind - 1,), "an auxiliary classifier")
    layers = network.layers
    for i, pair in enumerate(zip_longest(layers, _theirs(network, stages), fillvalue=Identity())):
        for found, wanted in _side_by_side(*pair):
            if found != wanted:
                raise NamingError((min(i, len(layers) - 1),), _difference(found, wanted))


def _theirs(network: Network, stages: Sequence[Sequence[_Block]]) -> Iterator[Layer]:
    """The layers that transformers has for stages of these depths and widths.

    The other fields of its `ResNetConfig` are read off as well: `layer_type` from the first block,
    `downsample_in_first_stage` from its projection, `downsample_in_bottleneck` from where a first
    1x1 strides. `hidden_act` reaches the stem and the ends of blocks, where it can only be the
    ReLU that all their other convolutions have: a page has one activation for both.
    """
    first = stages[0][0]
    deep = sum(isinstance(layer, Conv) for layer in steps(first.layer.body)) > 2
    early = deep and any(_strides(block.layer.body) for block in chain.from_iterable(stages))
    yield from _unit(network.input.channels, first.before, 7, 2)
    yield Pool(kind="max", kernel=3, stride=2, padding=1)
    for number, stage in enumerate(stages):
        for i, block in enumerate(stage):
            strides = i == 0 and (number > 0 or _strides(first.layer.shortcut))
            yield _their_block(block, 2 if strides else 1, deep=deep, early=early)
    yield AdaptivePool()
    yield Flatten()
    yield from [layer for layer in network.layers if isinstance(layer, Linear)][:1]


def _strides(layer: Layer) -> bool:
    """Whether a body or a shortcut begins with a strided convolution."""
    match steps(layer):
        case (Conv(stride=stride), *_):
            return stride > 1
        case _:
            return False


def _their_block(block: _Block, stride: int, *, deep: bool, early: bool) -> Layer:
    """Its basic block or its bottleneck, whose inner width is always a quarter."""
    before, after, inner = block.before, block.after, block.after // 4
    if deep and not inner:
        raise NamingError((block.place,), "a bottleneck of less than 4 channels")
    convs = ((1, inner), (3, inner), (1, after)) if deep else ((3, after), (3, after))
    carrier = 1 if deep and not early else 0
    body: list[Layer] = []
    into = before
    for i, (kernel, width) in enumerate(convs):
        body += _unit(into, width, kernel, stride if i == carrier else 1)
        into = width
    projects = stride > 1 or before != after
    shortcut = _unit(before, after, 1, stride)[:-1] if projects else ()
    return Residual(body=sequence(*body[:-1]), shortcut=sequence(*shortcut), after=Act("relu"))


def _unit(before: int, after: int, kernel: int, stride: int) -> tuple[Layer, ...]:
    conv = Conv(
        in_channels=before,
        out_channels=after,
        kernel=kernel,
        stride=stride,
        padding=kernel // 2,
    )
    return conv, BatchNorm(channels=after, eps=1e-5, momentum=0.1), Act("relu")


def _side_by_side(one: Layer, other: Layer) -> Iterator[tuple[Layer, Layer]]:
    """The layers of two layers in pairs, with an identity where one of them has no more."""
    for pair in zip_longest(steps(one), steps(other), fillvalue=Identity()):
        match pair:
            case (Residual() as ours, Residual() as theirs):
                yield from _side_by_side(ours.body, theirs.body)
                yield from _side_by_side(ours.shortcut, theirs.shortcut)
                yield from _side_by_side(ours.after, theirs.after)
            case _:
                yield pair


_WORDS: Final[dict[type[Layer], str]] = {
    Conv: "convolution",
    Act: "activation",
    Linear: "fc",
    Parallel: "branches",
    Residual: "residual block",
    Identity: "nothing",
}


def _difference(found: Layer, wanted: Layer) -> str:
    """What is found and what is wanted, in words.

    >>> _difference(Act("gelu"), Act("relu"))
    'activation with kind gelu where it has kind relu'
    """
    if type(found) is not type(wanted):
        return f"{_word(found)} where it has {_word(wanted)}"
    unlike = [f.name for f in fields(found) if getattr(found, f.name) != getattr(wanted, f.name)]
    return f"{_word(found)} with {_values(found, unlike)} where it has {_values(wanted, unlike)}"


def _values(layer: Layer, names: Sequence[str]) -> str:
    """`out channels 128, bias true`, and the like."""
    return ", ".join(f"{name.replace('_', ' ')} {getattr(layer, name)}".lower() for name in names)


def _word(layer: Layer) -> str:
    """`squeeze excite`, and the like."""
    parted = re.sub("(?<=[a-z])(?=[A-Z])", " ", type(layer).__name__).lower()
    return _WORDS.get(type(layer), parted)
