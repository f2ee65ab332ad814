"""`lift`: a model back to its network, by what it computes.

The model is exported; the operations of the export are read as layers, and `recover` finds the
page. Neither classes nor names of parameters are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import torch
from torch import nn

from resnet_dsl import ir
from resnet_dsl.elaborate import drop_path_schedule
from resnet_dsl.folds.count import leaves
from resnet_dsl.folds.naming import members, named
from resnet_dsl.ir import Network, Shape
from resnet_dsl.lifted import Lifted, Undetermined
from resnet_dsl.pytorch.lift.graph import Graph, read_graph
from resnet_dsl.pytorch.lift.read import Layers
from resnet_dsl.recover import recover
from resnet_dsl.recover.blocks import drop_path

_IN_TRAINING: Final = "drop path, dropout and auxiliary heads"


def lift_model(model: nn.Module, input: Sequence[int]) -> Lifted:
    """`resnet_dsl.lift`."""
    shape = Shape(*input)
    reader = Layers()
    network = reader.network(_exported(model, shape, training=False), shape)
    undetermined: tuple[Undetermined, ...] = ()
    try:
        trained = reader.network(_exported(model, shape, training=True), shape)
    except Exception as error:  # whatever a model raises on fakes: its own code, or torch's
        undetermined = (_unshown(error),)
    else:
        if _in_evaluation(trained) == _in_evaluation(network):
            network = _scheduled(trained)
        else:
            undetermined = (Undetermined(_IN_TRAINING, "none", "training computes other layers"),)
    spec = recover(network)
    ours = {path: name for name, member in members(named(network)) for path in member.paths}
    weights = {
        f"{ours[path]}.{key}": theirs
        for path, leaf in _leaves(network)
        for key, theirs in reader.names.get(id(leaf), {}).items()
    }
    return Lifted(spec=spec, network=network, weights=weights, undetermined=undetermined)


def _scheduled(network: Network) -> Network:
    """A network whose drop paths are linear but for rounding, as some library counts them, with
    those of the one schedule."""
    blocks = [layer for layer in network.layers if isinstance(layer, ir.Residual)]
    drops = [drop_path(block) for block in blocks]
    rate = float(f"{drops[-1]:.6g}") if drops else 0.0
    schedule = list(drop_path_schedule(rate, len(drops)))
    if max((abs(a - b) for a, b in zip(drops, schedule, strict=True)), default=1.0) > 1e-6:
        return network
    rates = iter(schedule)
    layers = (
        _dropping(x, next(rates)) if isinstance(x, ir.Residual) else x for x in network.layers
    )
    return ir.network(network.input, *layers, auxiliaries=network.auxiliaries)


def _dropping(block: ir.Residual, p: float) -> ir.Residual:
    """A block with another drop path."""
    steps = ir.steps(block.body)
    own = steps[:-1] if drop_path(block) else steps
    return replace(block, body=ir.sequence(*own, ir.DropPath(p) if p else ir.Identity()))


def _unshown(error: Exception) -> Undetermined:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return Undetermined(_IN_TRAINING, "none", f"training cannot be exported: {reason[:100]}")


def _leaves(network: Network) -> Iterator[tuple[ir.Path, ir.Leaf]]:
    yield from leaves(ir.Sequence(network.layers))
    for number, aux in enumerate(network.auxiliaries):
        yield from leaves(ir.Sequence(aux.layers), ("aux", number))


def _in_evaluation(network: Network) -> Network:
    """A network without what shows in training alone."""
    return ir.network(network.input, *map(_still, network.layers))


def _still(layer: ir.Layer) -> ir.Layer:
    match layer:
        case ir.DropPath() | ir.Dropout():
            return ir.Identity()
        case ir.Sequence(layers):
            return ir.sequence(*map(_still, layers))
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            return ir.Residual(body=_still(body), shortcut=_still(shortcut), after=_still(after))
        case ir.Parallel(branches):
            return ir.Parallel(tuple(map(_still, branches)))
        case _:
            return layer


def _exported(model: nn.Module, shape: Shape, *, training: bool) -> Graph:
    first = next(model.parameters(), torch.empty(0))
    image = torch.zeros(2, *shape, device=first.device, dtype=first.dtype)
    with _mode(model, training=training):
        return read_graph(torch.export.export(model, (image,), strict=False))


@contextmanager
def _mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """A mode for a while; every module gets its own back."""
    modes = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
