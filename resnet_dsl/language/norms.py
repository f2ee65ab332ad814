"""The norms of a spec, with their numbers.

Annotations are values here: no `from __future__ import annotations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.language.validation import Between, Definitions, dataclass_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm:
    """Batch normalization, with PyTorch's eps and momentum by default."""

    kind: Literal["batch"] = "batch"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5
    momentum: Annotated[float, Between(ge=0, le=1)] = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm:
    """Group normalization, in 32 groups by default."""

    kind: Literal["group"] = "group"
    groups: Annotated[int, Between(ge=1)] = 32
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
Norm: TypeAlias = Literal["none"] | BatchNorm | GroupNorm | ActiveNorm
NORMS: Final[dict[str, type[Any]]] = {
    "batch": BatchNorm,
    "group": GroupNorm,
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
            custom_error_message="a norm is batch, group, evonorm, filter response, none, "
            "or a mapping with kind and numbers",
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


NormField = Annotated[Norm, _NormField()]
