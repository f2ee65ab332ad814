"""A whole network to its page: stem, stages, head, and the keys that all share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import Elaboration, drop_path_schedule, elaborate_with_origins
from resnet_dsl.folds.anatomy import Unit, anatomy, is_pre_activated, opening_length
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import DEFAULTS, Settings, Spec
from resnet_dsl.notation import Branch, HeadLayer, RowLayer
from resnet_dsl.recovery.inferred import ANY, ClashError, Facts, Reading, meet, unsayable
from resnet_dsl.recovery.layer_terms import head_words, plain
from resnet_dsl.recovery.shared_keys import common_keys
from resnet_dsl.recovery.stage_rows import StageWords, biases_of
from resnet_dsl.recovery.stage_runs import stages_of
from resnet_dsl.recovery.unit_terms import block, drop_path

STAGE_NAME: Final = "conv{}_x"
"""Stages are named as in He et al. 2015, from conv2_x on."""


def page_of(network: Network) -> Spec:
    """The page of a network; see `resnet_dsl.recovery.recover`."""
    parts = anatomy(network)
    blocks = [layer for layer in network.layers if isinstance(layer, ir.Residual)]
    start = parts.head[0].start if parts.head else len(network.layers)
    if blocks and is_pre_activated(blocks[-1]):
        start += opening_length(network.layers[start:])
    head, root = head_words(network.layers[start:], start)
    asides = []
    for aux in network.auxiliaries:
        aside, shown = head_words(aux.layers, aux.behind)
        root = meet(root, shown, (aux.behind,))
        asides.append(aside)
    rate = _scheduled_rate(blocks)
    pre = bool(blocks) and is_pre_activated(blocks[0])
    stem, rest, root = _stem(network, parts.stem, root, pre=pre)
    found: list[StageWords] = []
    for units in (rest, *parts.stages):
        previous = found[-1].dilation if found else 1
        found += stages_of(network, units, previous, scheduled=rate > 0)
    if not found:
        raise unsayable((), "a network without a stage")
    found = list(_ordered(found))
    common = common_keys(root, biases_of(stem), found)
    settings = DEFAULTS.under(common)
    spec = Spec(
        input=network.input,
        stem=tuple(plain(word, bias=settings.bias, norm=settings.norm) for word in stem),
        block=common,
        stages={
            STAGE_NAME.format(number): stage.say(settings, first=number == 2)
            for number, stage in enumerate(found, 2)
        },
        head=_plain_head(head, settings),
        drop_path=rate,
    )
    elaboration = _assert_same(spec, replace(network, auxiliaries=()))
    heads = [_plain_head(aside, settings) for aside in asides]
    if heads:
        spec = replace(spec, aux=_auxiliaries(network, elaboration, heads))
        _assert_same(spec, network)
    return spec


def _ordered(stages: Iterable[StageWords]) -> Iterator[StageWords]:
    """Stages of pools alone have the order of the one before: a run of pre-activated blocks ends
    where its norm and activation stand."""
    before = ANY["order"]
    for stage in stages:
        if stage.facts.choices["order"] == ANY["order"]:
            choices = {**stage.facts.choices, "order": before}
            stage = replace(stage, facts=replace(stage.facts, choices=choices))
        before = stage.facts.choices["order"]
        yield stage


def _plain_head(words: Iterable[HeadLayer], settings: Settings) -> tuple[HeadLayer, ...]:
    return tuple(plain(word, bias=settings.bias, norm=settings.norm) for word in words)


def _assert_same(spec: Spec, network: Network) -> Elaboration:
    try:
        again = elaborate_with_origins(spec)
    except SpecError as error:
        raise unsayable((), "a network that no page says") from error
    if again.network != network:
        pairs = zip(again.network.layers, network.layers, strict=False)
        differing = (i for i, (a, b) in enumerate(pairs) if a != b)
        where = next(differing, len(again.network.layers))
        raise unsayable((where,), "a layer that no page says")
    return again


def _auxiliaries(
    network: Network, elaboration: Elaboration, heads: Sequence[tuple[HeadLayer, ...]]
) -> dict[str, tuple[HeadLayer, ...]]:
    """Auxiliary classifiers by the block that they read."""
    found = {}
    for aux, head in zip(network.auxiliaries, heads, strict=True):
        names = (name for name, end in elaboration.blocks.items() if end == aux.behind)
        if (name := next(names, None)) is None or name in found:
            raise unsayable((aux.behind,), "an auxiliary classifier that does not follow a block")
        found[name] = head
    return found


def _scheduled_rate(blocks: Sequence[ir.Residual]) -> float:
    """The rate of the drop paths, if they are those that a rate gives; else 0."""
    drops = [drop_path(found) for found in blocks]
    rate = drops[-1] if drops else 0.0
    return rate if drops == list(drop_path_schedule(rate, len(drops))) else 0.0


def _stem(
    network: Network, units: Sequence[Unit], root: Facts, *, pre: bool
) -> tuple[Branch, Sequence[Unit], Facts]:
    """The words of the stem, as far as one setting makes them; the units behind; the facts."""
    if units and any(aux.behind <= units[-1].stop for aux in network.auxiliaries):
        return (), units, root  # what is read by name stands in a stage
    words: list[RowLayer] = []
    convs = [i for i, unit in enumerate(units) if isinstance(unit.main, ir.Conv)]
    for i, unit in enumerate(units):
        layers = network.layers[unit.start : unit.stop]
        if pre and [i] == convs[-1:] and len(layers) > 1:
            return tuple(words), units[i:], root
        found = block(layers, unit.start, Reading(bare=pre and [i] == convs[-1:]))
        try:
            root &= replace(found.facts, choices=root.choices)
        except ClashError:
            return tuple(words), units[i:], root
        words += found.layers
    return tuple(words), (), root
