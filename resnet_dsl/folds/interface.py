"""Which numbers of a network does its user choose: the classes, and the channels of images?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import (
    ROOT,
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

Number: TypeAlias = Literal["num_classes", "in_channels"]
Numbers: TypeAlias = dict[LayerPath, dict[str, Number]]
"""The fields of leaves that have such a number."""


class Interface(NamedTuple):
    """The fields of leaves that follow a number of classes or channels, and these numbers.

    `classifier` is the place of the layer that gives the classes.
    """

    numbers: Numbers
    values: dict[Number, int]
    classifier: int | None = None


class _After(Enum):
    """What is known of the channels of an image after the layers that read it."""

    STILL = "those of the image"
    READ = "those of a layer"
    FIXED = "they cannot be others"


def interface(network: Network) -> Interface:
    """The numbers of a network that its user chooses.

    It has classes where its head ends in a fully connected layer or a convolution, or where a 1x1
    convolution without a norm is all that is before the last pool. Its images may have other
    channels where its first convolutions read all of them.

    >>> from resnet_dsl import elaborate, load
    >>> interface(elaborate(load("resnet18"))).values
    {'num_classes': 1000, 'in_channels': 3}
    """
    numbers: Numbers = {}
    values: dict[Number, int] = {}
    head = anatomy(network).head
    at = _classifier(network.layers, head[0].start if head else len(network.layers))
    at = _last_pixelwise(network.layers) if at is None else at
    if at is not None:
        values["num_classes"] = _outputs(network.layers[at])
        _mark_classes(network, at, numbers)
    reading: Numbers = {}
    if _reads(ir.Sequence(network.layers), ROOT, reading) is _After.READ:
        values["in_channels"] = network.input.channels
        for path, fields in reading.items():
            numbers.setdefault(path, {}).update(fields)
    return Interface(numbers, values, at)


def with_numbers(network: Network, values: Mapping[Number, int]) -> Network:
    """The network with other numbers of classes or channels, which it must have.

    >>> from resnet_dsl import elaborate, load
    >>> with_numbers(elaborate(load("resnet18")), {"num_classes": 10}).layers[-1]
    Linear(in_features=512, out_features=10, bias=True)
    """
    numbers, own, _ = interface(network)
    assert values.keys() <= own.keys(), f"no {values.keys() - own.keys()} in the network"
    changes = {
        path: {field: values[number] for field, number in fields.items() if number in values}
        for path, fields in numbers.items()
    }
    channels = values.get("in_channels", network.input.channels)
    auxiliaries = (
        replace(each, layers=_row(each.layers, LayerPath(("aux", i)), changes))
        for i, each in enumerate(network.auxiliaries)
    )
    return Network(
        network.input._replace(channels=channels),
        _row(network.layers, ROOT, changes),
        tuple(auxiliaries),
    )


_Changes: TypeAlias = Mapping[LayerPath, Mapping[str, int]]


def _row(layers: Sequence[Layer], path: LayerPath, changes: _Changes) -> tuple[Layer, ...]:
    return tuple(_changed(each, LayerPath((*path, i)), changes) for i, each in enumerate(layers))


def _changed(layer: Layer, path: LayerPath, changes: _Changes) -> Layer:
    match layer:
        case ir.Sequence(layers):
            return ir.Sequence(_row(layers, path, changes))
        case ir.Parallel(branches):
            return ir.Parallel(_row(branches, path, changes))
        case ir.Residual(body=body, shortcut=shortcut):
            return replace(
                layer,
                body=_changed(body, LayerPath((*path, "body")), changes),
                shortcut=_changed(shortcut, LayerPath((*path, "shortcut")), changes),
            )
        case _:
            fields = changes.get(path)
            return replace(layer, **fields) if fields else layer  # type: ignore[arg-type]  # by role


def _mark_classes(network: Network, at: int, numbers: Numbers) -> None:
    classes = _outputs(network.layers[at])
    _mark(network.layers, at, ROOT, numbers)
    for number, auxiliary in enumerate(network.auxiliaries):
        own = _classifier(auxiliary.layers, 0)
        if own is not None and _outputs(auxiliary.layers[own]) == classes:
            _mark(auxiliary.layers, own, LayerPath(("aux", number)), numbers)


def _classifier(layers: Sequence[Layer], first: int) -> int | None:
    """The place of the last layer with weights, where all after it keep its outputs apart."""
    for i in range(len(layers) - 1, first - 1, -1):
        match layers[i]:
            case Linear() | Conv(groups=1):
                return i
            case Conv() | ir.Residual() | ir.Parallel() | ir.Attention() | ir.PadChannels():
                return None
            case Normalize() | ir.EvoNorm() | ir.GroupNorm():
                return None
    return None


def _last_pixelwise(layers: Sequence[Layer]) -> int | None:
    """The place of a 1x1 convolution that gives a map of each class: Lin et al. 2013, §3.2."""
    at = _classifier(layers, 0)
    match layers[at:] if at is not None else ():
        case (Conv(kernel=1, bias=True), *after) if not any(isinstance(x, Norm) for x in after):
            return at
        case _:
            return None


def _outputs(layer: Layer) -> int:
    assert isinstance(layer, Linear | Conv)
    return layer.out_features if isinstance(layer, Linear) else layer.out_channels


def _mark(layers: Sequence[Layer], at: int, path: LayerPath, numbers: Numbers) -> None:
    field = "out_features" if isinstance(layers[at], Linear) else "out_channels"
    numbers[LayerPath((*path, at))] = {field: "num_classes"}
    classes = _outputs(layers[at])
    for i in range(at + 1, len(layers)):
        layer = layers[i]
        if isinstance(layer, Norm | PReLU) and layer.channels == classes:
            numbers[LayerPath((*path, i))] = {"channels": "num_classes"}


def _reads(layer: Layer, path: LayerPath, numbers: Numbers) -> _After:
    """Mark the leaves that read the image."""
    match layer:
        case ir.Sequence(layers):
            return _read_in_a_row(layers, path, numbers)
        case ir.Parallel(branches):
            read = [_reads(b, LayerPath((*path, i)), numbers) for i, b in enumerate(branches)]
            return _After.READ if set(read) == {_After.READ} else _After.FIXED
        case ir.Residual():
            parts = (("body", layer.body), ("shortcut", layer.shortcut))
            read = [_reads(part, LayerPath((*path, key)), numbers) for key, part in parts]
            return _After.READ if set(read) == {_After.READ} else _After.FIXED
        case Conv(groups=1):
            numbers[path] = {"in_channels": "in_channels"}
            return _After.READ
        case Normalize(mean=mean) if len(mean) > 1:
            return _After.FIXED
        case PReLU(channels=1):  # one slope for all channels
            return _After.STILL
        case ir.BatchNorm() | ir.InstanceNorm() | PReLU():
            numbers[path] = {"channels": "in_channels"}
            return _After.STILL
        case Pool() | ZeroPad() | Activation() | Dropout() | DropPath() | ir.Scale() | Normalize():
            return _After.STILL
        case ir.BlurPool() | ir.LearnedScale() | ir.AdaptivePool() | ir.Identity():
            return _After.STILL
        case _:
            return _After.FIXED


def _read_in_a_row(layers: Sequence[Layer], path: LayerPath, numbers: Numbers) -> _After:
    for i, layer in enumerate(layers):
        read = _reads(layer, LayerPath((*path, i)), numbers)
        if read is not _After.STILL:
            return read
    return _After.STILL
