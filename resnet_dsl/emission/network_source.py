"""A network as source code: classes for its blocks, and one for the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from resnet_dsl.emission.definitions import Definition, Definitions
from resnet_dsl.emission.dialects import Dialect
from resnet_dsl.emission.expressions import (
    Call,
    Code,
    Symbol,
    lines,
    literal,
    values,
    with_values,
)
from resnet_dsl.emission.forwards import MARGIN, forward_lines
from resnet_dsl.emission.names import class_docstring, definition_names, function_docstring
from resnet_dsl.emission.own_layers import OwnLayer
from resnet_dsl.emission.parameters import Parameter
from resnet_dsl.emission.resolved import Resolver
from resnet_dsl.folds.interface import Numbers, interface
from resnet_dsl.ir import Network
from resnet_dsl.naming import Naming, named
from resnet_dsl.naming.module_tree import CallAuxiliary, Member

LayerOf = Callable[[Member], OwnLayer]
"""The constructor of a member's layer, and the source of its class where a framework lacks it."""
Closing = Callable[[Definitions, Mapping[str, str]], Sequence[str]]
"""The last lines of the network's constructor, given the names of definitions by key."""


class Emitter:
    """The source of a network in a dialect: its classes, its layers, and what stands around."""

    def __init__(
        self, network: Network, naming: Naming, dialect: Dialect, layer_of: LayerOf
    ) -> None:
        numbers, self._chosen, _ = interface(network)
        self._dialect = dialect
        self._layers = _Layers(numbers, layer_of)
        tree = named(network, naming)
        self._definitions = Definitions(network, tree, self._layers.call, dialect)
        self._resolver = Resolver(self._definitions, definition_names(self._definitions))

    def source(
        self,
        description: Sequence[str],
        closing: Closing = lambda *_: (),
        helpers: Mapping[str, str] | None = None,
        methods: Sequence[str] = (),
        statements: Sequence[str] = (),
    ) -> str:
        """The text, with a description as the docstring of its module.

        `helpers` are functions by what calls them: those that are called are written. `methods`
        are lines of the network's class, and `statements` begin its method that computes.
        """
        definitions, resolver = self._definitions, self._resolver
        root = definitions.by_key[definitions.root.function]
        blocks = [d for d in definitions.by_key.values() if d is not root]
        written = [
            _definition_lines(each, resolver, self._dialect)
            for each in blocks
            if not resolver.inlined(each)
        ]
        closed = closing(definitions, resolver.names)
        written.append(self._network_lines(root, closed, methods, statements))
        body = [*self._layers.sources.values(), *("\n".join(each) + "\n" for each in written)]
        used = "\n".join(body)
        body = [text for call, text in (helpers or {}).items() if call in used] + body
        heading = [*docstring(description), "", *self._imports("\n".join(body))]
        return "\n\n\n".join(["\n".join(heading), *(text.rstrip("\n") for text in body)]) + "\n"

    def _imports(self, body: str) -> Iterator[str]:
        """The imports that are used: `import torch` only where `torch.` is."""
        for line in self._dialect.imports:
            if not line.startswith("import ") or f"{line.removeprefix('import ')}." in body:
                yield line

    def _network_lines(
        self,
        root: Definition,
        closing: Sequence[str],
        methods: Sequence[str],
        statements: Sequence[str],
    ) -> list[str]:
        resolver, dialect = self._resolver, self._dialect
        known = self._layers.symbols
        chosen = {name: value for name, value in self._chosen.items() if name in known}
        arguments = ["self", *(f"{name}: int = {default}" for name, default in chosen.items())]
        if dialect.options:
            arguments.append(dialect.options)
        program = resolver.program(root)
        count = sum(isinstance(step, CallAuxiliary) for step in program)
        outputs = ", ".join(["Tensor"] * (1 + count))
        gives = f"Tensor | tuple[{outputs}]" if count else "Tensor"
        return [
            f"class {resolver.names[root.key]}({dialect.network}):",
            *class_docstring(root),
            "",
            *_signature("def __init__", arguments, "None"),
            *_assignments(root, resolver, dialect, dialect.options or ""),
            *(f"{MARGIN}self.{name} = {name}" for name in chosen if dialect.options),
            *(MARGIN + line for line in closing),
            "",
            *(_kept(chosen) if dialect.options and chosen else ()),
            *methods,
            f"    {dialect.root_method.format(gives)}",
            *statements,
            *forward_lines(program, root.begins, dialect),
        ]


class _Layers:
    """The constructors of layers, and the classes of those that a framework lacks, each once."""

    def __init__(self, numbers: Numbers, layer_of: LayerOf) -> None:
        self._numbers, self._layer_of = numbers, layer_of
        self.sources: dict[str, str] = {}
        self.symbols: set[str] = set()
        """The numbers of the network's user that its layers are given."""

    def call(self, member: Member) -> Call:
        """The constructor of a member's layer."""
        call, source = self._layer_of(member)
        if source:
            call = call._replace(function=self._name(call.function, source))
        fields = self._numbers.get(member.paths[0], {})
        symbols = {field: Symbol(name) for field, name in fields.items()}
        roles = {value.role for value in values(call)}
        self.symbols |= {fields[role] for role in roles if role in fields}
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


def _definition_lines(definition: Definition, resolver: Resolver, dialect: Dialect) -> list[str]:
    name = resolver.names[definition.key]
    parameters = resolver.parameters[definition.key].parameters
    if definition.is_function:
        return _function_lines(definition, name, resolver, dialect)
    arguments = [*map(_declared, parameters)]
    if definition.passed and any(definition.passes):
        kind = f"{dialect.module} | None = None" if definition.optional else dialect.module
        passed = f"{definition.passed}: {kind}"
        required = [p for p in parameters if p.default is ...]
        arguments.insert(len(arguments) if definition.optional else len(required), passed)
    body = _assignments(definition, resolver, dialect)
    optional = definition.passed if definition.optional else None
    forward = forward_lines(resolver.program(definition), definition.begins, dialect, optional)
    return [
        f"class {name}({dialect.module}):",
        *class_docstring(definition),
        "",
        *_signature("def __init__", ["self", *arguments], "None"),
        *body,
        "",
        f"    {dialect.method.format('Tensor')}",
        *forward,
    ]


def _function_lines(
    definition: Definition, name: str, resolver: Resolver, dialect: Dialect
) -> list[str]:
    ((_, content),) = resolver.assignments(definition)
    assert isinstance(content, Call)
    is_row, is_chain = content.function == "", content.function == dialect.sequential
    gives = f"tuple[{dialect.module}, ...]" if is_row else dialect.module
    gives = dialect.chain if is_chain else gives
    arguments = [*map(_declared, resolver.parameters[definition.key].parameters)]
    signature = Call(f"def {name}", tuple(map(Code, arguments)))
    return [
        *lines(signature, "", f" -> {gives}:"),
        *function_docstring(definition),
        *lines(content, "return ", "", 4),
    ]


def _signature(function: str, arguments: Sequence[str], gives: str) -> list[str]:
    return lines(Call(function, tuple(map(Code, arguments))), "", f" -> {gives}:", 4)


def _declared(parameter: Parameter) -> str:
    text = f"{parameter.name}: {parameter.type}"
    return text if parameter.default is ... else f"{text} = {literal(parameter.default)}"


def _kept(numbers: Iterable[str]) -> Iterator[str]:
    """The method by which Keras learns the arguments of a network that it saves."""
    pairs = ", ".join(f'"{name}": self.{name}' for name in numbers)
    yield "    def get_config(self) -> dict:"
    yield f"        return {{**super().get_config(), {pairs}}}"
    yield ""


def _assignments(
    definition: Definition, resolver: Resolver, dialect: Dialect, options: str = ""
) -> list[str]:
    """The statements of a constructor, in the order of registration; what draws its weights before
    a child that is registered earlier is made before that child."""
    assignments = list(resolver.assignments(definition))
    if definition.passed and any(definition.passes):
        place = definition.passed_at if definition.passed_at is not None else len(assignments)
        assignments.insert(place, (definition.passed, Code(definition.passed)))
    text = [MARGIN + f"super().__init__({options})"]
    early = dict(_created_early([name for name, _ in assignments], definition))
    values = dict(assignments)
    for name, value in assignments:
        for other in [key for key, before in early.items() if before == name]:
            text += lines(values[other], f"{other} = ", "", 8)
        content = Code(name) if name in early else value
        if name.isidentifier():
            text += lines(content, f"self.{name} = ", "", 8)
        else:
            function, first, _ = dialect.assigned
            call = Call(function, (*first, Code(literal(name)), content))
            text += lines(call, "", "", 8)
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
