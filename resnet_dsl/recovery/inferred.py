"""Which settings of a spec do layers show?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeVar

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.ir import Layer, LayerPath, Parallel, Residual, Sequence
from resnet_dsl.language.activations import ActivationValue
from resnet_dsl.language.spec import CHOICES, Norm, Weights
from resnet_dsl.notation.terms import Branch, Conv

Choices: TypeAlias = dict[str, frozenset[str]]
ALL_CHOICES: Final[Choices] = {key: frozenset(values) for key, values in CHOICES.items()}
_T = TypeVar("_T")


class ConflictError(Exception):
    """Two layers that the same settings cannot give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """What layers show of the settings that give them.

    `choices` are the values of each key of `CHOICES` that would give them; None shows nothing.
    `projection_bias` is that of projections, and the one that they have by default.
    """

    norm: Norm | None = None
    activation: ActivationValue | None = None
    after: ActivationValue | Literal["none"] | None = None
    weights: Weights | None = None
    projection_bias: tuple[bool, bool] | None = None
    choices: Choices = field(default_factory=lambda: ALL_CHOICES)

    def __and__(self, other: Inferred) -> Inferred:
        """Both; `ConflictError` where they contradict each other."""
        choices = {key: self.choices[key] & other.choices[key] for key in CHOICES}
        if not all(choices.values()):
            raise ConflictError
        norm: Norm | None = _agreed(self.norm, other.norm)
        return Inferred(
            norm=norm,
            activation=_agreed(self.activation, other.activation),
            after=_agreed(self.after, other.after),
            weights=_agreed(self.weights, other.weights),
            projection_bias=_agreed(self.projection_bias, other.projection_bias),
            choices=choices,
        )


def choices_of(**choices: str) -> Choices:
    """All choices, but for some keys the listed values, separated by `|`."""
    return {**ALL_CHOICES, **{key: frozenset(values.split("|")) for key, values in choices.items()}}


def _agreed(left: _T | None, right: _T | None) -> _T | None:
    if left is not None and right is not None and left != right:
        raise ConflictError
    return right if left is None else left


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTerms:
    """A unit in terms.

    `joins` says that its terms may share a row with those of its neighbours, `ends` that something
    reads the map after it, so that a row must end there. `shortcut` is one that the row writes.
    One that `closes` is the norm and activation after the last pre-activated block.
    """

    branches: tuple[Branch, ...]
    inferred: Inferred
    joins: bool
    ends: bool = False
    closes: bool = False
    shortcut: Branch | None = None

    @property
    def layers(self) -> Branch:
        """The terms of all branches."""
        return tuple(layer for branch in self.branches for layer in branch)

    @property
    def convolves(self) -> bool:
        """Whether it is a block at all."""
        return any(isinstance(term, Conv) for term in self.layers)

    @property
    def dilation(self) -> int:
        """That of its last convolution that is wider than 1x1."""
        wide = [term for term in self.layers if isinstance(term, Conv) and term.kernel > 1]
        return wide[-1].dilation or 1 if wide else 1


def unsupported(path: LayerPath, what: str) -> SpecError:
    """The refusal of a layer that no spec can express."""
    message = f"no spec can express {what}"
    return SpecError([Diagnostic(code="unsupported", message=message, layer=path or None)])


def layer_noun(layer: Layer) -> str:
    """What a layer is, for messages."""
    match layer:
        case Residual():
            return "a residual block"
        case Parallel() | Sequence():
            return "branches"
        case _:
            return leaf_terms(layer).noun


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContext:
    """What the layers of a block alone do not show.

    In a `dilated` stage a projection that does not stride is not a plain 1x1. The block that
    `enters` a stage has its stride, or the filter that is left of it. Where drop paths are
    `scheduled`, they are those of `drop_path:`, not of the row. `filtered` tries a blur pool
    without a stride as what is left of an anti-aliased stride. A `bare` convolution leaves its
    norm to the first block.
    """

    dilated: bool = False
    enters: bool = False
    scheduled: bool = False
    filtered: bool = False
    bare: bool = False
