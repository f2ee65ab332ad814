"""Activations as values of keys: a kind alone, or a mapping with its number.

Annotations are values here: no `from __future__ import annotations`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic_core import PydanticCustomError
from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.diagnostics import Fix, nearest
from resnet_dsl.language.validation import Definitions
from resnet_dsl.notation.parse_options import NUMBERED, NotationError, parse_activation
from resnet_dsl.notation.terms import Activation, ActivationKind

ActivationValue: TypeAlias = ActivationKind | Activation
"""A kind alone, where its number is PyTorch's; otherwise an `Activation`."""

ACTIVATIONS: Final[tuple[str, ...]] = tuple(
    kind for alias in get_args(ActivationKind) for kind in (get_args(alias) or (alias,))
)


def activation_value(activation: Activation) -> ActivationValue:
    """An activation as it is written in a spec, in one form.

    >>> activation_value(Activation(kind="relu"))
    'relu'
    """
    plain = activation.number is None and not activation.shared
    return activation.kind if plain else activation


def activation_term(value: ActivationValue) -> Activation:
    """The activation of a value."""
    return value if isinstance(value, Activation) else Activation(kind=value)


def activation_mapping(activation: Activation) -> dict[str, object]:
    """An activation with its number, as a spec writes it.

    >>> activation_mapping(Activation(kind="leaky_relu", number=0.1))
    {'kind': 'leaky_relu', 'slope': 0.1}
    """
    numbers: dict[str, object] = {"shared": True} if activation.shared else {}
    if activation.number is not None:
        numbers[NUMBERED[activation.kind]] = activation.number
    return {"kind": activation.kind, **numbers}


class _ActivationField:
    """An activation by its kind, as `leaky_relu 0.1`, or as a mapping; and other `words`."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def schema(self, _: Definitions) -> CoreSchema:
        """A schema that reads all forms."""
        return core.no_info_plain_validator_function(
            self._read,
            metadata={"pydantic_js_functions": [lambda _schema, _handler: self._json_schema()]},
        )

    def _read(self, data: object) -> object:
        if isinstance(data, str) and data in self.words:
            return data
        activation = _activation(data)
        if activation is None:
            message, help = self._fault(data)
            meant = _meant(data) if isinstance(data, str) else None
            help = f"write {meant}" if meant else help
            fix = Fix(meant) if meant else None
            facts = {"message": message, "error": NotationError(message, None, help, "value", fix)}
            raise PydanticCustomError("refused", "{message}", facts)
        return activation_value(activation)

    def _fault(self, data: object) -> tuple[str, str]:
        """What is wrong with a value, and the fix."""
        kind = data.get("kind") if isinstance(data, Mapping) else data
        named = parse_activation(kind) if isinstance(kind, str) else None
        if isinstance(data, Mapping) and named is not None:
            number = "shared" if named.kind == "prelu" else NUMBERED.get(named.kind)
            help = f"it takes {number}" if number else "it takes no number"
            given = ", ".join(str(key) for key in data if key != "kind")
            return f"{named.kind} with {given}", help
        shown = "nothing" if data is None else "a mapping" if kind is None else repr(kind)[:40]
        return f"{shown} is not an activation", self._help(kind)

    def _help(self, data: object) -> str:
        known = [*self.words, *ACTIVATIONS]
        guess = nearest(data, known) if isinstance(data, str) else None
        return f"did you mean {guess!r}?" if guess else f"expected {', '.join(known)}"

    def _json_schema(self) -> dict[str, Any]:
        numbers = {name: {"type": "number"} for name in sorted(set(NUMBERED.values()))}
        keys = {"kind": {"enum": list(ACTIVATIONS)}, **numbers, "shared": {"type": "boolean"}}
        mapping = {"properties": keys, "required": ["kind"], "additionalProperties": False}
        words = {"enum": [*self.words, *ACTIVATIONS, "swish"]}
        numbered = {"type": "string", "pattern": rf"^({'|'.join(NUMBERED)}) |^shared prelu$"}
        return {"anyOf": [words, {"type": "object", **mapping}, numbered]}


def _meant(text: str) -> str | None:
    """The activation that a text of another library is."""
    from resnet_dsl.notation.layer_spellings import respelled  # texts are right more often

    plain = re.sub(r"[()=]+|slope|alpha|negative_slope", " ", text[:60])
    for each in (plain.strip().lower(), *respelled(plain)):
        each = " ".join(each.split())
        if each != text and parse_activation(each):
            return each
    return None


def _activation(data: object) -> Activation | None:
    if isinstance(data, Activation):
        return data
    if isinstance(data, str):
        return parse_activation(data)
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        return None
    given = {key: value for key, value in data.items() if key != "kind"}
    activation = parse_activation(data["kind"])
    if activation is None or activation.number is not None or activation.shared:
        return None
    if activation.kind == "prelu" and set(given) <= {"shared"}:
        shared = given.get("shared", False)
        return Activation(kind="prelu", shared=shared) if isinstance(shared, bool) else None
    if set(given) - {NUMBERED.get(activation.kind, "")}:
        return None
    number = next(iter(given.values()), None)
    if isinstance(number, bool) or not isinstance(number, int | float | None):
        return None
    return Activation(kind=activation.kind, number=None if number is None else float(number))


ActivationField = Annotated[ActivationValue, _ActivationField()]
AfterField = Annotated[ActivationValue | Literal["none"], _ActivationField("none")]
