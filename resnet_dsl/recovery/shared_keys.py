"""What all stages share: the keys of `block:`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, TypeVar

from resnet_dsl.language.spec import CHOICES, DEFAULTS, BlockKeys, Norm, default_bias
from resnet_dsl.recovery.inferred import Inferred
from resnet_dsl.recovery.stage_rows import StageTerms, differing, setting_of

_T = TypeVar("_T")


def common_keys(root: Inferred, stem: Sequence[bool], stages: Sequence[StageTerms]) -> BlockKeys:
    """What stem and head show or, where they show nothing, all stages together.

    `stem` are the biases of the stem's convolutions.
    """
    shown = [stage.inferred for stage in stages]
    norm = _shared(root.norm, [inferred.norm for inferred in shown], DEFAULTS.norm)
    act = _shared(root.activation, [inferred.activation for inferred in shown], DEFAULTS.activation)
    weights = _shared(root.weights, [inferred.weights for inferred in shown], DEFAULTS.weights)
    hoisted = {key: _hoisted(key, [inferred.choices[key] for inferred in shown]) for key in CHOICES}
    return BlockKeys(
        norm=None if norm == DEFAULTS.norm else norm,
        activation=None if act == DEFAULTS.activation else act,
        weights=None if weights == DEFAULTS.weights else weights,
        bias=_common_bias(norm, stem, stages),
        **hoisted,
    )


def _shared(root: _T | None, stages: Sequence[_T | None], default: _T) -> _T:
    if root is not None:
        return root
    shown = [value for value in stages if value is not None]
    return shown[0] if shown and all(value == shown[0] for value in shown) else default


def _hoisted(key: str, choices: Sequence[frozenset[str]]) -> Any:
    """The first value that every stage admits; None where that is the default, or there is none."""
    common = reduce(frozenset.__and__, choices)
    return differing(DEFAULTS, key, common) if common else None


def _common_bias(norm: Norm, stem: Sequence[bool], stages: Sequence[StageTerms]) -> bool | None:
    default = default_bias(normed=norm != "none")
    needs = [(setting_of(stem, default), default)]
    for stage in stages:
        stage_norm = norm if stage.inferred.norm is None else stage.inferred.norm
        needs.append((stage.bias(stage_norm), default_bias(normed=stage_norm != "none")))
    shown = {value for value, _ in needs} - {None}
    if all(value in (None, usual) for value, usual in needs):
        return None
    if len(shown) == 1:
        return shown.pop()
    return None if needs[0][0] in (None, default) else needs[0][0]
