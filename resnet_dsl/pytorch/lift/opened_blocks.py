"""Which activation after an addition ends its block, and which one opens the next?"""

from __future__ import annotations

from dataclasses import replace

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import opening_length
from resnet_dsl.ir import Layer


def opened(layers: list[Layer]) -> list[tuple[Layer, ...]]:
    """Layers, each with the activation after it where that is not part of it, but opens what
    follows: a pre-activated block.

    Without norms, `relu(x + y)` may be the end of a block or the opening of the next. It opens
    where the next block projects what is activated and has nothing after its own addition, or
    where the block itself is pre-activated: by its first layer, or by an activation before it
    that belongs to no convolution.
    """
    pre = {i for i, layer in enumerate(layers) if _ends_bare(layer) or _opens(layer)}
    pre |= {i for i, layer in enumerate(layers) if _projects(layer) and _is_opened(layers[:i])}
    for i in reversed(range(len(layers) - 1)):
        if i + 1 in pre and _projects(layers[i + 1]) and _after(layers[i]):
            pre.add(i)
    for i in range(len(layers) - 1):
        if i in pre and _after(layers[i]) and _projects(layers[i + 1]):
            pre.add(i + 1)
    return [_parted(layer) if i in pre else (layer,) for i, layer in enumerate(layers)]


def _is_opened(before: list[Layer]) -> bool:
    """Whether an activation that belongs to no convolution ends the layers before a block."""
    match before[-2:]:
        case [ir.Conv() | ir.Norm(), ir.Activation()]:
            return False
        case [*_, ir.Activation()]:
            return True
        case _:
            return False


def _parted(layer: Layer) -> tuple[Layer, ...]:
    assert isinstance(layer, ir.Residual), layer
    return replace(layer, after=ir.Identity()), *ir.steps(layer.after)


def _after(layer: Layer) -> bool:
    return isinstance(layer, ir.Residual) and layer.after != ir.Identity()


def _ends_bare(layer: Layer) -> bool:
    return isinstance(layer, ir.Residual) and layer.after == ir.Identity()


def _opens(block: Layer) -> bool:
    """Whether a block's body begins with norm or activation."""
    return isinstance(block, ir.Residual) and opening_length(ir.steps(block.body)) > 0


def _projects(layer: Layer) -> bool:
    """Whether a block may be a pre-activated one that projects: no norm ends its shortcut."""
    if not isinstance(layer, ir.Residual) or _opens(layer):
        return False
    return any(isinstance(last, ir.Conv) for last in ir.steps(layer.shortcut)[-1:])
