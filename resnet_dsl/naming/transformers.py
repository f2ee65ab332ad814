"""transformers' `ResNetForImageClassification`: its names, for the networks that it has.

resnet.embedder | resnet.encoder.stages.{stage}.layers.{block}.shortcut, .layer.{n} | classifier.1

Each `n` is a `convolution` with its `normalization` and `activation`. The names are useful where a
model of transformers takes them: what its `ResNetConfig` cannot express is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain, zip_longest
from typing import Final

from resnet_dsl.folds.anatomy import anatomy, is_pre_activated
from resnet_dsl.ir import (
    ROOT,
    Act,
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
    Identity,
    Layer,
    LayerPath,
    Linear,
    Network,
    Parallel,
    Pool,
    Residual,
    sequence,
    steps,
)
from resnet_dsl.naming.scope_names import Names, ScopeNames, leaf_at, numbered

_NAMES: Final[dict[type[Layer], str]] = {
    Conv: "convolution",
    BatchNorm: "normalization",
    Act: "activation",
}
_UNIT: Final = len(_NAMES)
_STEM: Final = _UNIT + 1
"""How many layers a convolution is with what follows it, and the stem with its pool."""


class NamingError(Exception):
    """A network that a library does not have, and the path of the layer that shows it."""

    def __init__(self, path: LayerPath, what: str) -> None:
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


def transformers(network: Network) -> Names:
    """transformers' names; `NamingError` for a network that it does not have."""
    stages = _stages(network)
    _check(network, stages)
    names = Names()
    names.set_kind((), "ResNet")
    root = ScopeNames(names)
    resnet = root.scope("resnet")
    embedder = resnet.scope("embedder")
    _conv_layer(embedder.scope("embedder"), network.layers[:_UNIT], ROOT)
    embedder.leaf("pooler", leaf_at(network, _UNIT), LayerPath((_UNIT,)))
    encoder = resnet.scope("encoder").scope("stages")
    for number, stage in enumerate(stages):
        layers = encoder.scope(str(number)).scope("layers")
        for i, block in enumerate(stage):
            _name_block(layers, str(i), block)
    pooler = _STEM + sum(map(len, stages))
    resnet.leaf("pooler", leaf_at(network, pooler), LayerPath((pooler,)))
    for i in range(pooler + 2, len(network.layers)):  # transformers has a flatten at place 0
        numbered(root.scope("classifier"), network.layers[i], LayerPath((i,)), skipped=1)
    return names


def transformers_config(network: Network) -> dict[str, object]:
    """The fields of its `ResNetConfig` for a network; `NamingError` where it has none.

    >>> from resnet_dsl import elaborate, load
    >>> transformers_config(elaborate(load("resnet50")))["depths"]
    [3, 4, 6, 3]
    """
    stages = _stages(network)
    _check(network, stages)
    first, blocks = stages[0][0], list(chain.from_iterable(stages))
    deep = len(steps(first.layer.body)) > 2 * _UNIT
    return {
        "model_type": "resnet",
        "num_channels": network.input.channels,
        "embedding_size": first.before,
        "hidden_sizes": [stage[0].after for stage in stages],
        "depths": [len(stage) for stage in stages],
        "layer_type": "bottleneck" if deep else "basic",
        "hidden_act": "relu",
        "downsample_in_first_stage": _strides(first.layer.shortcut),
        "downsample_in_bottleneck": deep and any(_strides(each.layer.body) for each in blocks),
    }


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


def _name_block(layers: ScopeNames, name: str, block: _Block) -> None:
    """A block: its projection is registered first."""
    path, body = LayerPath((block.place,)), steps(block.layer.body)
    scope = layers.scope(name, "Bottleneck" if len(body) > 2 * _UNIT else "BasicBlock")
    scope.home(path)
    if block.layer.shortcut != Identity():
        shortcut = steps(block.layer.shortcut)
        _conv_layer(scope.scope("shortcut"), shortcut, LayerPath((*path, "shortcut")))
    units = scope.scope("layer")
    for number, start in enumerate(range(0, len(body), _UNIT)):
        unit = body[start : start + _UNIT]
        _conv_layer(units.scope(str(number)), unit, LayerPath((*path, "body")), start)
    assert isinstance(block.layer.after, Act), block
    scope.leaf("activation", block.layer.after, LayerPath((*path, "after")))


def _conv_layer(
    scope: ScopeNames, layers: Sequence[Layer], path: LayerPath, start: int = 0
) -> None:
    for i, leaf in enumerate(layers, start):
        assert isinstance(leaf, Conv | BatchNorm | Act), leaf
        scope.leaf(_NAMES[type(leaf)], leaf, LayerPath((*path, i)))


def _check(network: Network, stages: Sequence[Sequence[_Block]]) -> None:
    """Refuse a network that is not the one of transformers with these stages."""
    if not stages:
        raise NamingError(ROOT, "no residual blocks")
    for block in chain.from_iterable(stages):
        if is_pre_activated(block.layer):
            raise NamingError(LayerPath((block.place,)), "a pre-activated block")
    for aux in network.auxiliaries:
        raise NamingError(LayerPath((aux.position - 1,)), "an auxiliary classifier")
    layers = network.layers
    for i, pair in enumerate(zip_longest(layers, _theirs(network, stages), fillvalue=Identity())):
        for own, theirs in _side_by_side(*pair):
            if own != theirs:
                path = LayerPath((min(i, len(layers) - 1),))
                raise NamingError(path, _difference(own, theirs))


def _theirs(network: Network, stages: Sequence[Sequence[_Block]]) -> Iterator[Layer]:
    """The layers that transformers has for stages of these depths and widths.

    The other fields of its `ResNetConfig` are read off as well: `layer_type` from the first block,
    `downsample_in_first_stage` from its projection, `downsample_in_bottleneck` from where a first
    1x1 strides. `hidden_act` reaches the stem and the ends of blocks, where it can only be the
    ReLU that all their other convolutions have: a spec has one activation for both.
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
        raise NamingError(LayerPath((block.place,)), "a bottleneck of less than 4 channels")
    convs = ((1, inner), (3, inner), (1, after)) if deep else ((3, after), (3, after))
    strided = 1 if deep and not early else 0
    body: list[Layer] = []
    into = before
    for i, (kernel, width) in enumerate(convs):
        body += _unit(into, width, kernel, stride if i == strided else 1)
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


def _side_by_side(left: Layer, right: Layer) -> Iterator[tuple[Layer, Layer]]:
    """The layers of two layers in pairs, with an identity where one of them has no more."""
    for pair in zip_longest(steps(left), steps(right), fillvalue=Identity()):
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


def _difference(own: Layer, theirs: Layer) -> str:
    """How a layer differs from that of transformers, in words.

    >>> _difference(Act("gelu"), Act("relu"))
    'activation with kind gelu where it has kind relu'
    """
    if type(own) is not type(theirs):
        return f"{_word(own)} where it has {_word(theirs)}"
    unlike = [f.name for f in fields(own) if getattr(own, f.name) != getattr(theirs, f.name)]
    return f"{_word(own)} with {_values(own, unlike)} where it has {_values(theirs, unlike)}"


def _values(layer: Layer, names: Sequence[str]) -> str:
    """`out channels 128, bias true`, and the like."""
    return ", ".join(f"{name.replace('_', ' ')} {getattr(layer, name)}".lower() for name in names)


def _word(layer: Layer) -> str:
    """`squeeze excite`, and the like."""
    parted = re.sub("(?<=[a-z])(?=[A-Z])", " ", type(layer).__name__).lower()
    return _WORDS.get(type(layer), parted)
