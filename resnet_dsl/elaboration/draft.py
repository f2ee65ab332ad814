"""The network as it grows: its layers, the words that they come from, the faults on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from resnet_dsl import ir
from resnet_dsl.diagnostics import Code, Diagnostic, SpecError
from resnet_dsl.folds.shape import ShapeError, Sizes
from resnet_dsl.ir import Layer, Path, Size
from resnet_dsl.notation import At


class Origin(NamedTuple):
    """The words of the page that a layer comes from."""

    path: Path
    at: At | None = None
    on_key: bool = False


class Work:
    """The layers so far, the size that they give, and the faults found on the way.

    `drop_paths` are the probabilities of the residual blocks to come.
    """

    def __init__(self, size: Size, drop_paths: Iterator[float] | None = None) -> None:
        self.size = size
        self.drop_paths = iter(()) if drop_paths is None else drop_paths
        self.layers: list[Layer] = []
        self.origins: list[Origin] = []
        self.faults: list[Diagnostic] = []
        self._sizes = Sizes()

    @property
    def channels(self) -> int:
        """Channels of the map so far; of a vector, its features."""
        return self.size[0]

    def size_behind(self, input: Size, count: int) -> Size:
        """The size that so many of the layers give."""
        for layer in self.layers[:count]:
            input = self._sizes.after(layer, input)
        return input

    def range_from(self, start: int) -> range:
        return range(start, len(self.layers))

    def add(self, layer: Layer, origin: Origin, help: str | None = None) -> None:
        for inner in ir.steps(layer):
            try:
                self.size = self._sizes.after(inner, self.size)
            except ShapeError as error:
                if not self.faults:  # sizes behind another fault mean nothing
                    self.faults.append(size_fault(error, origin, help))
                raise SpecError(self.faults) from None
            self.layers.append(inner)
            self.origins.append(origin)

    def fault(self, code: Code, message: str, origin: Origin, help: str | None = None) -> None:
        found = Diagnostic(
            code=code,
            message=message,
            path=origin.path,
            within=origin.at,
            on_key=origin.on_key,
            help=help,
        )
        if found not in self.faults:  # a row that repeats is elaborated more than once
            self.faults.append(found)


def size_fault(error: ShapeError, origin: Origin, help: str | None = None) -> Diagnostic:
    return Diagnostic(
        code="size", message=error.message, path=origin.path, within=origin.at, help=help
    )
