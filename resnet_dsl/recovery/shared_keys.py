"""What all stages share: the keys of `block:`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Literal, TypeVar

from resnet_dsl.language.activations import ActivationValue
from resnet_dsl.language.spec import CHOICES, DEFAULTS, BlockKeys, Norm, Settings, default_bias
from resnet_dsl.recovery.inferred import Inferred
from resnet_dsl.recovery.stage_rows import StageTerms, differing, setting_of

_T = TypeVar("_T")


def common_settings(root: Inferred, stages: Sequence[StageTerms]) -> BlockKeys:
    """Norm, activation and weights: what all stages have, or else what stem and head show; filters
    are those of stem and head first."""
    shown = [stage.inferred for stage in stages]
    norm: Norm | None = _agreed([inferred.norm for inferred in shown])
    if norm is None:
        norm = DEFAULTS.norm if root.norm is None else root.norm
    activation: ActivationValue | None = _agreed([stage.activation for stage in stages])
    if activation is None:
        activation = DEFAULTS.activation if root.activation is None else root.activation
    weights = _shared(root.weights, [inferred.weights for inferred in shown], DEFAULTS.weights)
    return BlockKeys(
        norm=None if norm == DEFAULTS.norm else norm,
        activation=None if activation == DEFAULTS.activation else activation,
        weights=None if weights == DEFAULTS.weights else weights,
    )


def common_keys(
    settings: BlockKeys, stem: Sequence[bool], stages: Sequence[StageTerms]
) -> BlockKeys:
    """All keys of `block:`. `stem` are the biases of the stem's convolutions."""
    shown = [stage.inferred for stage in stages]
    hoisted = {key: _hoisted(key, [inferred.choices[key] for inferred in shown]) for key in CHOICES}
    final_norm: bool | None = _agreed([stage.final_norm for stage in stages])
    keys = replace(settings, **hoisted, final_norm=None if final_norm else final_norm)
    common = DEFAULTS.under(keys)
    bias = _common_bias(common.norm, stem, stages)
    return replace(keys, bias=bias, after=_common_after(common, stages))


def _common_after(
    common: Settings, stages: Sequence[StageTerms]
) -> ActivationValue | Literal["none"] | None:
    """What follows all additions, where no stage has it by default."""
    own = [stage.stage(common, first=False).after for stage in stages if stage.inferred.after]
    return own[0] if own and all(after == own[0] for after in own) else None


def _agreed(values: Sequence[_T | None]) -> _T | None:
    """The value that all have that have one."""
    shown = [value for value in values if value is not None]
    return shown[0] if shown and all(value == shown[0] for value in shown) else None


def _shared(root: _T | None, stages: Sequence[_T | None], default: _T) -> _T:
    if root is not None:
        return root
    agreed = _agreed(stages)
    return default if agreed is None else agreed


def _hoisted(key: str, choices: Sequence[frozenset[str]]) -> Any:
    """The first value that every stage admits; None where that is the default, or there is none."""
    common = reduce(frozenset.__and__, choices)
    return differing(DEFAULTS, key, common) if common else None


def _common_bias(norm: Norm, stem: Sequence[bool], stages: Sequence[StageTerms]) -> bool | None:
    default = default_bias(normed=norm != "none")
    needs = [(setting_of(stem, default), default)]
    for stage in stages:
        stage_norm = norm if stage.inferred.norm is None else stage.inferred.norm
        needs.append((stage.bias(stage_norm), stage.usual_bias(stage_norm)))
    shown = {value for value, _ in needs} - {None}
    if all(value in (None, usual) for value, usual in needs):
        return None
    if len(shown) == 1:
        return shown.pop()
    return None if needs[0][0] in (None, default) else needs[0][0]
