"""`lift`: a model back to its network, by what it computes.

The model is exported; the operations of the export are read as layers, and `recover` finds the
spec. Neither classes nor names of parameters matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from torch import nn

from resnet_dsl import ir
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.elaboration import drop_path_schedule
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.ir import Network, Shape
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.naming import leaf_names
from resnet_dsl.pytorch.lift.export import exported, reason
from resnet_dsl.pytorch.lift.formulas import dominators
from resnet_dsl.pytorch.lift.graph import Graph
from resnet_dsl.pytorch.lift.graph_layers import Reader
from resnet_dsl.pytorch.lift.leaf_operations import Names
from resnet_dsl.recovery import recover
from resnet_dsl.recovery.unit_terms import drop_path
from resnet_dsl.sources.lifted import Lifted, LiftedNetwork, Undetermined

_SHARED: Final = "a weight that two layers share is not supported"
_IN_TRAINING: Final = "drop path, dropout and auxiliary heads"


def lift_model(model: nn.Module, input: Input, *, partial: bool = False) -> Lifted:
    """`resnet_dsl.lift`."""
    shape = input_shape(input)
    assert shape is not None
    graph = exported(model, shape, training=False)
    try:
        return _with_spec(_whole(model, shape, graph))
    except SpecError as error:
        prefix = _longest_prefix(graph, shape) if partial and graph.outputs else None
        if prefix is None:
            raise
        unread = Undetermined(_IN_TRAINING, "none", "not read with partial")
        return _with_spec(_lifted(model, *prefix, [unread]), error.diagnostics[0].message)


def lift_network(model: nn.Module, input: Input) -> LiftedNetwork:
    """The network of a model, whether or not a spec can express it."""
    shape = input_shape(input)
    assert shape is not None
    return _whole(model, shape, exported(model, shape, training=False))


def _with_spec(lifted: LiftedNetwork, refused: str | None = None) -> Lifted:
    return Lifted(
        spec=recover(lifted.network),
        network=lifted.network,
        weights=lifted.weights,
        undetermined=lifted.undetermined,
        refused=refused,
    )


def _whole(model: nn.Module, shape: Shape, graph: Graph) -> LiftedNetwork:
    """All that is computed, in evaluation and in training."""
    names, trained_names = Names(training=False), Names(training=True)
    network = Reader(names).network(graph, shape)
    undetermined = []
    try:
        trained = Reader(trained_names).network(exported(model, shape, training=True), shape)
    except Exception as error:  # whatever a model raises on fakes: its own code, or torch's
        undetermined.append(_unshown(error))
        if any(_keeps(leaf) for _, leaf in network_leaves(network)):
            why = "as a norm shows it whose statistics are the mean of all batches"
            undetermined.append(Undetermined("momentum of batch norms", "0", why))
    else:
        if _in_evaluation(trained) == _in_evaluation(network):
            network, names = _scheduled(trained), trained_names
        else:
            why = "training computes other layers"
            undetermined.append(Undetermined(_IN_TRAINING, "none", why))
    if names.frozen or trained_names.frozen:
        why = "frozen in this model: training uses the stored statistics"
        undetermined.append(Undetermined("batch norm in training", "that of the batch", why))
    return _lifted(model, network, names, undetermined)


def _keeps(leaf: ir.Leaf) -> bool:
    """A batch norm that no batch changes, or one that weighs all batches alike."""
    return isinstance(leaf, ir.BatchNorm) and leaf.momentum == 0


def _longest_prefix(graph: Graph, shape: Shape) -> tuple[Network, Names] | None:
    """The longest beginning of a network that a spec can express."""
    for stop in dominators(graph.outputs[0]):
        names = Names(training=False)
        with suppress(SpecError):
            network = Reader(names).network(Graph(graph.image, (stop,)), shape)
            recover(network)
            return network, names
    return None


def _lifted(
    model: nn.Module,
    network: Network,
    names: Names,
    undetermined: Sequence[Undetermined],
) -> LiftedNetwork:
    _assert_unshared(model, network, names)
    counters = {name for name, _ in model.named_buffers() if name.endswith(COUNTER)}
    ours = leaf_names(network)
    weights = {}
    for path, leaf in network_leaves(network):
        for key, theirs in names.of(leaf).items():
            weights[f"{ours[path]}.{key}"] = theirs
        counter = names.of(leaf).get("running_mean", "").replace("running_mean", COUNTER)
        if counter in counters:
            weights[f"{ours[path]}.{COUNTER}"] = counter
    return LiftedNetwork(network=network, weights=weights, undetermined=tuple(undetermined))


def _assert_unshared(model: nn.Module, network: Network, names: Names) -> None:
    """Refuse weights that two layers share: each layer of a spec has its own."""
    held = (model.named_parameters(remove_duplicate=False), model.named_buffers())
    same = {name: id(tensor) for tensors in held for name, tensor in tensors}
    seen: set[object] = set()
    for _, leaf in network_leaves(network):
        for name in names.of(leaf).values():
            tensor = same.get(name, name)
            if tensor in seen:
                raise SpecError([Diagnostic(code="unsupported", message=f"{name}: {_SHARED}")])
            seen.add(tensor)


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
    why = error.diagnostics[0].message if isinstance(error, SpecError) else reason(error)
    return Undetermined(_IN_TRAINING, "none", f"in training, {why}")


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
