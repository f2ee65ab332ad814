"""Layers that no spec can express, by their modules and the lines of code that run them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from resnet_dsl import ir
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.ir import Layer, LayerPath, Network
from resnet_dsl.pytorch.lift.refusals import origin_text
from resnet_dsl.pytorch.lift.values import Operation


@contextmanager
def placed(network: Network, origins: IdentityCache[Operation]) -> Iterator[None]:
    """Errors about a layer of a network name its code and its module."""
    try:
        yield
    except SpecError as error:
        diagnostics = [_placed(each, network, origins) for each in error.diagnostics]
        raise SpecError(diagnostics) from None


def _placed(
    diagnostic: Diagnostic, network: Network, origins: IdentityCache[Operation]
) -> Diagnostic:
    if not diagnostic.layer:
        return diagnostic
    known = [origin for node in _way(network, diagnostic.layer) if (origin := origins.get(node))]
    if not known:
        return replace(diagnostic, layer=None)
    message = f"{origin_text(known[-1])}{diagnostic.message}"
    return replace(diagnostic, message=message, layer=None)


def _way(network: Network, path: LayerPath) -> Iterator[Layer]:
    """The layers from a network to one of its nodes, the outermost first."""
    first, *rest = path
    layers = network.layers
    if first == "aux":
        layers = network.auxiliaries[int(rest[0])].layers
        first, *rest = rest[1:]
    node: Layer = layers[min(int(first), len(layers) - 1)]
    yield node
    for step in rest:
        match node, step:
            case ir.Sequence(inner), int():
                node = inner[min(step, len(inner) - 1)]
            case ir.Parallel(branches), int():
                node = branches[step]
            case ir.Residual(), "body" | "shortcut" | "after":
                node = getattr(node, str(step))
            case _:
                return
        yield node
