"""Definitions with their parameters: what is written in the body of each, and where it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from resnet_dsl.emission.definitions import Definition, Definitions
from resnet_dsl.emission.expressions import (
    NONE,
    Call,
    Code,
    Expression,
    Keyword,
    Repeated,
    Value,
    with_values,
)
from resnet_dsl.emission.parameters import parameters_of
from resnet_dsl.naming.module_tree import Add, Program


class Resolver:
    """Calls with just the arguments that their definition has as parameters."""

    def __init__(self, definitions: Definitions, names: Mapping[str, str]) -> None:
        self._definitions = definitions
        self.names = names
        """What each definition is called, by its key."""
        self.parameters = {key: parameters_of(each) for key, each in definitions.by_key.items()}

    def inlined(self, definition: Definition) -> bool:
        """Whether a function is used once, and so written where it is used."""
        return definition.is_function and len(definition.instances) == 1

    def assignments(self, definition: Definition) -> Iterator[tuple[str, Expression]]:
        """The children that a constructor makes, or what a function gives."""
        is_root = definition.key == self._definitions.root.function
        numbers = definition.instances[0] if is_root else self.parameters[definition.key].numbers
        remaining = iter(numbers)
        for name, value in definition.assignments:
            yield name, self._resolved(with_values(value, lambda _: next(remaining)))

    def program(self, definition: Definition) -> Program:
        """The program of a class; no shortcut is called where no instance has one."""
        if definition.passed is None or any(definition.passes):
            return definition.program
        return tuple(
            replace(step, shortcut=()) if isinstance(step, Add) else step
            for step in definition.program
        )

    def _resolved(self, expression: Expression) -> Expression:
        match expression:
            case Call(function) if function in self._definitions.by_key:
                return self._call(expression, self._definitions.by_key[function])
            case Call(function, positional, keywords):
                return Call(
                    function,
                    tuple(map(self._resolved, positional)),
                    tuple(k._replace(value=self._resolved(k.value)) for k in keywords),
                )
            case Repeated(item=item):
                return expression._replace(item=self._resolved(item))
            case Value() | Code():
                return expression

    def _call(self, call: Call, definition: Definition) -> Expression:
        if self.inlined(definition):
            remaining = iter(call.positional)
            body = definition.assignments[0].value
            return self._resolved(with_values(body, lambda _: next(remaining)))
        parameters = self.parameters[definition.key].parameters
        positional = tuple(call.positional[p.place] for p in parameters if not p.by_name)
        by_name = [
            Keyword(p.name, call.positional[p.place], p.default) for p in parameters if p.by_name
        ]
        passed = [
            keyword._replace(value=self._resolved(keyword.value))
            for keyword in call.keywords
            if keyword.value != NONE
        ]
        return Call(self.names[definition.key], positional, (*by_name, *passed))
