"""What is computed in an exported model: from an image, from weights, from neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from resnet_dsl.ir import Standardization, WindowSize

CASTS: Final = {
    "to",
    "_to_copy",
    "alias",
    "detach",
    "contiguous",
    "clone",
    "lift_fresh_copy",
    "type_as",
}
VIEWS: Final = {
    "view",
    "reshape",
    "reshape_as",
    "view_as",
    "unsqueeze",
    "slice",
    "select",
    "flatten",
}


@dataclass(eq=False)
class Operation:
    """One operation: its ATen name without the mark of in-place work, and its arguments by name.

    `inputs` are the operations that it reads, without weights; `users` counts who reads it on the
    way to an output; all ways from the image to it go through its `dominator`. `module` and `place`
    are where it stands in the model and in the code. A window that `grows` has the size of its
    map, or a side of it, whatever that is. A `flaw` is why no layer can be read there.
    """

    name: str
    arguments: dict[str, Any]
    inputs: tuple[Operation, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype | None
    module: str
    place: str = ""
    grows: WindowSize | None = None
    flaw: str | None = None
    users: int = 0
    dominator: Operation | None = None
    depth: int = 0

    def __getitem__(self, argument: str) -> Any:
        return self.arguments.get(argument)


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A parameter or buffer by its name in the model; its `standardization` on the way to its use,
    where it has this `shape`."""

    name: str
    value: Tensor
    shape: tuple[int, ...]
    learned: bool = True
    standardization: Standardization | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """What is computed without the image: of weights, of noise, or constant."""

    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def __getitem__(self, argument: str) -> Any:
        return self.arguments.get(argument)


Value: TypeAlias = Operation | Weight | Formula
