"""Which leaves may work in place? Those that get what was made for them alone."""

from __future__ import annotations

from collections.abc import Container, Sequence

from resnet_dsl import ir
from resnet_dsl.ir import ROOT, BatchNorm, Conv, GroupNorm, Layer, LayerPath, Linear, Network


def works_in_place(network: Network, features: Container[int] = ()) -> set[LayerPath]:
    """The leaves whose input nothing else reads: no shortcut, no gradient, no feature output.

    `features` are the numbers of layers after which a map is kept.
    """
    paths: set[LayerPath] = set()
    _note_all(network.layers, ROOT, False, paths, features)
    for number, auxiliary in enumerate(network.auxiliaries):
        _note_all(auxiliary.layers, LayerPath(("aux", number)), False, paths)
    return paths


def _note_all(
    layers: Sequence[Layer],
    path: LayerPath,
    is_new: bool,
    paths: set[LayerPath],
    kept: Container[int] = (),
) -> None:
    for i, layer in enumerate(layers):
        if i > 0:
            is_new = _gives_new(layers[i - 1]) and i not in kept
        _note(layer, LayerPath((*path, i)), is_new, paths)


def _note(layer: Layer, path: LayerPath, is_new: bool, paths: set[LayerPath]) -> None:
    match layer:
        case ir.Sequence(layers):
            _note_all(layers, path, is_new, paths)
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            _note(body, LayerPath((*path, "body")), False, paths)
            _note(shortcut, LayerPath((*path, "shortcut")), False, paths)
            _note(after, LayerPath((*path, "after")), True, paths)
        case ir.Parallel(branches):
            for i, branch in enumerate(branches):
                _note(branch, LayerPath((*path, i)), False, paths)
        case _ if is_new:
            paths.add(path)
        case _:
            pass


def _gives_new(layer: Layer) -> bool:
    """Whether a layer gives a new tensor that its own gradient does not need again."""
    return isinstance(layer, Conv | BatchNorm | GroupNorm | Linear)
