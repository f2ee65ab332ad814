"""What comes back from a model or its weights: a page, the names of weights, and what is open."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_dsl.ir import Network
from resnet_dsl.spec import Spec


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
    the choices that the source does not show, each with what the page says instead.
    """

    spec: Spec
    network: Network
    weights: dict[str, str]
    undetermined: tuple[Undetermined, ...] = ()
