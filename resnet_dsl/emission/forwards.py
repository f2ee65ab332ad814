"""The program of a scope as the statements of its `forward`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Final

from resnet_dsl.emission.dialects import Dialect
from resnet_dsl.emission.expressions import WIDTH
from resnet_dsl.naming.module_tree import (
    Add,
    Call,
    CallAuxiliary,
    Concat,
    FlattenStep,
    Keep,
    Program,
    Step,
)

MARGIN: Final = " " * 8
_VARIABLES: Final = ("x", "out", "inner")


def _variable(depth: int) -> str:
    """The variable of a program that is so many additions and concatenations deep."""
    return _VARIABLES[depth] if depth < len(_VARIABLES) else f"inner{depth}"


def attribute(name: str, dialect: Dialect, owner: str = "self") -> str:
    """A child by its name: `self.conv1`.

    >>> from resnet_dsl.emission.dialects import TORCH
    >>> attribute("conv1", TORCH), attribute("layer1.0", TORCH)
    ('self.conv1', 'self.get_submodule("layer1.0")')
    """
    if name.isidentifier() and not iskeyword(name):
        return f"{owner}.{name}"
    return dialect.child.format(owner, name)


def forward_lines(
    program: Program,
    begins: Callable[[str], bool],
    dialect: Dialect,
    optional: str | None = None,
) -> list[str]:
    """The statements of a method that runs a program on `x`.

    `begins` says whether a child starts a line of its own, as convolutions do; `optional` is the
    child that may be None.
    """
    forward = _Forward(begins, optional, dialect)
    value = forward.run(program, "x", 0)
    auxiliaries = [step.name for step in program if isinstance(step, CallAuxiliary)]
    if auxiliaries:
        value = forward.assigned("x", value)
        present = " and ".join(f"{name} is not None" for name in auxiliaries)
        outputs = ", ".join([value, *reversed(auxiliaries)])
        forward.lines += [f"if {present}:", f"    return {outputs}", f"return {value}"]
    elif dialect.result is None or value.isidentifier() or value.startswith("torch."):
        forward.lines.append(f"return {value}")
    else:
        forward.lines += [dialect.result.format(value), "return result"]
    return [MARGIN + line for line in forward.lines]


@dataclass(slots=True)
class _Forward:
    begins: Callable[[str], bool]
    optional: str | None
    dialect: Dialect
    lines: list[str] = field(default_factory=list)

    def run(self, program: Program, value: str, depth: int) -> str:
        """Write what a program does to a value, and give the expression of its result.

        Variables are reassigned but for the value itself, where it is of an outer program.
        """
        given, variable = value, _variable(depth)
        for i, step in enumerate(program):
            if self._starts_line(program, i) and value != given:
                value = self.assigned(variable, value)
            match step:
                case Call(name):
                    value = self._called(name, value, variable)
                case FlattenStep():
                    value = self.dialect.flattened.format(value)
                case Add():
                    value = self._added(step, self.assigned(variable, value), depth)
                case Concat():
                    value = self._joined(step, self.assigned(variable, value), depth)
                case CallAuxiliary(name):
                    value = self.assigned(variable, value)
                    call = f"{self._child(name)}({value})"
                    self.lines.append(f"{name}: Tensor | None = {call} if self.training else None")
                case Keep():
                    raise AssertionError("source has no feature outputs")
        return value

    def _child(self, name: str) -> str:
        return attribute(name, self.dialect)

    def assigned(self, variable: str, value: str) -> str:
        """A value as a variable."""
        if value.isidentifier():
            return value
        self.lines.append(f"{variable} = {value}")
        return variable

    def _starts_line(self, program: Program, i: int) -> bool:
        """Before a convolution, or after it where norm and activation come first."""
        if not isinstance(program[i], Call) or i == 0:
            return i > 0 and isinstance(program[i], FlattenStep)
        leads = self._begins(program[0])
        return self._begins(program[i] if leads else program[i - 1])

    def _begins(self, step: Step) -> bool:
        return not isinstance(step, Call) or self.begins(step.name)

    def _called(self, name: str, value: str, variable: str) -> str:
        text = f"{self._child(name)}({value})"
        if len(f"{MARGIN}result: Tensor = {text}") > WIDTH and not value.isidentifier():
            text = f"{self._child(name)}({self.assigned(variable, value)})"
        return text

    def _added(self, step: Add, value: str, depth: int) -> str:
        """The body first: so it is computed, and so draws are made."""
        body = self.run(step.body, value, depth + 1)
        match step.shortcut:
            case ():
                return f"{self.assigned(_variable(depth + 1), body)} + {value}"
            case (Call(name),) if name == self.optional:
                body = self.assigned(_variable(depth + 1), body)
                child = self._child(name)
                shortcut = f"{value} if {child} is None else {child}({value})"
            case (Call(name),):
                body = self.assigned(_variable(depth + 1), body)
                return f"{body} + {self._child(name)}({value})"
            case _:
                body = self.assigned(_variable(depth + 1), body)
                shortcut = self.run(step.shortcut, value, depth + 2)
        name = "shortcut" if depth == 0 else f"shortcut{depth + 1}"
        return f"{body} + {self.assigned(name, shortcut)}"

    def _joined(self, step: Concat, value: str, depth: int) -> str:
        branches = []
        for number, branch in enumerate(step.branches, 1):
            before = len(self.lines)
            result = self.run(branch, value, depth + 1)
            if len(self.lines) > before:  # its variable is used again by the next branch
                self.lines.append(f"branch{number} = {result}")
                result = f"branch{number}"
            branches.append(result)
        text = self.dialect.concatenated.format(f"[{', '.join(branches)}]")
        if len(MARGIN + text) + len("return ") <= WIDTH:
            return text
        self.lines += ["branches = [", *(f"    {branch}," for branch in branches), "]"]
        return self.dialect.concatenated.format("branches")
