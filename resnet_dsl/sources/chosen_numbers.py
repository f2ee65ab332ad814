"""A network for other classes or images, as one is trained further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import index
from typing import Final, NamedTuple

from resnet_dsl.diagnostics import fail
from resnet_dsl.folds.interface import Interface, Number, interface, with_numbers
from resnet_dsl.ir import Flatten, Network, Shape
from resnet_dsl.language.activations import activation_term
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.language.spec import Expect, Spec
from resnet_dsl.notation import terms
from resnet_dsl.recovery import recover
from resnet_dsl.sources.resolve import Resolved, Source, checked, resolve

_LARGEST: Final = 2**31 - 1
"""Of classes or channels: what is larger is a slip."""


class Chosen(NamedTuple):
    """A network with the numbers that were asked for.

    `whole` is the network that files of weights are read into, which has a classifier where this
    one was asked to have none; its layers that follow `free` numbers may differ from those in a
    file.
    """

    resolved: Resolved
    whole: Resolved
    free: frozenset[Number]


def chosen_numbers(
    resolved: Resolved, num_classes: int | None = None, in_channels: int | None = None
) -> Chosen:
    """The network with another number of classes, 0 for none, or of channels of images.

    Auxiliary classifiers follow, and without classes there are none. The spec has what changed;
    `expect:` keeps the layers alone. Raises `SpecError` where the network has no such number.

    >>> from resnet_dsl.sources.resolve import resolve
    >>> chosen_numbers(resolve("resnet18"), num_classes=10).resolved.spec.head[-1].features
    10
    """
    asked: dict[Number, int | None] = {"num_classes": num_classes, "in_channels": in_channels}
    own, values = interface(resolved.network), dict[Number, int]()
    fixed: dict[Number, int] = {"num_classes": 0, "in_channels": resolved.network.input.channels}
    for number, value in asked.items():
        if value is not None:
            values[number] = _whole_number(number, value)
    for number in [n for n, value in values.items() if n not in own.values and value == fixed[n]]:
        del values[number]  # it has that already, and no other
    for number in values:
        _check(number, own)
    kept = {number: value for number, value in values.items() if value}
    whole = _with_values(resolved, kept, own)
    chosen = whole if kept == values else _with_values(resolved, values, own)
    return Chosen(chosen, whole, frozenset(values))


def resolve_chosen(
    source: Source,
    overrides: Sequence[str],
    input: Input | None,
    num_classes: int | None,
    in_channels: int | None,
) -> Chosen:
    """`resolve`, and the network with the numbers that are asked for."""
    if input is not None and in_channels is not None:
        channels = input_shape(input, Shape(in_channels, 1, 1)).channels
        if channels != in_channels:
            message = f"the input has {channels} channels, and in_channels is {in_channels}"
            raise fail("value", message, help="say one of them")
    return chosen_numbers(resolve(source, overrides, input), num_classes, in_channels)


def _with_values(resolved: Resolved, values: dict[Number, int], own: Interface) -> Resolved:
    changed = {n: value for n, value in values.items() if value != own.values[n]}
    if not changed:
        return resolved
    at = resolved.at and resolved.at._replace(channels=values.get("in_channels", resolved.at[0]))
    if resolved.elaboration is None:
        return Resolved(_changed(resolved.network, changed, own), at=at)
    return _changed_spec(resolved, changed, own)._replace(at=at)


def _whole_number(number: Number, value: int) -> int:
    fewest = 0 if number == "num_classes" else 1
    try:
        whole = index(value)
    except TypeError:
        whole = -1
    if whole < fewest or isinstance(value, bool):
        help = f"a whole number from {fewest} on"
        raise fail("value", f"{number} is {value!r}"[:80], help=help)
    if whole > _LARGEST:
        raise fail("value", f"{number} is {value}"[:80], help=f"at most {_LARGEST:,}")
    return whole


def _check(number: Number, own: Interface) -> None:
    if number in own.values:
        return
    if number == "num_classes":
        message = "the network has no classes: no fully connected layer or convolution gives them"
        raise fail("value", message, help="leave out num_classes, or write a head with one")
    message = "the layers that read the image take its channels alone"
    raise fail("value", message, help="leave out in_channels")


def _changed(network: Network, values: dict[Number, int], own: Interface) -> Network:
    if values.get("num_classes") != 0:
        return with_numbers(network, values)
    body = Network(network.input, network.layers[: own.classifier])
    channels: dict[Number, int] = {n: v for n, v in values.items() if n == "in_channels"}
    return with_numbers(body, channels) if channels else body


def _changed_spec(resolved: Resolved, values: dict[Number, int], own: Interface) -> Resolved:
    """The author's spec with other numbers, where that gives the network; else a recovered one."""
    spec, network = resolved.spec, _changed(resolved.network, values, own)
    assert spec is not None
    layers = spec.expect.layers if values.get("num_classes") != 0 else None
    written = replace(spec, input=network.input, expect=Expect(layers=layers))
    match values.get("num_classes"):
        case None:
            pass
        case 0:
            written = _without_classes(written, resolved, own)
        case classes:
            written = _with_classes(written, resolved, own, classes)
    changed = checked(written)
    if changed.network == network:
        return changed
    return checked(replace(recover(network), name=spec.name, init=spec.init))


def _without_classes(spec: Spec, resolved: Resolved, own: Interface) -> Spec:
    """The head up to its classifier, which a vector reaches where one did."""
    assert resolved.elaboration is not None
    assert own.classifier is not None
    origins, before = resolved.elaboration.origins, own.classifier - 1
    match origins[own.classifier].path:
        case ("head", int(i)) as path:
            flattens = resolved.network.layers[before] == Flatten() and origins[before].path == path
            vector = (terms.Flatten(),) if flattens else ()
            return replace(spec, head=(*_activated(spec.head[:i], spec), *vector), aux={})
        case _:
            return spec


def _activated(head: tuple[terms.HeadLayer, ...], spec: Spec) -> tuple[terms.HeadLayer, ...]:
    """A fully connected layer that is now the last keeps the activation of one in the middle."""
    for i in range(len(head) - 1, -1, -1):
        term = head[i]
        if isinstance(term, terms.Fc):
            activation = term.activation or activation_term(spec.settings().activation)
            return (*head[:i], replace(term, activation=activation), *head[i + 1 :])
    return head


def _with_classes(spec: Spec, resolved: Resolved, own: Interface, classes: int) -> Spec:
    """Another number in the terms that give classes, where they are terms of heads."""
    assert resolved.elaboration is not None
    assert own.classifier is not None
    rows = resolved.elaboration.aux_origins
    origins = [
        resolved.elaboration.origins[own.classifier],
        *(each for row in rows for each in row),
    ]
    for origin in origins:
        match origin.path:
            case ("head", int(i)):
                spec = replace(spec, head=_renumbered(spec.head, i, own, classes))
            case ("aux", str(block), int(i)):
                row = _renumbered(spec.aux[block], i, own, classes)
                spec = replace(spec, aux=spec.aux | {block: row})
    return spec


def _renumbered(
    row: tuple[terms.HeadLayer, ...], at: int, own: Interface, classes: int
) -> tuple[terms.HeadLayer, ...]:
    term = row[at]
    match term:
        case terms.Fc(features=features) if features == own.values["num_classes"]:
            term = replace(term, features=classes)
        case terms.Conv(channels=channels) if channels == own.values["num_classes"]:
            term = replace(term, channels=classes)
    return (*row[:at], term, *row[at + 1 :])
