"""A whole network to its spec: stem, stages, head, and the keys that all stages share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import Elaboration, drop_path_schedule, elaboration_of
from resnet_dsl.folds.anatomy import Anatomy, Unit, anatomy
from resnet_dsl.ir import ROOT, LayerPath, Network
from resnet_dsl.language.spec import DEFAULTS, Expect, Init, Settings, Spec
from resnet_dsl.notation.terms import HeadLayer
from resnet_dsl.recovery import STAGE_NAME
from resnet_dsl.recovery.head_terms import head_items, head_terms, linear_activations
from resnet_dsl.recovery.inferred import (
    ALL_CHOICES,
    Inferred,
    unsupported,
)
from resnet_dsl.recovery.layer_terms import weights_of, without_defaults
from resnet_dsl.recovery.path_terms import (
    Item,
    NormedConv,
    Role,
    activation_of_items,
    is_bare,
    most_common,
    norm_of_items,
    path_terms,
    read_path,
)
from resnet_dsl.recovery.shared_keys import common_keys, common_settings
from resnet_dsl.recovery.stage_rows import StageTerms, biases_of
from resnet_dsl.recovery.stage_runs import stages_of
from resnet_dsl.recovery.unit_terms import drop_path

_Term = TypeVar("_Term", bound=HeadLayer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A spec in normal form, elaborated; what its stages, its stem and its heads show of their
    keys."""

    elaboration: Elaboration
    stages: Mapping[str, StageTerms]
    stem: Inferred
    stem_biases: tuple[bool, ...]
    head: Inferred
    auxiliary_heads: tuple[Inferred, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """A network in terms, its settings still open. `last_of_stem` is the role of the stem's last
    convolution."""

    stem: list[Item]
    last_of_stem: Role
    stages: tuple[StageTerms, ...]
    head: _Head
    auxiliary_heads: tuple[_Head, ...]
    shown_by_stem: Inferred
    root: Inferred
    drop_rate: float


class _Head(NamedTuple):
    """The items of a head, and what they show."""

    items: list[Item | ir.Linear]
    shown: Inferred


def recovered(network: Network, known: Elaboration | None = None) -> Recovered:
    """`resnet_dsl.recovery.recover`, and what the layers show.

    `known` is an elaboration of the network, in case its spec is in normal form already.
    """
    parts = anatomy(network)
    terms = _terms_of(network, parts)
    keys = common_settings(terms.root, terms.stages)
    common = DEFAULTS.under(keys)
    stem = path_terms(terms.stem, common.norm, common.activation, terms.last_of_stem)
    biases = biases_of(stem)
    keys = common_keys(keys, biases, terms.stages)
    settings = DEFAULTS.under(keys)
    names = [STAGE_NAME.format(number) for number, _ in enumerate(terms.stages, 2)]
    stages = dict(zip(names, terms.stages, strict=True))
    spec = Spec(
        input=network.input,
        stem=_without_defaults(stem, settings),
        block=keys,
        stages={
            name: stage.stage(settings, first=name == names[0]) for name, stage in stages.items()
        },
        head=_head_terms(terms.head, settings),
        drop_path=terms.drop_rate,
    )
    if network.auxiliaries:
        bare = _elaborated(spec, replace(network, auxiliaries=()), None)
        heads = [_head_terms(head, settings) for head in terms.auxiliary_heads]
        spec = replace(spec, aux=_auxiliaries(network, bare, heads))
    elaboration = _elaborated(spec, network, known)
    return Recovered(
        elaboration=elaboration,
        stages=stages,
        stem=terms.shown_by_stem,
        stem_biases=biases,
        head=terms.head.shown,
        auxiliary_heads=tuple(head.shown for head in terms.auxiliary_heads),
    )


def _head_terms(head: _Head, settings: Settings) -> tuple[HeadLayer, ...]:
    return _without_defaults(head_terms(head.items, settings.norm, settings.activation), settings)


def _terms_of(network: Network, parts: Anatomy) -> _Terms:
    blocks = [layer for layer in network.layers if isinstance(layer, ir.Residual)]
    start = parts.head[0].start if parts.head else len(network.layers)
    if parts.head and parts.head[0].closes:
        start = parts.head[0].stop
    head = _head_of(network.layers[start:], start)
    auxiliary_heads = tuple(_head_of(aux.layers, aux.position) for aux in network.auxiliaries)
    rate = _scheduled_rate(blocks)
    stem, rest = _stem(network, parts, head.shown)
    stages: list[StageTerms] = []
    for units in (rest, *parts.stages):
        previous = stages[-1].dilation if stages else 1
        stages += stages_of(network, units, previous, scheduled=rate > 0)
    if not stages:
        raise unsupported(ROOT, "a network without a stage")
    at_head = bool(parts.head) and parts.head[0].closes
    ordered = tuple(_closed(list(_ordered(stages)), at_head=at_head))
    orders = (stage.inferred.choices["order"] for stage in ordered if _has_blocks(stage))
    role: Role = "last of pre" if next(orders, frozenset()) == {"pre"} else "inner"
    shown_by_stem = _shown(stem, role)
    return _Terms(
        stem=stem,
        last_of_stem=role,
        stages=ordered,
        head=head,
        auxiliary_heads=auxiliary_heads,
        shown_by_stem=shown_by_stem,
        root=_first(shown_by_stem, head.shown, *(aux.shown for aux in auxiliary_heads)),
        drop_rate=rate,
    )


def _has_blocks(stage: StageTerms) -> bool:
    return any(row.is_block for row in stage.rows)


def _head_of(layers: Sequence[ir.Layer], start: int) -> _Head:
    items = head_items(layers, start)
    convs = [item for item in items if isinstance(item, NormedConv)]
    activations = linear_activations(items)
    shown = _shown(convs, "inner")
    if shown.activation is None and activations:
        shown = replace(shown, activation=most_common(activations))
    return _Head(items, shown)


def _shown(items: Sequence[Item], last: Role) -> Inferred:
    """What convolutions of a stem or a head show, whatever shows in a block alone."""
    convs = [item for item in items if isinstance(item, NormedConv)]
    weights = next((weights_of(conv.layer) for conv in convs), None)
    if last == "last of pre":
        convs = convs[:-1]
    return Inferred(
        norm=None if is_bare(convs) else norm_of_items(convs),
        activation=activation_of_items(convs),
        weights=weights,
    )


def _first(*shown: Inferred) -> Inferred:
    """The first value of each setting that any of them shows."""

    def first(key: str) -> Any:
        values = (getattr(inferred, key) for inferred in shown)
        return next((value for value in values if value is not None), None)

    return Inferred(norm=first("norm"), activation=first("activation"), weights=first("weights"))


def _closed(stages: Sequence[StageTerms], *, at_head: bool) -> Iterator[StageTerms]:
    """Stages with the norm and activation after their last pre-activated block, or without: those
    of a run stand after its last block, before the next stage of another order or the head."""
    run_ends: dict[int, bool] = {}
    last = None  # the stage of the last block, if it is pre-activated
    for i, stage in enumerate(stages):
        pre = stage.inferred.choices["order"] == {"pre"}
        if last is not None and not pre:
            run_ends[last], last = stage.closes, None
        if _has_blocks(stage):
            last = i if pre else None
    if last is not None:
        run_ends[last] = at_head
    for i, stage in enumerate(stages):
        yield replace(stage, final_norm=run_ends.get(i))


def _ordered(stages: Iterable[StageTerms]) -> Iterator[StageTerms]:
    """Stages of pools alone have the order of the one before: a run of pre-activated blocks ends
    where its norm and activation stand."""
    before = ALL_CHOICES["order"]
    for stage in stages:
        if stage.inferred.choices["order"] == ALL_CHOICES["order"]:
            choices = {**stage.inferred.choices, "order": before}
            stage = replace(stage, inferred=replace(stage.inferred, choices=choices))
        before = stage.inferred.choices["order"]
        yield stage


def _without_defaults(terms: tuple[_Term, ...], settings: Settings) -> tuple[_Term, ...]:
    return tuple(without_defaults(t, bias=settings.bias, norm=settings.norm) for t in terms)


def _elaborated(spec: Spec, network: Network, known: Elaboration | None) -> Elaboration:
    """The elaboration of a recovered spec; refused where it does not give the network."""
    if known and replace(known.spec, name=None, expect=Expect(), init=Init()) == spec:
        return known
    try:
        elaboration = elaboration_of(spec)
    except SpecError as error:
        raise unsupported(ROOT, "this network") from error
    own = elaboration.network.layers
    if elaboration.network != network:
        pairs = zip(own, network.layers, strict=False)
        differing = (i for i, (a, b) in enumerate(pairs) if a != b)
        raise unsupported(LayerPath((next(differing, len(own)),)), "this layer")
    return elaboration


def _auxiliaries(
    network: Network, elaboration: Elaboration, heads: Sequence[tuple[HeadLayer, ...]]
) -> dict[str, tuple[HeadLayer, ...]]:
    """Auxiliary classifiers by the block that they read."""
    by_block: dict[str, tuple[HeadLayer, ...]] = {}
    for auxiliary, head in zip(network.auxiliaries, heads, strict=True):
        position = auxiliary.position
        names = (name for name, block in elaboration.blocks.items() if block.stop == position)
        if (name := next(names, None)) is None or name in by_block:
            what = "an auxiliary classifier that does not follow a block"
            raise unsupported(LayerPath((position,)), what)
        by_block[name] = head
    return by_block


def _scheduled_rate(blocks: Sequence[ir.Residual]) -> float:
    """The rate of the drop paths, if they are those that a rate gives; else 0."""
    drops = [drop_path(block) for block in blocks]
    rate = drops[-1] if drops else 0.0
    return rate if drops == list(drop_path_schedule(rate, len(drops))) else 0.0


def _stem(network: Network, parts: Anatomy, head: Inferred) -> tuple[list[Item], Sequence[Unit]]:
    """The items of the stem, as far as their filters agree with those of the head; the units after
    those."""
    units = parts.stem
    if units and any(aux.position <= units[-1].stop for aux in network.auxiliaries):
        return [], units  # what is read by name stands in a stage
    items: list[Item] = []
    weights = head.weights
    for i, unit in enumerate(units):
        layers = network.layers[unit.start : unit.stop]
        own = read_path(layers, ROOT, start=unit.start)
        for item in own:
            if isinstance(item, NormedConv):
                if weights not in (None, weights_of(item.layer)):
                    return items, units[i:]
                weights = weights_of(item.layer)
        items += own
    return items, ()
