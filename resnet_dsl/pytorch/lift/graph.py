"""An exported model as a graph of operations on one image: who reads whom, and which weights.

`torch.export` gives operations of ATen in the order of computation. An operation that works in
place stands for its input from then on. What does not depend on the image is no node of the graph:
a weight, or a formula over weights and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

from resnet_dsl.ir import Standardization
from resnet_dsl.pytorch.lift.refusals import cast_to, code_place, refused
from resnet_dsl.pytorch.lift.standardized import standardized
from resnet_dsl.pytorch.lift.values import CASTS, VIEWS, Formula, Operation, Value, Weight


@dataclass(frozen=True, slots=True)
class Graph:
    """From the image to the outputs; `operations` are all on the way, in order of computation, and
    `concatenations` those along the channels, by the identities of what they read."""

    image: Operation
    outputs: tuple[Operation, ...]
    operations: tuple[Operation, ...] = ()
    concatenations: Mapping[tuple[int, ...], Operation] = field(default_factory=dict)


_STALE: Final = "a map that is changed in place under a view of it"


def read_graph(program: ExportedProgram) -> Graph:
    """The operations of an exported program that lead from its image to its outputs."""
    return _Reader(program).read()


class _Reader:
    def __init__(self, program: ExportedProgram) -> None:
        self.program = program
        self.values: dict[Node, Value] = {}
        self.memory = _Memory()

    def read(self) -> Graph:
        (image,) = list(self._placeholders())
        self.image = image
        outputs: tuple[Operation, ...] = ()
        for node in self.program.graph.nodes:
            if node.op == "output":
                outputs = tuple(self._outputs(node))
            elif node.op == "call_function":
                self._read(node)
        used = set()
        for operation in _count_users(outputs):
            if operation.flaw:
                raise refused(operation, operation.flaw)
            used.add(id(operation))
        operations = tuple(
            value
            for value in self.values.values()
            if isinstance(value, Operation) and id(value) in used
        )
        concatenations = {
            tuple(map(id, each["tensors"])): each
            for each in operations
            if each.name == "cat" and each["dim"] % len(each.shape) == 1
        }
        return Graph(image, outputs, operations, concatenations)

    def _placeholders(self) -> Iterator[Operation]:
        """The images; weights are noted on the way."""
        kinds = {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = kinds[node.name]
            if spec.kind == InputKind.USER_INPUT:
                image = Operation("image", {}, (), *_meta(node), module="")
                self.values[node] = image
                yield image
            elif spec.target is not None:
                held = self.program.state_dict.get(spec.target)
                value = self.program.constants.get(spec.target) if held is None else held
                if isinstance(value, Tensor):
                    learned = spec.kind == InputKind.PARAMETER
                    shape = tuple(value.shape)
                    self.values[node] = Weight(spec.target, value.detach(), shape, learned)

    def _outputs(self, node: Node) -> Iterator[Operation]:
        specs = self.program.graph_signature.output_specs
        for spec, output in zip(specs, node.args[0], strict=True):  # type: ignore[arg-type]
            value = self._value(output) if isinstance(output, Node) else None
            if spec.kind == OutputKind.USER_OUTPUT and isinstance(value, Operation):
                if self.memory.is_stale(output):
                    value.flaw = _STALE
                yield value

    def _read(self, node: Node) -> None:
        name, arguments = _call(node)
        arguments = {key: _mapped(given, self._value) for key, given in arguments.items()}
        values = [
            self.values.get(self.memory.latest(input_node)) for input_node in node.all_input_nodes
        ]
        inputs = tuple(dict.fromkeys(v for v in values if isinstance(v, Operation)))
        stale = any(self.memory.is_stale(input_node) for input_node in node.all_input_nodes)
        shape, dtype = _meta(node)
        self.memory.note(node)
        if not inputs:
            self.values[node] = self._computed(name, arguments, shape, dtype)
        elif name != "_assert_tensor_metadata":
            stack = node.meta.get("nn_module_stack") or {}
            module = next((path for path, _ in reversed(list(stack.values()))), "")
            place = code_place(node.meta.get("stack_trace") or "")
            operation = Operation(name, arguments, inputs, shape, dtype, module, place)
            if stale:
                operation.flaw = _STALE
            elif name in CASTS and not self._keeps(dtype):
                operation.flaw = cast_to(dtype)
            operation.dominator = _common(inputs)
            operation.depth = operation.dominator.depth + 1
            self.values[node] = operation

    def _value(self, node: Node) -> Value | None:
        return self.values.get(self.memory.latest(node))

    def _keeps(self, dtype: torch.dtype | None) -> bool:
        """Whether a cast loses nothing of the image's numbers."""
        own = self.image.dtype
        if dtype is None or own is None or dtype == own:
            return True
        return dtype.is_floating_point and dtype.itemsize > own.itemsize

    def _computed(
        self,
        name: str,
        arguments: dict[str, Any],
        shape: tuple[int, ...],
        dtype: torch.dtype | None,
    ) -> Weight | Formula:
        """A cast or view of a weight is that weight; so is a standardized one, but for that."""
        weight = arguments.get("self", arguments.get("input"))
        if isinstance(weight, Weight):
            whole = torch.Size(shape).numel() == weight.value.numel()
            cast = name in CASTS and self._keeps(dtype)
            if cast or name == "expand" or (name in VIEWS and whole):
                return replace(weight, shape=shape)
            if name == "batch_norm" and _standardizes(arguments, weight):
                standardization = Standardization(eps=arguments["eps"])
                return replace(weight, shape=shape, standardization=standardization)
        formula = Formula(name, arguments, shape)
        return standardized(formula) or formula


def _standardizes(arguments: dict[str, Any], weight: Weight) -> bool:
    """Whether a batch norm of filters, as rows, is what the language standardizes them with."""
    rows = weight.shape[:2] == (1, len(weight.value))
    bare = all(arguments[key] is None for key in ("weight", "bias", "running_mean"))
    return rows and bare and arguments["training"] is True


class _Memory:
    """Which operation wrote last where a node stands, and which views have been written under."""

    def __init__(self) -> None:
        self._latest: dict[Node, Node] = {}
        self._base: dict[Node, Node] = {}
        self._writes: dict[Node, int] = {}
        self._seen: dict[Node, int] = {}

    def latest(self, node: Node) -> Node:
        """What a node stands for now."""
        while node in self._latest:
            node = self._latest[node]
        return node

    def is_stale(self, node: Node) -> bool:
        """Whether a node's memory was written by way of another view of it."""
        now = self.latest(node)
        return self._seen.get(now, 0) < self._writes.get(self._base.get(now, now), 0)

    def note(self, node: Node) -> None:
        """Whether an operation works in place, or gives a view."""
        schema = getattr(node.target, "_schema", None)
        first = self.latest(node.all_input_nodes[0]) if node.all_input_nodes else node
        alias = schema.arguments[0].alias_info if schema and schema.arguments else None
        idle = schema and schema.name == "aten::dropout" and node.args[2:] == (False,)
        base = self._base.get(first, first) if alias or idle else node
        if alias and alias.is_write:
            self._latest[first] = node
            self._writes[base] = self._writes.get(base, 0) + 1
        self._base[node] = base
        self._seen[node] = self._writes.get(base, 0)


def _call(node: Node) -> tuple[str, dict[str, Any]]:
    """An operation's name and arguments, those of ATen with the defaults written out."""
    if not isinstance(node.target, OpOverload):
        name = getattr(node.target, "__name__", str(node.target))
        return name, {str(i): given for i, given in enumerate(node.args)}
    schema = node.target._schema
    name = schema.name.removeprefix("aten::").rstrip("_")
    arguments: dict[str, Any] = {}
    for i, argument in enumerate(schema.arguments):
        given = node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
        missing = i >= len(node.args) and argument.name not in node.kwargs
        if missing and argument.has_default_value():
            given = argument.default_value
        arguments[argument.name] = given
    return name, arguments


def _meta(node: Node) -> tuple[tuple[int, ...], torch.dtype | None]:
    value = node.meta.get("val")
    if isinstance(value, list | tuple) and value:  # its first part is what layers are read from
        value = value[0]
    return tuple(getattr(value, "shape", ())), getattr(value, "dtype", None)


def _mapped(value: Any, change: Callable[[Node], object]) -> Any:
    """An argument with its nodes changed, inside lists as well."""
    if isinstance(value, Node):
        return change(value)
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return value


def _count_users(outputs: tuple[Operation, ...]) -> Iterator[Operation]:
    """Count who reads whom on the way to the outputs, and yield each there; the rest is dead."""
    waiting = list(dict.fromkeys(outputs))
    for output in outputs:
        output.users += 1
    while waiting:
        here = waiting.pop()
        yield here
        for read in here.inputs:
            read.users += 1
            if read.users == 1:
                waiting.append(read)


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
