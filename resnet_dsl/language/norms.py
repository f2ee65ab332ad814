"""The norms of a spec, of maps and of filters, with their numbers.

Annotations are values here: no `from __future__ import annotations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.ir import StandardizationFormula
from resnet_dsl.language.validation import Between, Definitions, dataclass_schema


class _MomentumField:
    """A number from 0 to 1, or `cumulative`: all batches weigh alike."""

    def schema(self, _: Definitions) -> CoreSchema:
        def read(data: object, number: Any) -> object:
            return data if data == "cumulative" else number(data)

        return core.no_info_wrap_validator_function(
            read,
            core.float_schema(strict=True, allow_inf_nan=False, ge=0, le=1),
            metadata={"pydantic_js_functions": [self._json_schema]},
        )

    @staticmethod
    def _json_schema(_schema: Any, _handler: Any) -> dict[str, Any]:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [number, {"const": "cumulative"}]}


MomentumField = Annotated[float | Literal["cumulative"], _MomentumField()]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm:
    """Batch normalization, with PyTorch's eps and momentum by default."""

    kind: Literal["batch"] = "batch"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5
    momentum: MomentumField = 0.1
    affine: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm:
    """Group normalization, in 32 groups by default."""

    kind: Literal["group"] = "group"
    groups: Annotated[int, Between(ge=1)] = 32
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNorm:
    """Normalization of each channel of each image; without weights by default, as in PyTorch."""

    kind: Literal["instance"] = "instance"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5
    affine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNorm:
    """Normalization over the channels of each pixel."""

    kind: Literal["layer"] = "layer"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class EvoNorm:
    """EvoNorm-S0, over the deviation of 32 groups by default; it activates as well."""

    kind: Literal["evonorm"] = "evonorm"
    groups: Annotated[int, Between(ge=1)] = 32
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterResponseNorm:
    """Filter response normalization with a thresholded linear unit; it activates as well."""

    kind: Literal["filter response"] = "filter response"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


ActiveNorm: TypeAlias = EvoNorm | FilterResponseNorm
AnyNorm: TypeAlias = BatchNorm | GroupNorm | InstanceNorm | LayerNorm | ActiveNorm
Norm: TypeAlias = Literal["none"] | AnyNorm
NORMS: Final[dict[str, type[Any]]] = {
    "batch": BatchNorm,
    "group": GroupNorm,
    "instance": InstanceNorm,
    "layer": LayerNorm,
    "evonorm": EvoNorm,
    "filter response": FilterResponseNorm,
}
"""The kinds of norms with numbers: a word alone, or a mapping with its numbers."""


class _NormField:
    """A norm by its kind alone, or as a mapping with `kind` and numbers; batch unless given."""

    def schema(self, definitions: Definitions) -> CoreSchema:
        def expanded(data: object) -> object:
            return {"kind": data} if isinstance(data, str) and data in NORMS else data

        kinds = {kind: dataclass_schema(NORMS[kind], definitions) for kind in NORMS}
        union = core.tagged_union_schema(
            {"none": core.literal_schema(["none"]), **kinds},
            self._kind,
            custom_error_type="refused",
            custom_error_message="a norm is batch, group, instance, layer, evonorm, "
            "filter response, none, or a mapping with kind and numbers",
        )
        return core.no_info_before_validator_function(
            expanded, union, metadata={"pydantic_js_functions": [self._json_schema]}
        )

    @staticmethod
    def _kind(data: Any) -> Any:
        if isinstance(data, Mapping):
            return data.get("kind", "batch")
        return getattr(data, "kind", data)

    @staticmethod
    def _json_schema(schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["none", *NORMS]}, *handler(schema)["oneOf"][1:]]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standardized:
    """Filters with mean 0 and variance 1.

    Formulas are `batch_norm` (timm), `variance` (Google's BiT: the same, rounded otherwise) and
    `deviation` (the authors' code: eps is added to the deviation).
    """

    kind: Literal["standardized"] = "standardized"
    formula: StandardizationFormula = "batch_norm"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-8


Weights: TypeAlias = Literal["plain"] | Standardized


class _WeightsField:
    """`plain` or `standardized`, or a mapping with its formula and eps."""

    def schema(self, definitions: Definitions) -> CoreSchema:
        def expanded(data: object) -> object:
            return {"kind": data} if data == "standardized" else data

        def kind(data: Any) -> Any:
            mapped = isinstance(data, Mapping | Standardized)
            return "standardized" if mapped else data

        union = core.tagged_union_schema(
            {
                "plain": core.literal_schema(["plain"]),
                "standardized": dataclass_schema(Standardized, definitions),
            },
            kind,
            custom_error_type="refused",
            custom_error_message="weights are plain, standardized, or a mapping with kind: "
            "standardized, a formula and eps",
        )
        return core.no_info_before_validator_function(
            expanded, union, metadata={"pydantic_js_functions": [self._json_schema]}
        )

    @staticmethod
    def _json_schema(schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["plain", "standardized"]}, *handler(schema)["oneOf"][1:]]}


WeightsField = Annotated[Weights, _WeightsField()]
NormField = Annotated[Norm, _NormField()]
