"""Spec to Network: the one place where strides, paddings, shortcuts, norms and activations appear.

Every number of the network is settled here, at the spec's input size, and each rule says what it
did: plans of stages, ranges of blocks, origins and reasons of layers. Faults are collected with the
path of the text that they come from; whoever holds the text places them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import gcd
from typing import NamedTuple

from resnet_dsl import ir
from resnet_dsl.diagnostics import Diagnostic, SpecError, SpecPath, nearest
from resnet_dsl.elaboration.block_layers import (
    block_layers,
    fitting_help,
    is_residual,
    opening,
)
from resnet_dsl.elaboration.draft import Draft, Origin, piece, size_fault
from resnet_dsl.elaboration.key_conflicts import check_keys
from resnet_dsl.elaboration.reasons import Concatenation, FlattenedInput, Reasons
from resnet_dsl.elaboration.stage_plans import StridePlan, stage_plans, writes_strides
from resnet_dsl.elaboration.term_layers import activation_layer, activation_of, term_layers
from resnet_dsl.folds.shape import ShapeError
from resnet_dsl.ir import Layer, Network, Size
from resnet_dsl.language.activations import activation_value
from resnet_dsl.language.spec import LARGEST_LAYERS, LARGEST_REPEATS, Settings, Spec, Stage
from resnet_dsl.language.validation import validated
from resnet_dsl.notation import terms


class StageRecord(NamedTuple):
    """A stage's layers, the plan of its first block, and whether its rows write their strides."""

    layers: range
    plan: StridePlan
    writes_strides: bool


class Elaboration(NamedTuple):
    """A network, and what the compiler decided on the way to it.

    `origins` and `reasons` have an entry for each of `network.layers`. `stem`, `stages` and `head`
    are ranges of layers, as the author divided them; `blocks` are named as in `aux:`, each with its
    layers.
    """

    spec: Spec
    network: Network
    origins: tuple[Origin, ...]
    reasons: tuple[Reasons, ...]
    stem: range
    stages: dict[str, StageRecord]
    head: range
    blocks: dict[str, range]
    aux_origins: tuple[tuple[Origin, ...], ...]

    def fault(self, error: ShapeError) -> Diagnostic:
        """A size that does not fit, at the text that its layer comes from."""
        return size_fault(error, self.origins[int(error.path[0])])


def elaborate(spec: Spec) -> Network:
    """The network of a spec; `SpecError` where its parts do not fit together.

    The stride of a stage stands at the first convolution wider than 1x1 of its first block, and a
    block projects where its shape changes: He et al. 2015, §3.3 and §3.4.

    >>> from resnet_dsl import load
    >>> len(elaborate(load("resnet18")).layers)
    15
    """
    return elaboration_of(validated(spec)).network


def elaboration_of(spec: Spec) -> Elaboration:
    """`elaborate` of a spec that is validated, and what was decided on the way."""
    _check_limits(spec)
    draft = Draft(spec.input, _drop_paths(spec), spec.drop_path)
    draft.common_width = _common_width(spec)
    check_keys(draft, spec)
    plans = stage_plans(draft, spec)
    _add_stem(draft, spec)
    stem = draft.range_from(0)
    stages, blocks, pre_activated = _add_stages(draft, spec, plans)
    start = len(draft.layers)
    if pre_activated:
        _close(draft, pre_activated, Origin(("head",)))
    _add_head(draft, spec.head, spec.settings(), ("head",))
    auxiliaries = _auxiliaries(draft, spec, blocks)
    if not any(stage.layers for stage in stages.values()):
        draft.fault(
            "missing",
            "stages without a layer",
            Origin(("stages",)),
            help='a row that does nothing is no block: "[[3x3, 64], [3x3, 64]] x 2"',
        )
    if draft.faults:
        raise SpecError(draft.faults)
    return Elaboration(
        spec=spec,
        network=Network(spec.input, tuple(draft.layers), tuple(aux for aux, _ in auxiliaries)),
        origins=tuple(draft.origins),
        reasons=tuple(draft.reasons),
        stem=stem,
        stages=stages,
        head=draft.range_from(start),
        blocks=blocks,
        aux_origins=tuple(origins for _, origins in auxiliaries),
    )


def _check_limits(spec: Spec) -> None:
    """A spec that is larger than any network is a slip, and takes long."""
    rows = [row for stage in spec.stages.values() for row in stage.rows]
    repeats = sum(row.repeats for row in rows)
    layers = sum(len(branch) for row in rows for branch in row.branches)
    for count, largest, what, help in (
        (repeats, LARGEST_REPEATS, "blocks", "a count is that of blocks: x 3"),
        (layers, LARGEST_LAYERS, "layers in rows", "rows that are equal have a count: x 100"),
    ):
        if count > largest:
            message = f"{count:,} {what}, more than {largest:,}"
            fault = Diagnostic(code="limit", message=message, path=("stages",), help=help)
            raise SpecError([fault])


def _common_width(spec: Spec) -> int:
    rows = (row for stage in spec.stages.values() for row in stage.rows)
    layers = (layer for row in rows for branch in row.branches for layer in branch)
    convs = (layer for layer in (*spec.stem, *layers) if isinstance(layer, terms.Conv))
    return gcd(*(conv.channels for conv in convs))


def _drop_paths(spec: Spec) -> Iterator[float]:
    """The probability of each residual block: Huang et al. 2016, §3, from 0 on."""
    count = sum(
        row.repeats
        for stage in spec.stages.values()
        for row in stage.rows
        if is_residual(row, spec.settings(stage))
    )
    return drop_path_schedule(spec.drop_path, count)


def drop_path_schedule(rate: float, count: int) -> Iterator[float]:
    """Probabilities from 0 to the rate, linear over so many blocks.

    >>> list(drop_path_schedule(0.2, 3))
    [0.0, 0.1, 0.2]
    """
    return (rate * (i / max(1, count - 1)) for i in range(count))


def _add_stem(draft: Draft, spec: Spec) -> None:
    """The last convolution of a pre-activated network is bare: its first block brings the norm."""
    common = spec.settings()
    with_blocks = (s for s in spec.stages.values() if any(row.is_block for row in s.rows))
    first = next(with_blocks, None)
    pre_activated = first is not None and spec.settings(first).order == "pre"
    convs = [i for i, term in enumerate(spec.stem) if isinstance(term, terms.Conv)]
    for i, term in enumerate(spec.stem):
        origin = Origin(("stem", i), term.at)
        normed = not (pre_activated and [i] == convs[-1:])
        draft.add(term_layers(draft, term, common, origin, normed=normed), origin)


def _add_stages(
    draft: Draft, spec: Spec, plans: Mapping[str, StridePlan]
) -> tuple[dict[str, StageRecord], dict[str, range], Settings | None]:
    """All stages; the ranges of their blocks; the settings of pre-activated blocks at the end."""
    stages: dict[str, StageRecord] = {}
    blocks: dict[str, range] = {}
    pre_activated: Settings | None = None
    for name, stage in spec.stages.items():
        settings = spec.settings(stage)
        start = len(draft.layers)
        if pre_activated and settings.order == "post":
            _close(draft, pre_activated, Origin(("stages", name, "rows", 0)))
            pre_activated = None
        for number, layers in enumerate(add_stage(draft, stage, settings, plans[name]), 1):
            blocks[f"{name}.{number}"] = layers
            pre_activated = settings if settings.order == "pre" else None
        layers = draft.range_from(start)
        stages[name] = StageRecord(layers, plans[name], writes_strides(stage.rows))
    return stages, blocks, pre_activated


def add_stage(draft: Draft, stage: Stage, settings: Settings, plan: StridePlan) -> list[range]:
    """Add a stage to a draft; the layers of each of its blocks."""
    name, blocks = plan.stage, list[range]()
    for i, row in enumerate(stage.rows):
        origin = Origin(("stages", name, "rows", i))
        following = plan.following
        for block in block_layers(draft, row, settings, plan, origin):
            start = len(draft.layers)
            draft.add(block, origin, fitting_help(draft, row, settings))
            if row.is_block:
                blocks.append(draft.range_from(start))
                plan = following
    if stage.output and draft.size[1:] != stage.output:
        given = "x".join(map(str, draft.size[1:]))
        expected = "x".join(map(str, stage.output))
        origin = Origin(("stages", name, "output"))
        draft.fault(
            "output",
            f"{name} gives {given}, not {expected}",
            origin,
            help=f"if the rows and strides are right, write output: {given}",
        )
    return blocks


def stage_layers(
    stage: Stage,
    settings: Settings,
    plan: StridePlan,
    size: Size,
    drop_paths: Iterator[float] | None = None,
) -> list[Layer] | None:
    """The layers of one stage on maps of a size; None where it has faults."""
    draft = Draft(size, drop_paths)
    try:
        add_stage(draft, stage, settings, plan)
    except SpecError:
        return None
    return None if draft.faults else draft.layers


def _close(draft: Draft, settings: Settings, origin: Origin) -> None:
    """The norm and activation after the last of several pre-activated blocks."""
    if not settings.final_norm:
        return
    draft.add(opening(draft, settings, origin, after=True), origin)


def _auxiliaries(
    draft: Draft, spec: Spec, blocks: Mapping[str, range]
) -> list[tuple[ir.Auxiliary, tuple[Origin, ...]]]:
    """The auxiliary classifiers, the earliest first, and the text that their layers come from."""
    auxiliaries = []
    for block, head in spec.aux.items():
        path = ("aux", block)
        if block not in blocks:
            guess = nearest(block, blocks)
            draft.fault(
                "aux",
                f"this network has no block {block}",
                Origin(path, on_key=True),
                help=f"did you mean {guess}?" if guess else "blocks count from 1: conv4_x.1",
            )
            continue
        position = blocks[block].stop
        branch = Draft(draft.size_after(spec.input, position))
        _add_head(branch, head, spec.settings(), path)
        draft.faults += branch.faults
        auxiliary = ir.Auxiliary(position=position, layers=tuple(branch.layers))
        auxiliaries.append((auxiliary, tuple(branch.origins)))
    return sorted(auxiliaries, key=lambda pair: pair[0].position)


def _add_head(
    draft: Draft, head: Sequence[terms.HeadLayer], settings: Settings, path: SpecPath
) -> None:
    last_fc = max((i for i, term in enumerate(head) if isinstance(term, terms.Fc)), default=-1)
    for i, term in enumerate(head):
        origin = Origin((*path, i), term.at)
        match term:
            case terms.AdaptivePool(side=side, kind=kind, window=window):
                draft.add(piece(ir.AdaptivePool(side=side, kind=kind, window=window)), origin)
            case terms.BothPools(first=first):
                second: ir.PoolKind = "max" if first == "average" else "average"
                pools = (ir.AdaptivePool(kind=first), ir.AdaptivePool(kind=second))
                draft.add(piece(ir.Parallel(pools), Concatenation(len(pools))), origin)
            case terms.Flatten():
                draft.add(piece(ir.Flatten()), origin)
            case terms.Softmax(log=log):
                draft.add(piece(ir.Softmax(log)), origin)
            case terms.Fc():
                _add_fc(draft, term, settings, origin, activates=i != last_fc)
            case _:
                draft.add(term_layers(draft, term, settings, origin), origin)


def _add_fc(
    draft: Draft, term: terms.Fc, settings: Settings, origin: Origin, *, activates: bool
) -> None:
    if isinstance(draft.size, ir.Shape):
        draft.add(piece(ir.Flatten(), FlattenedInput()), origin)
    linear = ir.Linear(in_features=draft.channels, out_features=term.features, bias=term.bias)
    draft.add(piece(linear), origin)
    match term.activation:
        case "linear":
            pass
        case terms.Activation() as activation:
            layer = activation_layer(activation_value(activation), term.features)
            draft.add(piece(layer), origin)
        case None if activates:
            draft.add(activation_of(settings, term.features, normed=False), origin)
