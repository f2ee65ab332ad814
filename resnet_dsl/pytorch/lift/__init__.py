"""`lift`: a model back to its network, by what it computes.

The model is exported; the operations of the export are read as layers, and `recover` finds the
spec. Neither classes nor names of parameters matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from torch import nn

from resnet_dsl import ir
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import COUNTER, weight_shapes
from resnet_dsl.ir import Network, Shape
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import leaf_names
from resnet_dsl.pytorch.lift.calls import calls
from resnet_dsl.pytorch.lift.export import cumulative_norms, exported, reason
from resnet_dsl.pytorch.lift.formulas import dominators
from resnet_dsl.pytorch.lift.graph import Graph
from resnet_dsl.pytorch.lift.graph_layers import Reader
from resnet_dsl.pytorch.lift.leaf_operations import Names
from resnet_dsl.pytorch.lift.outputs import (
    Outputs,
    outputs_in_evaluation,
    outputs_in_training,
    shared_trunk,
)
from resnet_dsl.pytorch.lift.places import placed
from resnet_dsl.pytorch.lift.sizes import mark_growing, mark_like, one_size, takes_other_sizes
from resnet_dsl.pytorch.lift.trained import in_evaluation, scheduled
from resnet_dsl.recovery import recover
from resnet_dsl.sources.feature_maps import feature_ends
from resnet_dsl.sources.lifted import Lifted, LiftedNetwork, Undetermined
from resnet_dsl.sources.resolve import resolve

_SHARED: Final = "a weight that two layers share is not supported"
_CONSTANT: Final = "a weight that is not in the state dict is not supported"
_IN_TRAINING: Final = "drop path, dropout and auxiliary heads"


@dataclass(frozen=True, slots=True)
class _Read:
    """A network, the reader that read it, where its outputs are, and what is undetermined.

    `positions` are the numbers of layers after which the maps are that the model returns.
    """

    network: Network
    reader: Reader
    undetermined: tuple[Undetermined, ...] = ()
    positions: tuple[int, ...] = ()


def lift_model(model: nn.Module, input: Input, *, partial: bool = False) -> Lifted:
    """`resnet_dsl.lift`."""
    shape = input_shape(input)
    graph = exported(model, shape, training=False)
    try:
        return _with_spec(model, _whole(model, shape, graph))
    except SpecError as error:
        prefix = _longest_prefix(graph, shape) if partial and graph.outputs else None
        if prefix is None:
            raise
        return _with_spec(model, prefix, error.diagnostics[0].message)


def lift_network(model: nn.Module, input: Input) -> LiftedNetwork:
    """The network of a model, whether or not a spec can express it."""
    shape = input_shape(input)
    return _lifted(model, _whole(model, shape, exported(model, shape, training=False)))


def _with_spec(model: nn.Module, read: _Read, refused: str | None = None) -> Lifted:
    lifted = _lifted(model, read)
    with placed(read.network, read.reader.origins):
        spec = recover(lifted.network)
    return Lifted(
        spec=spec,
        network=lifted.network,
        weights=lifted.weights,
        undetermined=lifted.undetermined,
        unused=lifted.unused,
        features=_features(spec, read.positions),
        refused=refused,
    )


def _features(spec: Spec, positions: Sequence[int]) -> tuple[str, ...]:
    """The stages, blocks and layers of the stem whose maps a model returns; refused where one is
    taken inside of those."""
    ends = {stop: name for name, stop in feature_ends(resolve(spec)).items()}
    if any(position not in ends for position in positions):
        what = "a map that is returned from the middle of a block is not supported"
        raise SpecError([Diagnostic(code="unsupported", message=what)])
    return tuple(ends[position] for position in positions)


def _whole(model: nn.Module, shape: Shape, graph: Graph) -> _Read:
    """All that is computed, in evaluation and in training."""

    def at(size: Shape) -> Graph:
        return exported(model, size, training=False)

    notes = mark_growing(graph, shape, lambda size: calls(model, size), at)
    outputs = outputs_in_evaluation(graph)
    names = Names(training=False, cumulative=cumulative_norms(model))
    reader = Reader(names, outputs.graph)
    network = reader.network(shape)
    if not notes and not takes_other_sizes(network):
        notes.append(one_size(shape, "its layers fit no larger images"))
    if outputs.left_out:
        what = f"{outputs.left_out}, on the way to the last one"
        notes.append(Undetermined("other outputs of the model", "none", f"it has {what}"))
    names = Names(training=True, cumulative=reader.names.cumulative)
    trained = _in_training(model, shape, graph, outputs, names)
    used, frozen = reader, reader.names.frozen
    if isinstance(trained, Undetermined):
        notes.append(trained)
    else:
        frozen |= names.frozen
        with_training, in_training = trained
        if in_evaluation(with_training) == in_evaluation(network):
            network, used = scheduled(with_training, in_training.origins), in_training
        else:
            notes.append(Undetermined(_IN_TRAINING, "none", "training computes other layers"))
    notes += _notes_on_norms(network, frozen=frozen)
    positions = [reader.length(map_) for map_ in outputs.maps]
    return _Read(network, used, tuple(notes), tuple(_in_network(network, positions)))


def _in_training(
    model: nn.Module, shape: Shape, graph: Graph, outputs: Outputs, names: Names
) -> tuple[Network, Reader] | Undetermined:
    """The network in training and its reader; where it cannot be read, the note that says so."""
    try:
        trained = exported(model, shape, training=True)
        mark_like(trained, graph)
        reader = Reader(names, outputs_in_training(trained, graph, outputs))
        return reader.network(shape), reader
    except Exception as error:  # whatever a model raises on fakes: its own code, or torch's
        why = error.diagnostics[0].message if isinstance(error, SpecError) else reason(error)
        return Undetermined(_IN_TRAINING, "none", f"in training, {why}")


def _in_network(network: Network, positions: Sequence[int]) -> Iterator[int]:
    """Numbers of layers, with those that show in training alone."""
    layers = network.layers
    for position in positions:
        yield next(
            (
                i
                for i in range(len(layers) + 1)
                if len(in_evaluation(ir.network(network.input, *layers[:i])).layers) == position
            ),
            position,
        )


def _notes_on_norms(network: Network, *, frozen: bool) -> Iterator[Undetermined]:
    if frozen:
        why = "frozen in this model: training uses the stored statistics"
        yield Undetermined("batch norm in training", "that of the batch", why)
    norms = [leaf for _, leaf in network_leaves(network) if isinstance(leaf, ir.BatchNorm)]
    if any(norm.eps == 0 for norm in norms):
        why = "PyTorch trains no batch norm whose eps is 0: write another one to train"
        yield Undetermined("eps of batch norms", "0", why)


def _longest_prefix(graph: Graph, shape: Shape) -> _Read | None:
    """The longest beginning of a network that a spec can express."""
    for stop in dominators(shared_trunk(graph)):
        reader = Reader(Names(training=False), replace(graph, outputs=(stop,)))
        with suppress(SpecError):
            network = reader.network(shape)
            recover(network)
            unread = Undetermined(_IN_TRAINING, "none", "not read with partial")
            return _Read(network, reader, (unread,))
    return None


def _lifted(model: nn.Module, read: _Read) -> LiftedNetwork:
    network, names = read.network, read.reader.names
    _assert_own_weights(model, network, names)
    held = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    ours = leaf_names(network)
    weights = {}
    for path, leaf in network_leaves(network):
        theirs = names.of(leaf)
        for key in weight_shapes(leaf):
            if key in theirs:
                weights[f"{ours[path]}.{key}"] = theirs[key]
            elif key.endswith(COUNTER):
                mean = theirs.get(key.replace(COUNTER, "running_mean"), "")
                counter = f"{mean.removesuffix('running_mean')}{COUNTER}"
                if mean.endswith("running_mean") and counter in held:
                    weights[f"{ours[path]}.{key}"] = counter
    return LiftedNetwork(
        network=network,
        weights=weights,
        undetermined=read.undetermined,
        unused=tuple(_unused(model, weights.values())),
    )


def _unused(model: nn.Module, used: Iterable[str]) -> Iterator[str]:
    """The parameters that no weight of the network is, also under another name."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    known = {id(parameters[name]) for name in used if name in parameters}
    return (name for name, parameter in model.named_parameters() if id(parameter) not in known)


def _assert_own_weights(model: nn.Module, network: Network, names: Names) -> None:
    """Refuse weights that two layers share, and constants: each layer of a spec has its own, and
    they are loaded from a state dict."""
    state = model.state_dict()
    held = (model.named_parameters(remove_duplicate=False), model.named_buffers())
    same = {name: id(tensor) for tensors in held for name, tensor in tensors}
    seen: set[object] = set()
    for _, leaf in network_leaves(network):
        for name in names.of(leaf).values():
            tensor = same.get(name, name)
            if name not in state:
                raise SpecError([Diagnostic(code="unsupported", message=f"{name}: {_CONSTANT}")])
            if tensor in seen:
                raise SpecError([Diagnostic(code="unsupported", message=f"{name}: {_SHARED}")])
            seen.add(tensor)
