"""One side of a comparison: a spec in its parts, and which of its keys make a difference there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from resnet_dsl.answers.analysis import Analysis
from resnet_dsl.elaboration import Elaboration
from resnet_dsl.folds.cost import Cost
from resnet_dsl.ir import Layer, Size
from resnet_dsl.language.spec import CHOICES, NORMS, Settings, Standardized, default_bias
from resnet_dsl.notation.printed import format_activation, format_layer, format_row
from resnet_dsl.notation.terms import Activation
from resnet_dsl.recovery.inferred import Inferred
from resnet_dsl.recovery.network_spec import Recovered
from resnet_dsl.recovery.stage_rows import setting_of

Value: TypeAlias = str | int | float | tuple[str, ...] | None
"""A value of a key, as text."""

_SETTINGS: Final = tuple(field.name for field in fields(Settings))
_MOVES: Final = ("stride", "dilation")
_ROOT: Final = ("weights", "norm", "activation", "bias")
"""Settings that hold in stem and head as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """The stem, a stage, the head or an auxiliary classifier of one side.

    `texts` are its rows or layers; `keys` the values that hold in it, given or not, None for a bias
    that the norm decides and a stride that is written in the rows; `before` is the size that comes
    in. `shown` and `bias` are what the layers show of the keys, None where that is not known.
    """

    kind: str
    name: str
    texts: tuple[str, ...]
    keys: dict[str, Any]
    layers: tuple[Layer, ...]
    before: Size | None = None
    cost: Cost
    shown: Inferred | None = None
    bias: bool | None = None

    @property
    def is_stage(self) -> bool:
        """Whether it is a stage."""
        return self.kind == "stages"

    def depends_on(self, key: str, value: Any) -> bool:
        """Whether the part would be another one if a key had another value."""
        if self.shown is None or key not in _SETTINGS:
            return True
        if key == "final_norm":
            return self.shown.choices["order"] == {"pre"}
        if key in CHOICES:
            return value not in self.shown.choices[key]
        if key == "bias":
            usual = default_bias(normed=self.keys["norm"] != "none")
            return self.bias is not None and self.bias != (usual if value is None else value)
        return getattr(self.shown, key) not in (None, value)


def compared_parts(
    elaboration: Elaboration, analysis: Analysis, recovered: Recovered | None
) -> list[ComparedPart]:
    """All parts of a spec, in order."""
    root, layers = elaboration.spec.settings(), elaboration.network.layers
    common = {key: getattr(root, key) for key in _ROOT}
    before: Size | None = analysis.input
    parts = []
    evidence = _evidence(recovered, root.norm != "none")
    for (kind, name, texts, keys, indices), part in zip(
        _described(elaboration, common),
        (analysis.stem, *analysis.stages, analysis.head),
        strict=True,
    ):
        shown, bias = evidence.get(name if kind == "stages" else kind, (None, None))
        parts.append(
            ComparedPart(
                kind=kind,
                name=name,
                texts=texts,
                keys=keys,
                layers=layers[indices.start : indices.stop],
                before=before,
                cost=part.cost,
                shown=shown,
                bias=bias,
            )
        )
        before = part.output
    return [*parts, *_auxiliary_parts(elaboration, analysis, recovered, common)]


def _auxiliary_parts(
    elaboration: Elaboration,
    analysis: Analysis,
    recovered: Recovered | None,
    common: dict[str, Any],
) -> Iterator[ComparedPart]:
    spec = elaboration.spec
    names = sorted(spec.aux, key=lambda block: elaboration.blocks[block].stop)
    for number, block in enumerate(names):
        yield ComparedPart(
            kind="aux",
            name=f"aux {block}",
            texts=tuple(map(format_layer, spec.aux[block])),
            keys={"block": block, **common},
            layers=elaboration.network.auxiliaries[number].layers,
            cost=analysis.auxiliaries[number].cost,
            shown=recovered.auxiliary_heads[number] if recovered else None,
        )


_Described = tuple[str, str, tuple[str, ...], dict[str, Any], range]


def _described(elaboration: Elaboration, common: dict[str, Any]) -> Iterator[_Described]:
    """Kind, name, texts, keys and layers of stem, stages and head."""
    spec = elaboration.spec
    yield "stem", "stem", tuple(map(format_layer, spec.stem)), common, elaboration.stem
    for name, stage in spec.stages.items():
        record, settings = elaboration.stages[name], spec.settings(stage)
        keys = {
            "stride": None if record.writes_strides else record.plan.stride,
            "dilation": record.plan.dilation,
            **{key: getattr(settings, key) for key in _SETTINGS},
        }
        yield "stages", name, tuple(map(format_row, stage.rows)), keys, record.layers
    yield "head", "head", tuple(map(format_layer, spec.head)), common, elaboration.head


def _evidence(recovered: Recovered | None, normed: bool) -> dict[str, tuple[Inferred, bool | None]]:
    """What the layers of each part show of its keys, and the bias that holds for them."""
    if recovered is None:
        return {}
    norm = recovered.elaboration.spec.settings().norm
    stages = {
        name: (
            stage.inferred,
            stage.bias(norm if stage.inferred.norm is None else stage.inferred.norm),
        )
        for name, stage in recovered.stages.items()
    }
    stem_bias = setting_of(recovered.stem_biases, default_bias(normed=normed))
    return {"stem": (recovered.stem, stem_bias), "head": (recovered.head, None), **stages}


def keys_of_its_own(
    part: ComparedPart, stage_keys: dict[str, Any], common: Settings
) -> dict[str, Any]:
    """The keys that a stage would need under other settings."""
    if not part.is_stage:
        return {}
    moves = {key: stage_keys[key] for key in _MOVES if stage_keys[key] is not None}
    apart = {key: part.keys[key] for key in _SETTINGS if part.keys[key] != getattr(common, key)}
    needed = {k: v for k, v in apart.items() if part.depends_on(k, getattr(common, k))}
    return {**moves, **needed}


_NOT_GIVEN: Final = {"bias": "where no norm follows", "stride": "in the rows"}


def plain_value(key: str, value: Any) -> Value:
    """A value as specs have it; of a norm, its kind and the numbers that are not the defaults."""
    if value is None:
        return _NOT_GIVEN.get(key, "none")
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Activation):
        return format_activation(value)
    default = NORMS[value.kind]() if value.kind in NORMS else Standardized()
    numbers = {field.name: getattr(value, field.name) for field in fields(default)}
    given = [f"{name} {n}" for name, n in numbers.items() if n != getattr(default, name)]
    return ", ".join([numbers["kind"], *given])
