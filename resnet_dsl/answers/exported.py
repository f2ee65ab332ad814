"""What was exported, and how far is it from the model?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["source", "onnx", "pt2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written, and how its outputs compare with those of the model.

    `free` are the sizes that it takes of any length: batch, height, width. `difference` is the
    largest one of an output, relative to the largest output, over the `runs` (batch, height, width)
    that were compared. Of a quantized file, `agreement` is the part of the `images` whose largest
    output is that of the float model.
    """

    path: str
    format: Format
    bytes: int
    free: tuple[str, ...] = ()
    difference: float | None = None
    runs: tuple[tuple[int, int, int], ...] = ()
    float_bytes: int | None = None
    agreement: float | None = None
    images: int | None = None
    remarks: tuple[str, ...] = ()
