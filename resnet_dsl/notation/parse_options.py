"""The options of a layer: comma-separated, an anchored pattern for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias, get_args

from resnet_dsl.diagnostics import Code, Fix
from resnet_dsl.ir import ActKind
from resnet_dsl.notation.terms import Activation, At

LARGEST: Final = 1_000_000
"""No number of a row is larger."""

NUMBER: Final = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
OptionText: TypeAlias = tuple[str, At]


class NotationError(ValueError):
    """A text that is not a row or layer: what is wrong, at which characters, what to write instead,
    and the fix where there is one.

    `unknown_layer` is the text where a layer was expected.
    """

    def __init__(
        self,
        message: str,
        at: At | None = None,
        help: str | None = None,
        code: Code = "row",
        fix: Fix | None = None,
        unknown_layer: str | None = None,
    ) -> None:
        super().__init__(message)
        self.fix = fix
        self.unknown_layer = unknown_layer
        self.message = message
        self.at = at
        self.help = help
        self.code = code


def parses(parse: Callable[[str], object], text: str) -> bool:
    """Whether a text is one that `parse` takes."""
    try:
        parse(text)
    except NotationError:
        return False
    return True


# ---------------------------------------------------------------- activations

OTHER_ACTIVATIONS: Final = {
    "swish": "silu",
    "hard_swish": "hardswish",
    "hswish": "hardswish",
    "hard_sigmoid": "hardsigmoid",
    "hsigmoid": "hardsigmoid",
    "leakyrelu": "leaky_relu",
}
NUMBERED: Final = {"leaky_relu": "slope", "elu": "alpha", "celu": "alpha"}
"""The activations with a hyperparameter, and what it is called."""


def parse_activation(text: str, at: At = (0, 0)) -> Activation | None:
    """The activation of a text; None for other texts.

    >>> parse_activation("swish")
    Activation(kind='silu', number=None, shared=False)
    """
    match = re.fullmatch(rf"(shared\s+)?([a-z][a-z_0-9]*)(?:\s+({NUMBER}))?", text.strip().lower())
    if match is None:
        return None
    kind: Any = OTHER_ACTIVATIONS.get(match[2], match[2])
    shared, number = bool(match[1]), None if match[3] is None else float(match[3])
    if kind == "prelu" and number is None:
        return Activation(kind=kind, shared=shared, at=at)
    if kind not in get_args(ActKind) or shared or (number is not None and kind not in NUMBERED):
        return None
    return Activation(kind=kind, number=number, at=at)


# ---------------------------------------------------------------- options


def _whole(match: re.Match[str], at: At, name: str) -> int:
    return read_number(match[1], at) if name == "pad" else positive(match[1], at, name)


def _float(match: re.Match[str], _at: At, _name: str) -> float:
    return float(match[1])


def _floats(match: re.Match[str], _at: At, _name: str) -> tuple[float, ...]:
    return tuple(map(float, match[1].split()))


def _momentum(match: re.Match[str], _at: At, _name: str) -> float | str:
    return match[1].lower() if match[1][0] in "cC" else float(match[1])


def _gate(match: re.Match[str], at: At, _name: str) -> str:
    activation = parse_activation(match[1])
    if activation is None or activation.kind == "prelu" or activation.number is not None:
        raise NotationError(f"{match[1]!r} is not a gate", at, help="like gate hardsigmoid")
    return activation.kind


def _window(match: re.Match[str], _at: At, _name: str) -> str:
    return match[1].lower() if match[1] else "whole"


class _Option(NamedTuple):
    """An option: its name, its pattern, and how its value is read; a flag has no group."""

    name: str
    pattern: str
    value: Callable[[re.Match[str], At, str], Any] = _whole


OPTIONS: Final = (
    _Option("C", r"C\s*=\s*(\d+)"),
    _Option("stride", r"(?:/|stride\s+)\s*(\d+)"),
    _Option("dilation", r"dilation\s+(\d+)"),
    _Option("pad", r"pad(?:ding)?\s+(\d+)"),
    _Option("bias", r"bias"),
    _Option("no bias", r"no\s+bias"),
    _Option("ceil", r"ceil"),
    _Option("norm", r"norm"),
    _Option("no norm", r"no\s+norm"),
    _Option("linear", r"linear|no\s+activation"),
    _Option("groups", r"groups\s+(\d+)"),
    _Option("eps", rf"eps\s+({NUMBER})", _float),
    _Option("momentum", rf"momentum\s+({NUMBER}|cumulative)", _momentum),
    _Option("affine", r"affine"),
    _Option("no affine", r"no\s+affine"),
    _Option("fc", r"fc"),
    _Option("gate", r"gate\s+([a-z_0-9]+)", _gate),
    _Option("max pool", r"max[ -]?pool"),
    _Option("max first", r"max\s+first"),
    _Option("as window", r"as\s+window(?:\s+of\s+the\s+(height|width))?", _window),
    _Option("mean", rf"mean((?:\s+{NUMBER})+)", _floats),
    _Option("std", rf"std((?:\s+{NUMBER})+)", _floats),
)


def read_options(words: list[OptionText], allowed: tuple[str, ...]) -> dict[str, Any]:
    """The options after a layer's first text; flags are True, negated flags False."""
    options: dict[str, Any] = {}
    for word, at in words:
        key, value = _read_option(word, at)
        if key not in allowed:
            raise NotationError(f"this layer takes no {key!r}", at, help=_listed(allowed))
        if key in options:
            raise NotationError(f"{key!r} is given twice", at, help="give it once")
        options[key] = value
    return options


def _read_option(word: str, at: At) -> tuple[str, Any]:
    for option in OPTIONS:
        flags = re.ASCII if option.name == "C" else re.ASCII | re.IGNORECASE  # c=32 is a slip
        if match := re.fullmatch(option.pattern, word, flags):
            key = option.name.removeprefix("no ")
            if match.groups():
                return key, option.value(match, at, key)
            return ("activation", "linear") if key == "linear" else (key, option.name == key)
    if activation := parse_activation(word, at):
        return "activation", activation
    if example := _LACKING.get(word.lower()):
        raise NotationError(f"{word!r} without its number", at, help=f"write {example}")
    raise NotationError(f"{word!r} is not an option of a layer", at, help=_option_help(word))


_LACKING: Final = {
    **dict.fromkeys(("pad", "padding"), "pad 1, or leave it out for the size to stay"),
    **dict.fromkeys(("/", "stride"), "/2"),
    **dict.fromkeys(("c", "c=", "groups"), "C=32, or groups 32 for a norm"),
    "dilation": "dilation 2",
    "eps": "eps 0.001",
    "momentum": "momentum 0.1",
    "gate": "gate hardsigmoid",
    "mean": "mean 0.5",
    "std": "std 0.5",
}
"""Options without their values, and how they are written whole."""


def _option_help(word: str) -> str:
    if slip := re.fullmatch(r"(?:S|s|stride)\s*[=:]?\s*(\d+)", word):
        return f"a stride is written /{slip[1]}"
    if slip := re.fullmatch(r"(?:c|G|g|groups)\s*[=:]\s*(\d+)", word):
        return f"a cardinality is written C={slip[1]}"
    if slip := re.fullmatch(r"(?:P|p|pad|padding)\s*[=:]\s*(\d+)", word):
        return f"a padding is written pad {slip[1]}"
    if slip := re.fullmatch(r"(?:D|d|dilation)\s*[=:]\s*(\d+)", word):
        return f"a dilation is written dilation {slip[1]}"
    return (
        "options are C=32, /2, dilation 2, pad 3, bias, no bias, no norm, linear, an activation "
        "and, for pools, ceil"
    )


def _listed(allowed: tuple[str, ...]) -> str:
    return f"it takes {', '.join(allowed)}" if allowed else "it takes no options"


# ---------------------------------------------------------------- numbers


def square(height: str, width: str, at: At) -> int:
    """The side of a square window."""
    if int(height[:9]) != int(width[:9]):
        raise NotationError(
            f"a kernel of {height[:9]}x{width[:9]}", at, help="kernels are square: 3x3"
        )
    return positive(height, at, "pixels in a kernel")


def positive(digits: str, at: At, what: str) -> int:
    """A number above 0."""
    number = read_number(digits, at)
    if number == 0:
        message = f"0 is not a number of {what}" if what != "stride" else "a stride of 0"
        raise NotationError(message, at, help="write 1, or more")
    return number


def read_number(digits: str, at: At) -> int:
    """A number that is not too large."""
    if len(digits) > 9 or int(digits) > LARGEST:
        shown = digits if len(digits) < 12 else f"{digits[:9]}..."
        raise NotationError(f"{shown} is too large", at, f"at most {LARGEST:,}", code="limit")
    return int(digits)
