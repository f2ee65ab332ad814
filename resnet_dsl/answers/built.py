"""What was built, and how did it run?"""

from __future__ import annotations

from dataclasses import dataclass

from resnet_dsl.answers.analysis import Analysis
from resnet_dsl.ir import Shape, Size


@dataclass(frozen=True, slots=True)
class Run:
    """How a model ran: `output` is the shape that it gave, `written` the file of its weights."""

    device: str
    dtype: str
    output: tuple[int, ...]
    compile_seconds: float
    build_seconds: float
    forward_seconds: float
    written: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPart:
    """The stem, a stage, the head or an auxiliary classifier of a model that was built."""

    name: str
    output: Size
    rows: tuple[str, ...]
    blocks: int
    layers: int
    params: int
    macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The numbers of a network, and how its model ran."""

    name: str | None
    input: Shape
    output: Size
    layers: int
    params: int
    macs: int
    parts: tuple[BuiltPart, ...]
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A record of what was built, the analysis that its table is printed from, and what was
    remarked of its file of weights."""

    built: Built
    analysis: Analysis
    remarks: tuple[str, ...] = ()


def built_record(analysis: Analysis, run: Run) -> Built:
    """The numbers of a network, with how its model ran."""
    return Built(
        name=analysis.name,
        input=analysis.input,
        output=analysis.output,
        layers=analysis.layers,
        params=analysis.params,
        macs=analysis.macs,
        parts=tuple(
            BuiltPart(
                name=part.name,
                output=part.output,
                rows=tuple(line.text for line in part.lines),
                blocks=part.blocks,
                layers=part.layers,
                params=part.params,
                macs=part.macs,
            )
            for part in analysis.parts
        ),
        run=run,
    )
