"""An exported model as a graph of operations on one image: who reads whom, and which weights.

`torch.export` gives operations of ATen in the order of computation. An operation that works in
place stands for its input from then on; what does not depend on the image (weights, their casts and
views) is no node of the graph, and asked for by `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node


@dataclass(eq=False)
class Operation:
    """One operation: its ATen name without the mark of in-place work, and its arguments by name.

    `inputs` are the operations that it reads, without weights.
    """

    name: str
    arguments: dict[str, Any]
    inputs: tuple[Operation, ...]
    shape: tuple[int, ...]
    module: str
    users: int = 0
    dominator: Operation | None = None
    depth: int = 0

    def __getitem__(self, argument: str) -> Any:
        return self.arguments.get(argument)


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter or buffer by its name in the model; `standardized` on the way to its use."""

    name: str
    value: Tensor
    standardized: bool = False


@dataclass
class Graph:
    """Operations from the image to the outputs."""

    image: Operation
    outputs: tuple[Operation, ...]
    operations: list[Operation] = field(default_factory=list)


_CASTS = {"to", "_to_copy", "alias", "detach", "contiguous", "clone", "lift_fresh_copy"}
_VIEWS = {"view", "reshape", "reshape_as", "view_as", "unsqueeze", "slice", "select", "expand"}


def read_graph(program: ExportedProgram) -> Graph:
    """The operations of an exported program that depend on its image."""
    return _Reader(program).read()


class _Reader:
    def __init__(self, program: ExportedProgram) -> None:
        self.program = program
        self.weights: dict[Node, Weight] = {}
        self.operations: dict[Node, Operation] = {}
        self.latest: dict[Node, Node] = {}

    def read(self) -> Graph:
        images = list(self._placeholders())
        (image,) = images
        outputs: tuple[Operation, ...] = ()
        order: list[Operation] = []
        for node in self.program.graph.nodes:
            if node.op == "output":
                outputs = tuple(self._outputs(node))
            elif node.op == "call_function":
                operation = self._operation(node)
                if operation is not None:
                    order.append(operation)
        return Graph(image, outputs, order)

    def _placeholders(self) -> Iterator[Operation]:
        """The images; weights are noted on the way."""
        kinds = {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = kinds[node.name]
            if spec.kind == InputKind.USER_INPUT:
                image = Operation("image", {}, (), tuple(node.meta["val"].shape), "")
                self.operations[node] = image
                yield image
            elif spec.target is not None:
                held = self.program.state_dict.get(spec.target)
                value = self.program.constants.get(spec.target) if held is None else held
                if isinstance(value, Tensor):
                    self.weights[node] = Weight(spec.target, value.detach())

    def _outputs(self, node: Node) -> Iterator[Operation]:
        specs = self.program.graph_signature.output_specs
        names = {spec.arg.name for spec in specs if spec.kind == OutputKind.USER_OUTPUT}
        for found in node.all_input_nodes:
            resolved = self._resolve(found)
            if found.name in names and resolved in self.operations:
                yield self.operations[resolved]

    def _resolve(self, node: Node) -> Node:
        while node in self.latest:
            node = self.latest[node]
        return node

    def _operation(self, node: Node) -> Operation | None:
        schema = node.target._schema  # type: ignore[union-attr]
        name = schema.name.removeprefix("aten::")
        arguments: dict[str, Any] = {}
        for i, argument in enumerate(schema.arguments):
            given = node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
            missing = i >= len(node.args) and argument.name not in node.kwargs
            if missing and argument.has_default_value():
                given = argument.default_value
            arguments[argument.name] = _mapped(given, self._value)
        sources = [self._resolve(found) for found in node.all_input_nodes]
        inputs = tuple(dict.fromkeys(self.operations[s] for s in sources if s in self.operations))
        in_place = name.endswith("_") and not name.startswith("_")
        if not inputs:
            self._pass_weight(node, name.rstrip("_"), arguments)
            return None
        if name == "_assert_tensor_metadata":
            return None
        shape = tuple(getattr(node.meta.get("val"), "shape", ()))
        stack = node.meta.get("nn_module_stack") or {}
        module = next((path for path, _ in reversed(list(stack.values()))), "")
        made = Operation(name.rstrip("_"), arguments, inputs, shape, module)
        for found in inputs:
            found.users += 1
        made.dominator = _common(inputs)
        made.depth = made.dominator.depth + 1
        self.operations[node] = made
        if in_place:
            self.latest[self._resolve(node.all_input_nodes[0])] = node
        return made

    def _value(self, node: Node) -> Operation | Weight | Node:
        resolved = self._resolve(node)
        if resolved in self.operations:
            return self.operations[resolved]
        return self.weights.get(resolved, resolved)

    def _pass_weight(self, node: Node, name: str, arguments: dict[str, Any]) -> None:
        """A cast or view of a weight is that weight; so is a standardized one, but for that."""
        found = next((v for v in arguments.values() if isinstance(v, Weight)), None)
        if found is None:
            return
        value = node.meta.get("val")
        whole = isinstance(value, Tensor) and value.numel() == found.value.numel()
        if name in _CASTS or (name in _VIEWS and (whole or name == "expand")):
            self.weights[node] = found
        elif name == "batch_norm" and arguments["running_mean"] is None:
            self.weights[node] = Weight(found.name, found.value, standardized=True)


def _mapped(value: Any, change: Callable[[Node], object]) -> Any:
    """An argument with its nodes changed, inside lists as well."""
    if isinstance(value, Node):
        return change(value)
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return value


def _common(operations: tuple[Operation, ...]) -> Operation:
    """The last operation that all ways from the image to these go through."""
    first, *others = operations
    for other in others:
        while first is not other:
            if first.depth >= other.depth:
                assert first.dominator is not None
                first = first.dominator
            else:
                assert other.dominator is not None
                other = other.dominator
    return first
