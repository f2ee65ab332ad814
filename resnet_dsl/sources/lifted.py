"""What is lifted from a model or its weights: a spec, names of weights, undetermined choices."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resnet_dsl.elaboration import elaborate
from resnet_dsl.folds.cost import network_cost
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Expect, Spec
from resnet_dsl.naming import Naming
from resnet_dsl.reader.write import write


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A choice that the source does not show, and the default that the spec has.

    >>> print(Undetermined("stride_on", "spatial", "or first: v1"))
    stride_on: spatial (or first: v1)
    """

    choice: str
    default: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.choice}: {self.default}" + (f" ({self.why})" if self.why else "")


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
    returns maps gives those in `features`, in this order: `build(spec, features=…)`.
    """

    spec: Spec
    features: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """How many tensors were renamed, and whose names they had."""

    tensors: int
    source: Naming | None


def spec_text(lifted: Lifted, source: str) -> str:
    """The YAML of a lifted spec, with its undetermined choices as comments, and its counts to
    expect."""
    cost = network_cost(elaborate(lifted.spec))
    expect = Expect(layers=cost.layers, params=cost.params, macs=cost.macs)
    lines = [f"# lifted from {source}"]
    if lifted.undetermined:
        lines.append("# undetermined by the source, with the default of this spec:")
        lines += [f"#   {choice}" for choice in lifted.undetermined]
    text = write(replace(lifted.spec, expect=expect))
    if lifted.refused:
        stages, head, rest = text.rpartition("\nhead:")
        last = list(lifted.spec.stages)[-1]
        comment = f"  # {last} is followed by what is not supported: {lifted.refused}"
        text = f"{stages}\n{comment}{head}{rest}"
    return "\n".join([*lines, text])
