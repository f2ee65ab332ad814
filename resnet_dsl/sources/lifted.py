"""What is lifted from a model or its weights: a spec, names of weights, undetermined choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from resnet_dsl.diagnostics import printable
from resnet_dsl.elaboration import elaborate
from resnet_dsl.folds.cost import network_cost
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Expect, Spec
from resnet_dsl.naming import Naming
from resnet_dsl.reader.write import SCHEMA_LINE, write

_TITLES: Final = {
    False: "# undetermined by the source, with the default of this spec:",
    True: "# determined by the statistics of the norms:",
}
_FEW: Final = 4
"""Alternatives that a line lists."""
_NEAR: Final = 2.5
"""Times the distance of the spec's own value: what is farther is out of the question."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How far a network with this value of a choice is from the statistics that its file has."""

    value: str
    distance: float

    def __str__(self) -> str:
        return f"{self.value} {self.distance:.2g}"


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A choice that the source does not show, and the default that the spec has.

    `alternatives` are other values with the same weights. `evidence` compares values by the
    statistics of norms, the spec's own first; `decided` says that it tells them apart.

    >>> print(Undetermined("stride_on", "spatial", "spatial is v1.5", ("first",)))
    stride_on: spatial (spatial is v1.5; or first)
    """

    choice: str
    default: str
    why: str = ""
    alternatives: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    decided: bool = False

    def __str__(self) -> str:
        if self.evidence:
            return f"{self.choice}: {self._by_statistics()}"
        others = f"or {' | '.join(self.alternatives[:_FEW])}" if self.alternatives else ""
        others += ", …" if len(self.alternatives) > _FEW else ""
        why = "; ".join(filter(None, (self.why, others)))
        return f"{self.choice}: {self.default}" + (f" ({why})" if why else "")

    def _by_statistics(self) -> str:
        own, *others = self.evidence
        if self.decided:
            following = min(others, key=lambda other: other.distance)
            return (
                f"{own.value}, by its statistics: {own.distance:.2g}, next {following.distance:.2g}"
                f" ({following.value})"
            )
        near = [other for other in others if other.distance < _NEAR * own.distance]
        listed = ", ".join(map(str, [own, *near[:_FEW]]))
        return f"{own.value}, open by its statistics: {listed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftedNetwork:
    """A network from a model, whether or not a spec can express it.

    `weights` has the source's name for each weight of ours (torchvision's naming), `undetermined`
    the choices that the source does not show, each with its default. `unused` are parameters of
    the model that its output does not depend on.
    """

    network: Network
    weights: dict[str, str]
    undetermined: tuple[Undetermined, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted(LiftedNetwork):
    """A spec and its network, from a model or a file of weights.

    Where only the layers before an unsupported one were lifted, `refused` is that. A model that
    returns maps gives those in `features`, in this order: `build(spec, features=…)`. `remarks` say
    what a file of weights holds beside the network's own.
    """

    spec: Spec
    features: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """How many tensors were renamed, whose names they had, and what else the file holds."""

    tensors: int
    source: Naming | None
    remarks: tuple[str, ...] = ()


def spec_text(lifted: Lifted, source: str) -> str:
    """The YAML of a lifted spec, with its undetermined choices as comments, and its counts to
    expect."""
    cost = network_cost(elaborate(lifted.spec))
    expect = Expect(layers=cost.layers, params=cost.params, macs=cost.macs)
    lines = [SCHEMA_LINE, f"# lifted from {printable(source)}"]
    for decided, title in _TITLES.items():
        choices = [choice for choice in lifted.undetermined if choice.decided is decided]
        if choices:
            lines += [title, *(f"#   {choice}" for choice in choices)]
    text = write(replace(lifted.spec, expect=expect))
    if lifted.refused:
        stages, head, rest = text.rpartition("\nhead:")
        last = list(lifted.spec.stages)[-1]
        comment = f"  # {last} is followed by what is not supported: {lifted.refused}"
        text = f"{stages}\n{comment}{head}{rest}"
    return "\n".join([*lines, text])
