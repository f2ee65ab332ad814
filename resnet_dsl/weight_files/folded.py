"""Weights that are stored as what they are computed from, under the names that layers have.

Pruning keeps `weight_orig` and `weight_mask`; weight norm (Salimans and Kingma 2016, equation 2)
`weight_g` and `weight_v`, spectral norm (Miyato et al. 2018, equation 9) the vectors of its largest
singular value; and each of them in the form of `torch.nn.utils.parametrizations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, Literal, TypeAlias

from resnet_dsl.weight_files.values import StoredTensor

_COMPUTED: Final = {"float16", "bfloat16", "float32", "float64"}

Rule: TypeAlias = Literal["pruned", "weight norm", "spectral norm"]


@dataclass(frozen=True, slots=True, eq=False)
class FoldedTensor:
    """A weight computed from stored tensors: the weight before the rule first."""

    rule: Rule
    parts: tuple[StoredTensor, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    @property
    def dtype(self) -> str:
        return self.parts[0].dtype


# what stands in place of a tensor NAME, the weight itself first, and the rule
_FORMS: Final[tuple[tuple[Rule, tuple[str, ...]], ...]] = (
    ("pruned", ("{}_orig", "{}_mask")),
    ("spectral norm", ("{}_orig", "{}_u", "{}_v")),
    ("weight norm", ("{}_v", "{}_g")),
    ("weight norm", ("parametrizations.{}.original1", "parametrizations.{}.original0")),
    (
        "spectral norm",
        (
            "parametrizations.{}.original",
            "parametrizations.{}.0._u",
            "parametrizations.{}.0._v",
        ),
    ),
    ("pruned", ("parametrizations.{}.original", "parametrizations.{}.0.mask")),
)
_NAMES: Final = ("weight", "bias")


def folded(
    tensors: Mapping[str, StoredTensor | FoldedTensor],
) -> dict[str, StoredTensor | FoldedTensor]:
    """The same tensors, with one in place of those that it is computed from."""
    replaced: dict[str, tuple[str, FoldedTensor]] = {}
    parts: set[str] = set()
    for rule, forms in _FORMS:
        for name in _NAMES:
            ending = forms[0].format(name)
            for place in tensors:
                if (place != ending and not place.endswith(f".{ending}")) or place in parts:
                    continue
                scope = place[: len(place) - len(ending)]
                if f"{scope}{name}" in tensors:  # as code keeps weights from before training
                    continue
                places = [f"{scope}{form.format(name)}" for form in forms]
                stored = [tensors.get(part) for part in places]
                given = tuple(t for t in stored if isinstance(t, StoredTensor))
                if len(given) == len(places) and _fit(rule, given):
                    replaced[place] = f"{scope}{name}", FoldedTensor(rule, given)
                    parts.update(places)
    result: dict[str, StoredTensor | FoldedTensor] = {}
    for place, tensor in tensors.items():
        if place in replaced:
            name, whole = replaced[place]
            result[name] = whole
        elif place not in parts:
            result[place] = tensor
    return result


def _fit(rule: Rule, parts: tuple[StoredTensor, ...]) -> bool:
    """Whether tensors have the sizes and types that the rule computes with."""
    weight, *rest = parts
    computed = rest if rule != "pruned" else []
    if any(tensor.dtype not in _COMPUTED for tensor in (weight, *computed)):
        return False
    shapes = [tensor.shape for tensor in rest]
    match rule:
        case "pruned":
            return shapes == [weight.shape] and "complex" not in rest[0].dtype
        case "weight norm":
            [length] = shapes
            whole = len(length) == len(weight.shape)
            return not length or (
                whole and all(n in {1, m} for n, m in zip(length, weight.shape, strict=True))
            )
        case "spectral norm":
            return len(weight.shape) > 1 and shapes == [
                weight.shape[:1],
                (prod(weight.shape[1:]),),
            ]
