"""Which numbers of a network are its classes, and which are the channels of its images?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from resnet_dsl import ir
from resnet_dsl.emission.expressions import Symbol
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import (
    Activation,
    Conv,
    Dropout,
    DropPath,
    Layer,
    LayerPath,
    Linear,
    Network,
    Norm,
    Normalize,
    Pool,
    PReLU,
    ZeroPad,
)

CLASSES: Final = Symbol("num_classes")
CHANNELS: Final = Symbol("in_channels")
Symbols: TypeAlias = dict[LayerPath, dict[str, Symbol]]
"""The arguments of layers that are a parameter of the network, by role."""


class NetworkParameters(NamedTuple):
    """The layers that use a number of classes or channels, and those numbers by name."""

    symbols: Symbols
    defaults: dict[str, int]


def network_parameters(network: Network) -> NetworkParameters:
    """The parameters of a network.

    It has classes where its head ends in a fully connected layer or a convolution, and its images
    may have other channels where its first convolutions read all of them.
    """
    symbols: Symbols = {}
    classes = _classes(network, symbols)
    reading: Symbols = {}
    free = _reads(ir.Sequence(network.layers), LayerPath(()), reading) is False
    if free:
        for path, roles in reading.items():
            symbols.setdefault(path, {}).update(roles)
    defaults = {} if classes is None else {CLASSES.name: classes}
    if free:
        defaults[CHANNELS.name] = network.input.channels
    return NetworkParameters(symbols, defaults)


def _classes(network: Network, symbols: Symbols) -> int | None:
    head = anatomy(network).head
    first = head[0].start if head else len(network.layers)
    at = _classifier(network.layers, first)
    if at is None:
        return None
    classes = _outputs(network.layers[at])
    _mark(network.layers, at, LayerPath(()), symbols)
    for number, auxiliary in enumerate(network.auxiliaries):
        own = _classifier(auxiliary.layers, 0)
        if own is not None and _outputs(auxiliary.layers[own]) == classes:
            _mark(auxiliary.layers, own, LayerPath(("aux", number)), symbols)
    return classes


def _classifier(layers: Sequence[Layer], first: int) -> int | None:
    """The place of the last layer with weights, where all after it keep its outputs apart."""
    for i in range(len(layers) - 1, first - 1, -1):
        if isinstance(layers[i], Linear) or (
            isinstance(layers[i], Conv) and _groups(layers[i]) == 1
        ):
            return i
        if isinstance(layers[i], ir.Residual | ir.Parallel | ir.Attention | ir.PadChannels):
            return None
        if isinstance(layers[i], Normalize | ir.EvoNorm | ir.GroupNorm):
            return None
    return None


def _groups(layer: Layer) -> int:
    return layer.groups if isinstance(layer, Conv) else 1


def _outputs(layer: Layer) -> int:
    assert isinstance(layer, Linear | Conv)
    return layer.out_features if isinstance(layer, Linear) else layer.out_channels


def _mark(layers: Sequence[Layer], at: int, path: LayerPath, symbols: Symbols) -> None:
    role = "out_features" if isinstance(layers[at], Linear) else "out_channels"
    symbols[LayerPath((*path, at))] = {role: CLASSES}
    classes = _outputs(layers[at])
    for i in range(at + 1, len(layers)):
        layer = layers[i]
        if isinstance(layer, Norm | PReLU) and layer.channels == classes:
            symbols[LayerPath((*path, i))] = {"channels": CLASSES}


def _reads(layer: Layer, path: LayerPath, symbols: Symbols) -> bool | None:
    """Mark the layers that read the image: whether what comes after has still its channels, or
    None where they cannot be others."""
    match layer:
        case ir.Sequence(layers):
            return _read_in_a_row(layers, path, symbols)
        case ir.Parallel(branches):
            read = [_reads(b, LayerPath((*path, i)), symbols) for i, b in enumerate(branches)]
            return False if all(each is False for each in read) else None
        case ir.Residual():
            parts = (("body", layer.body), ("shortcut", layer.shortcut))
            read = [_reads(part, LayerPath((*path, key)), symbols) for key, part in parts]
            return False if all(each is False for each in read) else None
        case Conv(groups=1):
            symbols[path] = {"in_channels": CHANNELS}
            return False
        case Normalize(mean=mean) if len(mean) > 1:
            return None
        case ir.BatchNorm() | ir.InstanceNorm() | PReLU() if layer.channels > 1:
            symbols[path] = {"channels": CHANNELS}
            return True
        case Pool() | ZeroPad() | Activation() | Dropout() | DropPath() | ir.Scale() | Normalize():
            return True
        case ir.BlurPool() | ir.LearnedScale() | ir.AdaptivePool() | ir.Identity():
            return True
        case _:
            return None


def _read_in_a_row(layers: Sequence[Layer], path: LayerPath, symbols: Symbols) -> bool | None:
    for i, layer in enumerate(layers):
        read = _reads(layer, LayerPath((*path, i)), symbols)
        if read is not True:
            return read
    return True
