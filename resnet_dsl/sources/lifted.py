"""What comes back from a model or its weights: a page, the names of weights, and what is open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Expect, Spec
from resnet_dsl.reader.write import write
from resnet_dsl.report.analyze import analyze


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A choice that the source does not show, and what the page says of it.

    >>> print(Undetermined("stride_on", "spatial", "or first: v1"))
    stride_on: spatial (or first: v1)
    """

    choice: str
    default: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.choice}: {self.default}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A page and its network, from a model or a file of weights.

    `weights` has the source's name for each weight of ours (torchvision's naming), `undetermined`
    the choices that the source does not show, each with what the page says instead. Where the page
    ends part-way, `refused` is what no page says.
    """

    spec: Spec
    network: Network
    weights: dict[str, str]
    undetermined: tuple[Undetermined, ...] = ()
    refused: str | None = None


def page_of(lifted: Lifted, source: str) -> str:
    """The page of what was lifted, with what is open as comments, and its counts to expect."""
    found = analyze(lifted.spec)
    expect = Expect(layers=found.layers, params=found.params, macs=found.macs)
    lines = [f"# lifted from {source}"]
    if lifted.undetermined:
        lines.append("# what the source does not show, and what this page says:")
        lines += [f"#   {choice}" for choice in lifted.undetermined]
    page = write(replace(lifted.spec, expect=expect))
    if lifted.refused:
        stages, head, rest = page.rpartition("\nhead:")
        last = list(lifted.spec.stages)[-1]
        mark = f"  # {last} is followed by what no page says: {lifted.refused}"
        page = f"{stages}\n{mark}{head}{rest}"
    return "\n".join([*lines, page])
