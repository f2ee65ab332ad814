"""Which windows are those of the whole map, at every size? Found by a second size.

An export has numbers in the place of `x.shape[2]`: a pool over the whole map looks like one of a
fixed window. So the model is called for larger images as well. Where its calls differ, it is
exported again for those, and the operations of both graphs are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from resnet_dsl.diagnostics import SpecError
from resnet_dsl.folds.shape import ShapeError, sized_visits
from resnet_dsl.ir import Network, Sequence, Shape, WindowSize
from resnet_dsl.pytorch.lift.calls import Calls
from resnet_dsl.pytorch.lift.graph import Graph
from resnet_dsl.pytorch.lift.values import Operation
from resnet_dsl.sources.lifted import Undetermined

_LARGER: Final = ((32, 64), (64, 32), (32, 32))
"""How much larger the second image is, of another shape if the model takes it, else a square; maps
stay as even as they are."""
_ODD: Final = ((31, 63), (31, 31))
"""For models that pad: how much may depend on whether a map is even."""
SIZE_OF_IMAGES: Final = "size of images"
_WINDOWS: Final = {"max_pool2d", "avg_pool2d"}
_NUMBERS: Final = ("kernel_size", "stride", "padding", "pad", "output_size", "dilation")


def mark_growing(
    graph: Graph,
    shape: Shape,
    called: Callable[[Shape], Calls | None],
    exported: Callable[[Shape], Graph],
) -> list[Undetermined]:
    """Mark the windows that grow with their map; what is true at one size alone."""
    own = called(shape)
    if own is None and not any(map(_growth, graph.operations)):
        return []  # what cannot be called without computing it is exported instead
    odd = _larger(shape, _ODD) if any("pad" in name for name, _ in own or ()) else []
    notes: list[Undetermined] | None = None
    for larger in (*odd, *_larger(shape, _LARGER)):
        if own is not None:
            calls = called(larger)
            if calls == own:
                return []
            if calls is None:
                continue
        try:
            notes = _compared(graph, exported(larger), shape)
        except SpecError:
            continue
        if not notes or larger in odd:
            return notes
    return notes or [one_size(shape, "the model takes images of this size alone")]


def _larger(shape: Shape, more: tuple[tuple[int, int], ...]) -> list[Shape]:
    channels, height, width = shape
    return [Shape(channels, height + taller, width + wider) for taller, wider in more]


def one_size(shape: Shape, why: str) -> Undetermined:
    """A note that a spec holds for one size of images."""
    return Undetermined(SIZE_OF_IMAGES, f"{shape} alone", why)


def takes_other_sizes(network: Network) -> bool:
    """Whether the layers of a network fit larger images."""
    for larger in _larger(network.input, _LARGER):
        try:
            sized_visits(Sequence(network.layers), larger)
        except ShapeError:
            continue
        return True
    return False


def mark_like(graph: Graph, marked: Graph) -> None:
    """Mark the windows of the same model in training."""
    growing = {_identity(each): each.grows for each in marked.operations if each.grows}
    for operation in graph.operations:
        operation.grows = growing.get(_identity(operation))


def _identity(operation: Operation) -> tuple[str, str, str]:
    return operation.name, operation.module, operation.place


def _window(here: Operation) -> tuple[int, int] | None:
    """The kernel of a pool without padding."""
    if here.name not in _WINDOWS or len(here.shape) != 4 or len(here.inputs) != 1:
        return None
    if set(here["padding"] or [0]) != {0}:
        return None
    kernel = here["kernel_size"]
    sides = list(kernel) * 2 if isinstance(kernel, list) else [kernel] * 2
    return sides[0], sides[1]


def _growth(here: Operation) -> WindowSize | None:
    """Which size of its map the window of a pool has."""
    window = _window(here)
    if window is None:
        return None
    height, width = here.inputs[0].shape[2:]
    if window == (height, width):
        return "whole"
    if window == (height, height):
        return "height"
    return "width" if window == (width, width) else None


def _compared(graph: Graph, other: Graph, shape: Shape) -> list[Undetermined]:
    own, others = graph.operations, other.operations
    if [each.name for each in own] != [each.name for each in others]:
        return [one_size(shape, "at other sizes the model computes other layers")]
    differing: list[str] = []
    for here, there in zip(own, others, strict=True):
        numbers = [(here[key], there[key]) for key in _NUMBERS]
        if all(left == right for left, right in numbers):
            continue
        growth = _growth(there)
        if growth is not None and _growth(here) is not None:
            here.grows = growth
        else:
            differing.append(here.module or here.name)
    if differing:
        places = ", ".join(dict.fromkeys(differing))
        return [one_size(shape, f"at other sizes it has other numbers in {places}")]
    return []
