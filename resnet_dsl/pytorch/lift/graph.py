"""An exported model as a graph of operations on one image: who reads whom, and which weights.

`torch.export` gives operations of ATen in the order of computation. An operation that works in
place stands for its input from then on. What does not depend on the image is no node of the graph:
a weight, or a formula over weights and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

from resnet_dsl.diagnostics import Diagnostic, SpecError


@dataclass(eq=False)
class Operation:
    """One operation: its ATen name without the mark of in-place work, and its arguments by name.

    `inputs` are the operations that it reads, without weights; `users` counts who reads it on the
    way to an output; all ways from the image to it go through its `dominator`. A `flaw` is why no
    layer can be read where it stands.
    """

    name: str
    arguments: dict[str, Any]
    inputs: tuple[Operation, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype | None
    module: str
    flaw: str | None = None
    users: int = 0
    dominator: Operation | None = None
    depth: int = 0

    def __getitem__(self, argument: str) -> Any:
        return self.arguments.get(argument)


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A parameter or buffer by its name in the model; `standardized` on the way to its use, where
    it has this `shape`."""

    name: str
    value: Tensor
    shape: tuple[int, ...]
    standardized: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """What is computed without the image: of weights, of noise, or constant."""

    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def __getitem__(self, argument: str) -> Any:
        return self.arguments.get(argument)


Value: TypeAlias = Operation | Weight | Formula


@dataclass(frozen=True, slots=True)
class Graph:
    """From the image to the outputs."""

    image: Operation
    outputs: tuple[Operation, ...]


CASTS: Final = {"to", "_to_copy", "alias", "detach", "contiguous", "clone", "lift_fresh_copy"}
_STALE: Final = "a map that is changed in place under a view of it"
_VIEWS: Final = {
    "view",
    "reshape",
    "reshape_as",
    "view_as",
    "unsqueeze",
    "slice",
    "select",
    "flatten",
}


def read_graph(program: ExportedProgram) -> Graph:
    """The operations of an exported program that lead from its image to its outputs."""
    return _Reader(program).read()


def refused(here: Operation, what: str | None = None) -> SpecError:
    """An operation that no spec can express: an error that names its module."""
    place = f"{here.module}: " if here.module else ""
    part = here.name == "getitem" and here.inputs
    named = what or (f"a part of torch.{here.inputs[0].name}" if part else f"torch.{here.name}")
    message = f"{place}{named} is not supported"
    return SpecError([Diagnostic(code="unsupported", message=message)])


def cast_to(dtype: torch.dtype | None) -> str:
    return f"a cast to {str(dtype).removeprefix('torch.')}"


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
        for operation in _count_users(outputs):
            if operation.flaw:
                raise refused(operation, operation.flaw)
        return Graph(image, outputs)

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
                    self.values[node] = Weight(spec.target, value.detach(), tuple(value.shape))

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
            operation = Operation(name, arguments, inputs, shape, dtype, module)
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
            if cast or name == "expand" or (name in _VIEWS and whole):
                return Weight(weight.name, weight.value, shape, weight.standardized)
            if name == "batch_norm" and _standardizes(arguments, weight):
                return Weight(weight.name, weight.value, shape, standardized=True)
        return Formula(name, arguments, shape)


def _standardizes(arguments: dict[str, Any], weight: Weight) -> bool:
    """Whether a batch norm of filters, as rows, is what the language standardizes them with."""
    rows = weight.shape[:2] == (1, len(weight.value))
    bare = all(arguments[key] is None for key in ("weight", "bias", "running_mean"))
    return rows and bare and arguments["training"] is True and arguments["eps"] == 1e-8


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
