"""Which output of several is that of the network, and which are maps on the way to it?"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.pytorch.lift.formulas import comes_from
from resnet_dsl.pytorch.lift.graph import Graph
from resnet_dsl.pytorch.lift.refusals import origin_text, refused
from resnet_dsl.pytorch.lift.values import Operation


class Outputs(NamedTuple):
    """A graph with one output; the `maps` that the model returns, in its order, if it returns maps
    alone; how many outputs on the way are left out."""

    graph: Graph
    maps: tuple[Operation, ...] = ()
    left_out: int = 0


def outputs_in_evaluation(graph: Graph) -> Outputs:
    """The last output where all others are on the way to it; refused where they part."""
    if not graph.outputs:
        raise refused(graph.image, "a model whose output does not depend on its input")
    outputs = tuple(dict.fromkeys(graph.outputs))
    last = max(outputs, key=lambda output: output.depth)
    if not all(comes_from(last, output) for output in outputs):
        raise _several(outputs)
    own = replace(graph, outputs=(last,))
    if len(outputs) == 1:
        return Outputs(own)
    if all(len(output.shape) == 4 for output in outputs):
        return Outputs(own, maps=outputs)
    return Outputs(own, left_out=len(outputs) - 1)


def outputs_in_training(graph: Graph, evaluated: Graph, outputs: Outputs) -> Graph:
    """The same output in training; where evaluation has one, others are auxiliary."""
    if len(set(evaluated.outputs)) == 1:
        return replace(graph, outputs=tuple(dict.fromkeys(graph.outputs)))
    if len(graph.outputs) != len(evaluated.outputs):
        raise refused(graph.outputs[0], "another number of outputs in training")
    (last,) = outputs.graph.outputs
    return replace(graph, outputs=(graph.outputs[evaluated.outputs.index(last)],))


def shared_trunk(graph: Graph) -> Operation:
    """The last operation that all outputs come from."""
    here = graph.outputs[0]
    while not all(comes_from(output, here) for output in graph.outputs):
        assert here.dominator is not None
        here = here.dominator
    return here


def _several(outputs: tuple[Operation, ...]) -> SpecError:
    names = [f"{origin_text(output).rstrip(': ')}" or output.name for output in outputs]
    message = f"{len(outputs)} outputs that part on the way: {'; '.join(names)}"
    help = "lift what they share with --partial, or a model that returns one of them"
    return SpecError([Diagnostic(code="unsupported", message=message, help=help)])
