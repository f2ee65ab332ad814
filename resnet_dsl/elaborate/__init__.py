"""Spec to Network: the one place where strides, paddings, shortcuts, norms and activations appear.

Every number of the network is settled here, at the page's input size. Faults are collected with
the path of the words that they come from; whoever holds the text places them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from resnet_dsl import ir, notation
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.elaborate.blocks import blocks, convolves, unit
from resnet_dsl.elaborate.blocks import with_stride as with_stride
from resnet_dsl.elaborate.work import Origin, Work, size_fault
from resnet_dsl.folds.shape import ShapeError
from resnet_dsl.ir import Network
from resnet_dsl.notation import Row
from resnet_dsl.spec import LARGEST_REPEATS, Settings, Spec


@dataclass(frozen=True, slots=True)
class Elaboration:
    """A network, and for each of its layers the words that it comes from.

    `stem`, `stages` and `head` are ranges over `network.layers`, as the author cut them.
    """

    network: Network
    origins: tuple[Origin, ...]
    stem: range
    stages: dict[str, range]
    head: range

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
    work = Work(spec.input)
    common = spec.settings()
    for i, term in enumerate(spec.stem):
        origin = Origin(("stem", i), term.at)
        work.add(unit(work, term, common, origin), origin)
    stem = work.range_from(0)
    stages = {}
    for name in spec.stages:
        start = len(work.layers)
        _add_stage(work, spec, name)
        stages[name] = work.range_from(start)
    start = len(work.layers)
    _add_head(work, spec.head, common)
    if work.faults:
        raise SpecError(work.faults)
    network = Network(spec.input, tuple(work.layers))
    return Elaboration(network, tuple(work.origins), stem, stages, work.range_from(start))


def _add_stage(work: Work, spec: Spec, name: str) -> None:
    stage = spec.stages[name]
    settings = spec.settings(stage)
    stride = _inserted_stride(work, spec, name)
    for i, row in enumerate(stage.rows):
        origin = Origin(("stages", name, "rows", i))
        for layer in blocks(work, row, settings, stride, origin):
            work.add(layer, origin)
        if convolves(row):
            stride = 1
    if stage.output and work.size[1:] != stage.output:
        found = "x".join(map(str, work.size[1:]))
        said = "x".join(map(str, stage.output))
        work.fault(
            "output", f"{name} gives {found}, not {said}", Origin(("stages", name, "output"))
        )


def _inserted_stride(work: Work, spec: Spec, name: str) -> int:
    """The stride that the first block gets: none where the stage speaks of strides itself."""
    stage = spec.stages[name]
    layers = [layer for row in stage.rows for layer in row.layers]
    if speaks_of_strides(stage.rows):
        if stage.stride is not None:
            work.fault(
                "stride",
                f"{name} has a stride, and its rows stride themselves",
                Origin(("stages", name, "stride")),
                help="say it once: as the stage's stride, or in the rows",
            )
        return 1
    stride = spec.stride(name)
    if stride > 1 and not any(isinstance(layer, notation.Conv) for layer in layers):
        message = f"{name} has no convolution to carry its stride of {stride}"
        work.fault("stride", message, Origin(("stages", name)), help="write stride: 1")
        return 1
    return stride


def speaks_of_strides(rows: Sequence[Row]) -> bool:
    """Rows with a written stride, a pool or branches: nothing is inserted in such a stage."""
    return any(len(row.branches) > 1 or any(map(_strides_itself, row.layers)) for row in rows)


def _strides_itself(layer: notation.RowLayer) -> bool:
    written = isinstance(layer, notation.Conv) and layer.stride is not None
    return written or isinstance(layer, notation.Pool | notation.BlurPool)


def _add_head(work: Work, head: Sequence[notation.HeadLayer], settings: Settings) -> None:
    last_fc = max((i for i, term in enumerate(head) if isinstance(term, notation.Fc)), default=-1)
    for i, term in enumerate(head):
        origin = Origin(("head", i), term.at)
        match term:
            case (
                notation.Conv()
                | notation.Pool()
                | notation.BlurPool()
                | notation.SqueezeExcite()
                | notation.EfficientChannelAttention()
                | notation.Dropout()
            ):
                work.add(unit(work, term, settings, origin), origin)
            case notation.GlobalPool():
                work.add(ir.GlobalPool(), origin)
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
