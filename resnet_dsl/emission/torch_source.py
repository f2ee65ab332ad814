"""A network as PyTorch source: classes for its blocks, and one for the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from resnet_dsl.emission.definitions import Definition, Definitions
from resnet_dsl.emission.drawn_weights import drawing_lines
from resnet_dsl.emission.expressions import (
    Call,
    Code,
    Symbol,
    lines,
    literal,
    with_values,
)
from resnet_dsl.emission.forwards import MARGIN, forward_lines
from resnet_dsl.emission.names import class_docstring, definition_names, function_docstring
from resnet_dsl.emission.own_layers import own_layer
from resnet_dsl.emission.parameters import Parameter
from resnet_dsl.emission.resolved import Resolver
from resnet_dsl.emission.torch_layers import torch_layer
from resnet_dsl.folds.interface import Number, Numbers, interface
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import Naming, named
from resnet_dsl.naming.module_tree import CallAuxiliary, Member

_HEADING: Final = ("import torch", "from torch import Tensor, nn")


def torch_source(
    network: Network, init: Init, description: Sequence[str], naming: Naming = "torchvision"
) -> str:
    """The source of a network, with a description as the docstring of its module."""
    numbers, chosen, _ = interface(network)
    layers = _Layers(numbers)
    definitions = Definitions(network, named(network, naming), layers.call)
    resolver = Resolver(definitions, definition_names(definitions))
    root = definitions.by_key[definitions.root.function]
    blocks = [d for d in definitions.by_key.values() if d is not root and not resolver.inlined(d)]
    written = [_definition_lines(each, resolver) for each in blocks]
    drawn = drawing_lines(network, init, naming, definitions, resolver.names)
    written.append(_network_lines(root, resolver, chosen, drawn))
    body = [*layers.sources.values(), *("\n".join(each) + "\n" for each in written)]
    used = "\n".join(body)
    imports = [line for line in _HEADING if line != "import torch" or "torch." in used]
    heading = [*docstring(description), "", *imports]
    return "\n\n\n".join(["\n".join(heading), *(text.rstrip("\n") for text in body)]) + "\n"


class _Layers:
    """The constructors of layers, and the classes of those that PyTorch lacks, each once."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self.sources: dict[str, str] = {}

    def call(self, member: Member) -> Call:
        """The constructor of a member's layer."""
        own = own_layer(member.leaf)
        call = torch_layer(member.leaf, in_place=member.in_place)
        if own is not None:
            call = call._replace(function=self._name(own.call.function, own.source))
        symbols = {
            field: Symbol(name) for field, name in self._numbers.get(member.paths[0], {}).items()
        }
        changed = with_values(
            call, lambda value: value._replace(value=symbols.get(value.role, value.value))
        )
        assert isinstance(changed, Call)
        return changed

    def _name(self, name: str, source: str) -> str:
        """The class with this source; classes of one name get numbers."""
        number = 1
        while True:
            own = name if number == 1 else f"{name}{number}"
            text = source.replace(f"class {name}(", f"class {own}(", 1)
            if self.sources.setdefault(own, text) == text:
                return own
            number += 1


def docstring(text: Sequence[str]) -> list[str]:
    """A text as the docstring of a module."""
    safe = [line.replace("\\", "\\\\").replace('"""', r"\"\"\"").rstrip() for line in text]
    if safe[0].startswith('"'):
        safe[0] = f"\\{safe[0]}"
    return [f'"""{safe[0]}', *safe[1:], '"""']


def _definition_lines(definition: Definition, resolver: Resolver) -> list[str]:
    name = resolver.names[definition.key]
    parameters = resolver.parameters[definition.key].parameters
    if definition.is_function:
        return _function_lines(definition, name, resolver)
    arguments = [*map(_declared, parameters)]
    if definition.passed and any(definition.passes):
        kind = "nn.Module | None = None" if definition.optional else "nn.Module"
        passed = f"{definition.passed}: {kind}"
        required = [p for p in parameters if p.default is ...]
        arguments.insert(len(arguments) if definition.optional else len(required), passed)
    body = _assignments(definition, resolver)
    optional = definition.passed if definition.optional else None
    forward = forward_lines(resolver.program(definition), definition.begins, optional)
    return [
        f"class {name}(nn.Module):",
        *class_docstring(definition),
        "",
        *_signature("def __init__", ["self", *arguments], "None"),
        *body,
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        *forward,
    ]


def _function_lines(definition: Definition, name: str, resolver: Resolver) -> list[str]:
    ((_, content),) = resolver.assignments(definition)
    assert isinstance(content, Call)
    is_row, is_chain = content.function == "", content.function == "nn.Sequential"
    gives = "tuple[nn.Module, ...]" if is_row else content.function if is_chain else "nn.Module"
    arguments = [*map(_declared, resolver.parameters[definition.key].parameters)]
    signature = Call(f"def {name}", tuple(map(Code, arguments)))
    return [
        *lines(signature, "", f" -> {gives}:"),
        *function_docstring(definition),
        *lines(content, "return ", "", 4),
    ]


def _network_lines(
    root: Definition, resolver: Resolver, defaults: dict[Number, int], drawn: Sequence[str]
) -> list[str]:
    arguments = ["self", *(f"{name}: int = {default}" for name, default in defaults.items())]
    program = resolver.program(root)
    count = sum(isinstance(step, CallAuxiliary) for step in program)
    outputs = ", ".join(["Tensor"] * (1 + count))
    gives = f"Tensor | tuple[{outputs}]" if count else "Tensor"
    return [
        f"class {resolver.names[root.key]}(nn.Module):",
        *class_docstring(root),
        "",
        *_signature("def __init__", arguments, "None"),
        *_assignments(root, resolver),
        *(MARGIN + line for line in drawn),
        "",
        f"    def forward(self, x: Tensor) -> {gives}:",
        *forward_lines(program, root.begins),
    ]


def _signature(function: str, arguments: Sequence[str], gives: str) -> list[str]:
    return lines(Call(function, tuple(map(Code, arguments))), "", f" -> {gives}:", 4)


def _declared(parameter: Parameter) -> str:
    text = f"{parameter.name}: {parameter.type}"
    return text if parameter.default is ... else f"{text} = {literal(parameter.default)}"


def _assignments(definition: Definition, resolver: Resolver) -> list[str]:
    """The statements of a constructor, in the order of registration; what draws its weights before
    a child that is registered earlier is made before that child."""
    assignments = list(resolver.assignments(definition))
    if definition.passed and any(definition.passes):
        place = definition.passed_at if definition.passed_at is not None else len(assignments)
        assignments.insert(place, (definition.passed, Code(definition.passed)))
    text = [MARGIN + "super().__init__()"]
    early = dict(_created_early([name for name, _ in assignments], definition))
    values = dict(assignments)
    for name, value in assignments:
        for other in [key for key, before in early.items() if before == name]:
            text += lines(values[other], f"{other} = ", "", 8)
        content = Code(name) if name in early else value
        if name.isidentifier():
            text += lines(content, f"self.{name} = ", "", 8)
        else:
            text += lines(Call("self.add_module", (Code(literal(name)), content)), "", "", 8)
    return text


def _created_early(names: Sequence[str], definition: Definition) -> Iterator[tuple[str, str]]:
    """Children that draw weights before one that is registered before them, and that one."""
    created = definition.created
    for i, name in enumerate(names):
        later = [
            other
            for other in names[:i]
            if name in created and created.get(other, -1) > created[name]
        ]
        if later:
            yield name, later[0]
