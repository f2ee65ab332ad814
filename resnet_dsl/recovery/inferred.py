"""What layers show of the settings that made them, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.ir import ActKind, Path
from resnet_dsl.language.spec import CHOICES, Norm, Weights
from resnet_dsl.notation import Branch, Conv

Choices: TypeAlias = dict[str, frozenset[str]]
ANY: Final[Choices] = {key: frozenset(values) for key, values in CHOICES.items()}
_T = TypeVar("_T")


class ClashError(Exception):
    """Two facts that cannot hold under the same settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What layers show of the settings that made them.

    `choices` are the values of each key of `CHOICES` that would make them; None shows nothing.
    """

    norm: Norm | None = None
    activation: ActKind | None = None
    weights: Weights | None = None
    projection_bias: bool | None = None
    choices: Choices = field(default_factory=lambda: ANY)

    def __and__(self, other: Facts) -> Facts:
        """Both; `ClashError` where they contradict each other."""
        choices = {key: self.choices[key] & other.choices[key] for key in CHOICES}
        if not all(choices.values()):
            raise ClashError
        norm: Norm | None = _agreed(self.norm, other.norm)
        return Facts(
            norm=norm,
            activation=_agreed(self.activation, other.activation),
            weights=_agreed(self.weights, other.weights),
            projection_bias=_agreed(self.projection_bias, other.projection_bias),
            choices=choices,
        )


def showing(**choices: str) -> Choices:
    """All choices but for some keys, whose values are listed, parted by `|`."""
    return {**ANY, **{key: frozenset(values.split("|")) for key, values in choices.items()}}


def _agreed(one: _T | None, other: _T | None) -> _T | None:
    if one is not None and other is not None and one != other:
        raise ClashError
    return other if one is None else one


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A unit in words.

    `joins` says that its words may share a row with those of its neighbours, `ends` that something
    reads the map behind it, so that a row must end there.
    """

    branches: tuple[Branch, ...]
    facts: Facts
    joins: bool
    ends: bool = False

    @property
    def layers(self) -> Branch:
        """The words of all branches."""
        return tuple(layer for branch in self.branches for layer in branch)

    @property
    def convolves(self) -> bool:
        """Whether it is a block at all."""
        return any(isinstance(word, Conv) for word in self.layers)

    @property
    def dilation(self) -> int:
        """That of its last convolution that is wider than 1x1."""
        wide = [word for word in self.layers if isinstance(word, Conv) and word.kernel > 1]
        return wide[-1].dilation or 1 if wide else 1


def unsayable(path: Path, what: str) -> SpecError:
    """The refusal of a layer that no page says."""
    return SpecError([Diagnostic(code="unsayable", message=what, path=path)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read a block: what its words alone do not tell.

    In a `dilated` stage a projection that does not stride is no plain 1x1. The block that `enters`
    a stage has its stride, or the filter that is left of it. Where drop paths are `scheduled`,
    they are the page's, not the row's. `filtered` tries a blur pool without a stride as what is
    left of an anti-aliased stride. A `bare` convolution leaves its norm to the first block.
    """

    dilated: bool = False
    enters: bool = False
    scheduled: bool = False
    filtered: bool = False
    bare: bool = False


def meet(one: Facts, other: Facts, path: Path) -> Facts:
    try:
        return one & other
    except ClashError:
        raise unsayable(path, "a block with two norms or two activations") from None
