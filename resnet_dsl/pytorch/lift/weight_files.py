"""`lift_checkpoint`: a file of weights back to its network, by names and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from resnet_dsl.checkpoint.opened import open_weights
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.naming import Naming
from resnet_dsl.pytorch.norm_statistics import judged
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.sources.lifted import Lifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A file of weights: its network, whose names it has, and the network's tensors by name."""

    lifted: Lifted
    namings: tuple[Naming, ...]
    state: dict[str, Tensor]
    tensors: int
    """How many tensors the file has, with those of no network."""


def read(
    path: Path,
    input: Input | None = None,
    *,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    overrides: Sequence[str] = (),
    images: str | Path | None = None,
) -> Checkpoint:
    """A file of weights with its network; `images` decide what its weights do not show."""
    shape = None if input is None else input_shape(input)
    opened = open_weights(path, prefix=prefix, ignore=ignore, input=shape, overrides=overrides)
    lifted = opened.lifted
    state = tensors_of(opened.file.contents, lifted.weights.values())
    if images is not None:
        lifted = judged(lifted, state, images)
    return Checkpoint(
        lifted=lifted,
        namings=opened.recognized.namings,
        state=state,
        tensors=len(opened.file.contents.tensors),
    )
