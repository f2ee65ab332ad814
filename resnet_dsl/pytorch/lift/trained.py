"""What shows in training alone: drop paths, their schedule, dropout."""

from __future__ import annotations

from dataclasses import replace

from resnet_dsl import ir
from resnet_dsl.elaboration import drop_path_schedule
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.ir import Network
from resnet_dsl.pytorch.lift.values import Operation
from resnet_dsl.recovery.unit_terms import drop_path


def scheduled(network: Network, origins: IdentityCache[Operation]) -> Network:
    """A network whose drop paths are linear but for rounding, as some library counts them, with
    those of the one schedule; `origins` of the blocks are kept."""
    blocks = [layer for layer in network.layers if isinstance(layer, ir.Residual)]
    drops = [drop_path(block) for block in blocks]
    rate = float(f"{drops[-1]:.6g}") if drops else 0.0
    schedule = list(drop_path_schedule(rate, len(drops)))
    if max((abs(a - b) for a, b in zip(drops, schedule, strict=True)), default=1.0) > 1e-6:
        return network
    rates = iter(schedule)
    layers = (
        _dropping(x, next(rates), origins) if isinstance(x, ir.Residual) else x
        for x in network.layers
    )
    return ir.network(network.input, *layers, auxiliaries=network.auxiliaries)


def _dropping(block: ir.Residual, p: float, origins: IdentityCache[Operation]) -> ir.Residual:
    """A block with another drop path."""
    steps = ir.steps(block.body)
    own = steps[:-1] if drop_path(block) else steps
    body = ir.sequence(*own, ir.DropPath(p) if p else ir.Identity())
    changed = replace(block, body=body)
    if (origin := origins.get(block)) is not None:
        origins.put(changed, origin)
    return changed


def in_evaluation(network: Network) -> Network:
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
