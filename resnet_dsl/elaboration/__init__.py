"""Spec to Network: the one place where strides, paddings, shortcuts, norms and activations appear.

Every number of the network is settled here, at the page's input size. Faults are collected with
the path of the words that they come from; whoever holds the text places them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, assert_never

from resnet_dsl import ir, notation
from resnet_dsl.diagnostics import Diagnostic, SpecError, nearest
from resnet_dsl.elaboration.block_layers import (
    Pace,
    blocks,
    is_residual,
    odd_map_help,
    opening,
)
from resnet_dsl.elaboration.draft import Origin, Work, size_fault
from resnet_dsl.elaboration.key_conflicts import check_keys
from resnet_dsl.elaboration.stage_plans import paces
from resnet_dsl.elaboration.stage_plans import speaks_of_strides as speaks_of_strides
from resnet_dsl.elaboration.term_layers import convolves, unit
from resnet_dsl.folds.shape import ShapeError
from resnet_dsl.ir import Network, Path
from resnet_dsl.language.spec import LARGEST_REPEATS, Settings, Spec, Stage


class Elaboration(NamedTuple):
    """A network, and for each of its layers the words that it comes from.

    `stem`, `stages` and `head` are ranges over `network.layers`, as the author cut them; `blocks`
    are named as in `aux:`, each with the number of layers behind which it ends.
    """

    network: Network
    origins: tuple[Origin, ...]
    stem: range
    stages: dict[str, range]
    head: range
    blocks: dict[str, int]
    aux_origins: tuple[tuple[Origin, ...], ...]

    def fault(self, error: ShapeError) -> Diagnostic:
        """A fold's complaint, at the words that its layer comes from."""
        return size_fault(error, self.origins[int(error.path[0])])


def elaborate(spec: Spec) -> Network:
    """The network that a spec says; `SpecError` where its parts do not fit together.

    The stride of a stage stands at the first convolution wider than 1x1 of its first block, and a
    block projects where its shape changes: He et al. 2015, §3.3 and §3.4.
    """
    return elaborate_with_origins(spec).network


def elaborate_with_origins(spec: Spec) -> Elaboration:
    """`elaborate`, and where each layer comes from."""
    repeats = sum(row.repeats for stage in spec.stages.values() for row in stage.rows)
    if repeats > LARGEST_REPEATS:
        message = f"{repeats:,} blocks, more than {LARGEST_REPEATS:,}"
        raise SpecError([Diagnostic(code="limit", message=message, path=("stages",))])
    work = Work(spec.input, _drop_paths(spec))
    check_keys(work, spec)
    found = paces(work, spec)
    _add_stem(work, spec)
    stem = work.range_from(0)
    stages: dict[str, range] = {}
    ends: dict[str, int] = {}
    pre: Settings | None = None
    for name, stage in spec.stages.items():
        settings = spec.settings(stage)
        start = len(work.layers)
        if pre and settings.order == "post":
            _close(work, pre, Origin(("stages", name, "rows", 0)))
            pre = None
        for number, end in enumerate(add_stage(work, name, stage, settings, found[name]), 1):
            ends[f"{name}.{number}"] = end
            pre = settings if settings.order == "pre" else None
        stages[name] = work.range_from(start)
    start = len(work.layers)
    if pre:
        _close(work, pre, Origin(("head",)))
    common = spec.settings()
    _add_head(work, spec.head, common, ("head",))
    asides = _auxiliaries(work, spec, ends)
    if not any(stages.values()):
        work.fault("missing", "stages without a layer", Origin(("stages",)))
    if work.faults:
        raise SpecError(work.faults)
    network = Network(spec.input, tuple(work.layers), tuple(aux for aux, _ in asides))
    return Elaboration(
        network=network,
        origins=tuple(work.origins),
        stem=stem,
        stages=stages,
        head=work.range_from(start),
        blocks=ends,
        aux_origins=tuple(origins for _, origins in asides),
    )


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


def _add_stem(work: Work, spec: Spec) -> None:
    """The last convolution of a pre-activated network is bare: its first block brings the norm."""
    common = spec.settings()
    with_blocks = (s for s in spec.stages.values() if any(map(convolves, s.rows)))
    first = next(with_blocks, None)
    pre = first is not None and spec.settings(first).order == "pre"
    convs = [i for i, term in enumerate(spec.stem) if isinstance(term, notation.Conv)]
    for i, term in enumerate(spec.stem):
        origin = Origin(("stem", i), term.at)
        normed = not (pre and [i] == convs[-1:])
        work.add(unit(work, term, common, origin, normed=normed), origin)


def add_stage(work: Work, name: str, stage: Stage, settings: Settings, pace: Pace) -> list[int]:
    """A stage; for each of its blocks the number of layers with which it ends."""
    ends: list[int] = []
    for i, row in enumerate(stage.rows):
        origin = Origin(("stages", name, "rows", i))
        ends_here, following = convolves(row), pace.following
        for layer in blocks(work, row, settings, pace, origin):
            work.add(layer, origin, odd_map_help(work, settings))
            if ends_here:
                ends.append(len(work.layers))
                pace = following
    if stage.output and work.size[1:] != stage.output:
        found = "x".join(map(str, work.size[1:]))
        said = "x".join(map(str, stage.output))
        work.fault(
            "output", f"{name} gives {found}, not {said}", Origin(("stages", name, "output"))
        )
    return ends


def _close(work: Work, settings: Settings, origin: Origin) -> None:
    """What a run of pre-activated blocks leaves to the layer behind it."""
    work.add(opening(work, settings, origin), origin)


def _auxiliaries(
    work: Work, spec: Spec, ends: Mapping[str, int]
) -> list[tuple[ir.Auxiliary, tuple[Origin, ...]]]:
    """The auxiliary classifiers, the earliest first, and the words that their layers come from."""
    found = []
    for block, head in spec.aux.items():
        path = ("aux", block)
        if block not in ends:
            guess = nearest(block, ends)
            work.fault(
                "aux",
                f"{block} is no block of this network",
                Origin(path, on_key=True),
                help=f"did you mean {guess}?" if guess else "blocks count from 1: conv4_x.1",
            )
            continue
        behind = ends[block]
        aside = Work(work.size_behind(spec.input, behind))
        _add_head(aside, head, spec.settings(), path)
        work.faults += aside.faults
        made = ir.Auxiliary(behind=behind, layers=tuple(aside.layers))
        found.append((made, tuple(aside.origins)))
    return sorted(found, key=lambda aside: aside[0].behind)


def _add_head(
    work: Work, head: Sequence[notation.HeadLayer], settings: Settings, path: Path
) -> None:
    last_fc = max((i for i, term in enumerate(head) if isinstance(term, notation.Fc)), default=-1)
    for i, term in enumerate(head):
        origin = Origin((*path, i), term.at)
        match term:
            case (
                notation.Conv()
                | notation.Pool()
                | notation.BlurPool()
                | notation.ZeroPad()
                | notation.SqueezeExcite()
                | notation.EfficientChannelAttention()
                | notation.Dropout()
                | notation.DropPath()
            ):
                work.add(unit(work, term, settings, origin), origin)
            case notation.AdaptivePool(side=side):
                work.add(ir.AdaptivePool(side=side), origin)
            case notation.Flatten():
                work.add(ir.Flatten(), origin)
            case notation.Softmax():
                work.add(ir.Softmax(), origin)
            case notation.Fc(features=features):
                if isinstance(work.size, ir.Shape):
                    work.add(ir.Flatten(), origin)
                work.add(ir.Linear(in_features=work.channels, out_features=features), origin)
                if i != last_fc:
                    work.add(ir.Act(settings.activation), origin)
            case _:
                assert_never(term)
