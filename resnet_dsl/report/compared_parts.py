"""One side of a comparison: a page in its parts, and which of its words make a difference there.

What differs between two of them is `report.diff`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from resnet_dsl.diagnostics import SpecError
from resnet_dsl.elaboration import Elaboration, elaborate_with_origins, speaks_of_strides
from resnet_dsl.elaboration.draft import Work
from resnet_dsl.elaboration.stage_plans import paces
from resnet_dsl.ir import Layer, Network, Path, Shape, Size
from resnet_dsl.language.spec import Settings, Spec, Stage, default_bias
from resnet_dsl.notation import format_layer, format_row
from resnet_dsl.report.analysis import Analysis, Cost
from resnet_dsl.sources.resolve import Source, resolve

_SETTINGS: Final = tuple(field.name for field in fields(Settings))
_MOVES: Final = ("stride", "dilation")
_ROOT: Final = ("weights", "norm", "activation", "bias")
"""Settings that hold in stem and head as well."""


@dataclass(frozen=True, slots=True)
class Side:
    """A page and its network, counted at the page's input or another one."""

    spec: Spec
    elaboration: Elaboration
    cost: Analysis

    @classmethod
    def of(cls, source: Source, input: Shape | None = None) -> Side:
        """What a user calls a network; `SpecError` where it is none, or cannot take the input."""
        found = resolve(source)
        return cls(found.spec, found.elaboration, found.analysis(input))

    @property
    def network(self) -> Network:
        """The network at the input that it is counted at."""
        return replace(self.elaboration.network, input=self.cost.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePart:
    """The stem, a stage, the head or an auxiliary classifier of one side.

    `texts` are its rows or layers; `keys` the values that hold in it, said or not, None for a bias
    that the norm decides and a stride that stands in the rows; `before` is the size that comes in.
    """

    path: Path
    name: str
    texts: tuple[str, ...]
    keys: dict[str, Any]
    layers: tuple[Layer, ...]
    before: Size | None
    cost: Cost

    @property
    def is_stage(self) -> bool:
        return self.path[0] == "stages"


def parts(side: Side) -> list[SidePart]:
    """All parts, in order.

    >>> [part.name for part in parts(Side.of("cifar/resnet20"))]
    ['stem', 'conv2_x', 'conv3_x', 'conv4_x', 'head']
    """
    found = side.cost.parts
    befores = (side.cost.input, *(part.output for part in found[:-1]))
    return [
        SidePart(
            path=path,
            name=part.name,
            texts=texts,
            keys=keys,
            layers=_layers(side.elaboration, path),
            before=None if path[0] == "aux" else before,
            cost=part.cost,
        )
        for (path, texts, keys), part, before in zip(_said(side), found, befores, strict=True)
    ]


def _said(side: Side) -> Iterator[tuple[Path, tuple[str, ...], dict[str, Any]]]:
    """Path, texts and keys of each part."""
    spec = side.spec
    root = {key: getattr(spec.settings(), key) for key in _ROOT}
    moves = paces(Work(spec.input), spec)
    yield ("stem",), tuple(map(format_layer, spec.stem)), root
    for name, stage in spec.stages.items():
        settings = {key: getattr(spec.settings(stage), key) for key in _SETTINGS}
        stride = None if speaks_of_strides(stage.rows) else moves[name].stride
        keys = {"stride": stride, "dilation": moves[name].dilation, **settings}
        yield ("stages", name), tuple(map(format_row, stage.rows)), keys
    yield ("head",), tuple(map(format_layer, spec.head)), root
    for i, block in enumerate(sorted(spec.aux, key=side.elaboration.blocks.__getitem__)):
        yield ("aux", i), tuple(map(format_layer, spec.aux[block])), {"behind": block, **root}


def _layers(found: Elaboration, path: Path) -> tuple[Layer, ...]:
    match path:
        case ("stages", str(name)):
            run = found.stages[name]
        case ("aux", int(number)):
            return found.network.auxiliaries[number].layers
        case ("head",):
            run = found.head
        case _:
            run = found.stem
    return found.network.layers[run.start : run.stop]


def keys_apart(side: Side, part: SidePart, other: Side) -> dict[str, Any]:
    """The keys that a stage would have to say itself on the other side's page."""
    if not part.is_stage:
        return {}
    stage, common = side.spec.stages[part.name], other.spec.settings()
    moves = {key: getattr(stage, key) for key in _MOVES if getattr(stage, key) is not None}
    apart = {key: part.keys[key] for key in _SETTINGS if part.keys[key] != getattr(common, key)}
    changes = {key for key in apart if matters(side, part, key, getattr(common, key))}
    return {**moves, **{key: value for key, value in apart.items() if key in changes}}


def matters(side: Side, part: SidePart, key: str, value: Any) -> bool:
    """Whether a part is another one, or none at all, where its page says another value.

    >>> side = Side.of("cifar/resnet20")
    >>> stage = parts(side)[2]
    >>> matters(side, stage, "stride_on", "first"), matters(side, stage, "shortcut", "none")
    (False, True)
    """
    if key not in _SETTINGS:
        return True
    spec, stages = side.spec, side.spec.stages
    if part.is_stage:
        stage = _saying(spec, stages[part.name], key, value)
        spec = replace(spec, stages={**stages, part.name: stage})
    else:  # what stages have from `block:` stays theirs
        kept = {
            name: _saying(spec, stage, key, getattr(spec.settings(stage), key))
            for name, stage in stages.items()
        }
        spec = replace(spec, block=replace(spec.block, **{key: value}), stages=kept)
    try:
        return _layers(elaborate_with_origins(spec), part.path) != part.layers
    except SpecError:
        return key != "projection"  # it may not be said where nothing projects


def _saying(spec: Spec, stage: Stage, key: str, value: Any) -> Stage:
    """A stage with another value; a bias that is left to the norm is said."""
    if key == "bias" and value is None:
        value = default_bias(normed=spec.settings(stage).norm != "none")
    return replace(stage, **{key: value})
