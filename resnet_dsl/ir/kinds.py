"""Sizes, paths and kinds of leaves: what the layer algebra is made of."""

from __future__ import annotations

from typing import NamedTuple, NewType, TypeAlias

LayerPath = NewType("LayerPath", tuple[str | int, ...])
"""Steps from a network to one of its nodes: `(4, "body", 0)`, or `("aux", 0, 2)`."""

ROOT = LayerPath(())


class Shape(NamedTuple):
    """A feature map of one image: channels, height, width."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


class Vector(NamedTuple):
    """A flat feature vector of one image."""

    features: int

    def __str__(self) -> str:
        return str(self.features)


Size: TypeAlias = Shape | Vector


class Parameterless:
    """A leaf that keeps no tensors."""

    __slots__ = ()


class Elementwise(Parameterless):
    """A leaf that gives maps and vectors of the size that it gets."""

    __slots__ = ()


class Padding(Parameterless):
    """A leaf that puts zeros around a map."""

    __slots__ = ()


class Window:
    """A leaf that moves a square window over a map; all of them have these four numbers."""

    __slots__ = ()

    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def reach(self) -> int:
        """The side of the window, its gaps included."""
        return self.dilation * (self.kernel - 1) + 1


class Norm:
    """A leaf that normalizes the channels of a map, and scales them by learned weights."""

    __slots__ = ()

    channels: int
    eps: float


class Activation:
    """A leaf that applies a nonlinear function to each number."""

    __slots__ = ()


class ActiveNorm(Norm):
    """A norm that activates as well."""

    __slots__ = ()


class Attention:
    """A leaf that multiplies each channel by a number between 0 and 1: `x * gate(mean(x))`."""

    __slots__ = ()
