"""A whole network to its spec: stem, stages, head, and the keys that all stages share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from resnet_dsl import ir
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import Elaboration, drop_path_schedule, elaboration_of
from resnet_dsl.folds.anatomy import Anatomy, Unit, anatomy, is_pre_activated, opening_length
from resnet_dsl.ir import ROOT, LayerPath, Network
from resnet_dsl.language.spec import DEFAULTS, Expect, Init, Settings, Spec
from resnet_dsl.notation.terms import Branch, HeadLayer, RowLayer
from resnet_dsl.recovery import STAGE_NAME
from resnet_dsl.recovery.inferred import (
    ALL_CHOICES,
    BlockContext,
    ConflictError,
    Inferred,
    combined,
    unsupported,
)
from resnet_dsl.recovery.layer_terms import head_terms, without_defaults
from resnet_dsl.recovery.shared_keys import common_keys
from resnet_dsl.recovery.stage_rows import StageTerms, biases_of
from resnet_dsl.recovery.stage_runs import stages_of
from resnet_dsl.recovery.unit_terms import drop_path, unit_terms

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
    """A network in terms, its settings still open."""

    stem: Branch
    stages: tuple[StageTerms, ...]
    head: tuple[HeadLayer, ...]
    auxiliary_heads: tuple[tuple[HeadLayer, ...], ...]
    shown_by_stem: Inferred
    shown_by_head: Inferred
    shown_by_auxiliary_heads: tuple[Inferred, ...]
    root: Inferred
    drop_rate: float


def recovered(network: Network, known: Elaboration | None = None) -> Recovered:
    """`resnet_dsl.recovery.recover`, and what the layers show.

    `known` is an elaboration of the network, in case its spec is in normal form already.
    """
    terms = _terms_of(network)
    biases = biases_of(terms.stem)
    common = common_keys(terms.root, biases, terms.stages)
    settings = DEFAULTS.under(common)
    names = [STAGE_NAME.format(number) for number, _ in enumerate(terms.stages, 2)]
    stages = dict(zip(names, terms.stages, strict=True))
    spec = Spec(
        input=network.input,
        stem=_without_defaults(terms.stem, settings),
        block=common,
        stages={
            name: stage.stage(settings, first=name == names[0]) for name, stage in stages.items()
        },
        head=_without_defaults(terms.head, settings),
        drop_path=terms.drop_rate,
    )
    if network.auxiliaries:
        bare = _elaborated(spec, replace(network, auxiliaries=()), None)
        heads = [_without_defaults(head, settings) for head in terms.auxiliary_heads]
        spec = replace(spec, aux=_auxiliaries(network, bare, heads))
    elaboration = _elaborated(spec, network, known)
    return Recovered(
        elaboration=elaboration,
        stages=stages,
        stem=terms.shown_by_stem,
        stem_biases=biases,
        head=terms.shown_by_head,
        auxiliary_heads=terms.shown_by_auxiliary_heads,
    )


def _terms_of(network: Network) -> _Terms:
    parts = anatomy(network)
    blocks = [layer for layer in network.layers if isinstance(layer, ir.Residual)]
    start = parts.head[0].start if parts.head else len(network.layers)
    if blocks and is_pre_activated(blocks[-1]):
        start += opening_length(network.layers[start:])
    head, shown_by_head = head_terms(network.layers[start:], start)
    auxiliary_heads = [head_terms(aux.layers, aux.position) for aux in network.auxiliaries]
    root = shown_by_head
    for auxiliary, (_, shown) in zip(network.auxiliaries, auxiliary_heads, strict=True):
        root = combined(root, shown, LayerPath((auxiliary.position,)))
    rate = _scheduled_rate(blocks)
    stem, rest, shown_by_stem = _stem(network, parts, root)
    stages: list[StageTerms] = []
    for units in (rest, *parts.stages):
        previous = stages[-1].dilation if stages else 1
        stages += stages_of(network, units, previous, scheduled=rate > 0)
    if not stages:
        raise unsupported(ROOT, "a network without a stage")
    return _Terms(
        stem=stem,
        stages=tuple(_ordered(stages)),
        head=head,
        auxiliary_heads=tuple(terms for terms, _ in auxiliary_heads),
        shown_by_stem=shown_by_stem,
        shown_by_head=shown_by_head,
        shown_by_auxiliary_heads=tuple(shown for _, shown in auxiliary_heads),
        root=root & shown_by_stem,
        drop_rate=rate,
    )


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


def _stem(
    network: Network, parts: Anatomy, root: Inferred
) -> tuple[Branch, Sequence[Unit], Inferred]:
    """The terms of the stem, as far as they agree with what the head shows; the units after those;
    what the stem shows."""
    units = parts.stem
    shown = Inferred()
    if units and any(aux.position <= units[-1].stop for aux in network.auxiliaries):
        return (), units, shown  # what is read by name stands in a stage
    blocks = (layer for layer in network.layers if isinstance(layer, ir.Residual))
    pre_activated = any(is_pre_activated(block) for block in [*blocks][:1])
    terms: list[RowLayer] = []
    convs = [i for i, unit in enumerate(units) if isinstance(unit.main, ir.Conv)]
    for i, unit in enumerate(units):
        layers = network.layers[unit.start : unit.stop]
        bare = pre_activated and [i] == convs[-1:]
        if bare and len(layers) > 1:
            return tuple(terms), units[i:], shown
        block = unit_terms(layers, unit.start, BlockContext(bare=bare))
        own = replace(block.inferred, choices=ALL_CHOICES)
        try:
            shown, _ = shown & own, root & shown & own
        except ConflictError:
            return tuple(terms), units[i:], shown
        terms += block.layers
    return tuple(terms), (), shown
