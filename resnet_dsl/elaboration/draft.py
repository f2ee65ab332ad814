"""The network under construction: layers, where they come from, why, and the faults so far."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final, NamedTuple

from resnet_dsl import ir
from resnet_dsl.diagnostics import MOST_FAULTS, Code, Diagnostic, SpecError, SpecPath
from resnet_dsl.elaboration.reasons import Reason, Reasons
from resnet_dsl.folds.shape import ShapeError, Sizes
from resnet_dsl.ir import ROOT, Layer, LayerPath, Size
from resnet_dsl.notation.terms import At


class Origin(NamedTuple):
    """The text of the spec that a layer comes from."""

    path: SpecPath
    at: At | None = None
    on_key: bool = False


NO_REASONS: Final[Reasons] = MappingProxyType({})


class Piece(NamedTuple):
    """A layer, and the reasons for it and for the layers inside it."""

    layer: Layer
    reasons: Reasons = NO_REASONS

    def under(self, step: str | int) -> dict[LayerPath, tuple[Reason, ...]]:
        """The reasons, for a layer that has this one at a step."""
        return {LayerPath((step, *path)): reasons for path, reasons in self.reasons.items()}


NOTHING = Piece(ir.Identity())


def piece(layer: Layer, *reasons: Reason) -> Piece:
    """A layer with the reasons for it."""
    return Piece(layer, {ROOT: reasons} if reasons else NO_REASONS)


def in_sequence(*pieces: Piece) -> Piece:
    """`ir.sequence` of pieces."""
    flat = [inner for each in pieces for inner in steps(each)]
    if len(flat) < 2:
        return flat[0] if flat else NOTHING
    reasons = {path: why for i, inner in enumerate(flat) for path, why in inner.under(i).items()}
    return Piece(ir.Sequence(tuple(inner.layer for inner in flat)), reasons)


def steps(piece: Piece) -> list[Piece]:
    """The pieces that `in_sequence` joined."""
    match piece.layer:
        case ir.Identity():
            return []
        case ir.Sequence(layers):
            own: list[dict[LayerPath, tuple[Reason, ...]]] = [{} for _ in layers]
            for (i, *inner), reasons in piece.reasons.items():
                own[int(i)][LayerPath(tuple(inner))] = reasons
            return [Piece(layer, why) for layer, why in zip(layers, own, strict=True)]
        case _:
            return [piece]


class Draft:
    """The layers so far, the size that they give, and the faults so far.

    `common_width` divides the width of all convolutions, 0 where they are not known.
    `drop_paths` are the probabilities of the residual blocks to come, `drop_rate` is that of the
    last one.
    """

    def __init__(
        self, size: Size, drop_paths: Iterator[float] | None = None, drop_rate: float = 0.0
    ) -> None:
        self.size = size
        self.drop_paths = iter(()) if drop_paths is None else drop_paths
        self.drop_rate = drop_rate
        self.common_width = 0
        self.layers: list[Layer] = []
        self.origins: list[Origin] = []
        self.reasons: list[Reasons] = []
        self.faults: list[Diagnostic] = []
        self._sizes = Sizes()

    @property
    def channels(self) -> int:
        """Channels of the map so far; of a vector, its features."""
        return self.size[0]

    def size_after(self, input: Size, count: int) -> Size:
        """The size after so many of the layers."""
        return self._sizes.after_all(self.layers[:count], input)

    def range_from(self, start: int) -> range:
        """The layers from one on."""
        return range(start, len(self.layers))

    def add(self, piece: Piece, origin: Origin, help: str | None = None) -> None:
        """Append the layers of a piece; `SpecError` where they cannot take the map so far."""
        for step in steps(piece):
            try:
                self.size = self._sizes.after(step.layer, self.size)
            except ShapeError as error:
                if not self.faults:  # sizes after another fault mean nothing
                    self.faults.append(size_fault(error, origin, help))
                raise SpecError(self.faults) from None
            self.layers.append(step.layer)
            self.origins.append(origin)
            self.reasons.append(step.reasons)

    def fault(self, code: Code, message: str, origin: Origin, help: str | None = None) -> None:
        """Note a fault, once: a row that repeats is elaborated more than once."""
        diagnostic = Diagnostic(
            code=code,
            message=message,
            path=origin.path,
            within=origin.at,
            on_key=origin.on_key,
            help=help,
        )
        if diagnostic not in self.faults:
            self.faults.append(diagnostic)
        if len(self.faults) >= MOST_FAULTS:
            raise SpecError(self.faults)


def size_fault(error: ShapeError, origin: Origin, help: str | None = None) -> Diagnostic:
    """A size that does not fit, at the text that its layer comes from."""
    return Diagnostic(
        code="size",
        message=error.message,
        path=origin.path,
        within=origin.at,
        help=error.help or help,
    )
