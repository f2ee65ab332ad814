"""The texts of norms and of attention to their terms."""

from __future__ import annotations

import re
from typing import Any, Final

from resnet_dsl.notation.parse_options import NotationError, OptionText, positive, read_options
from resnet_dsl.notation.terms import (
    At,
    EfficientChannelAttention,
    HeadLayer,
    Norm,
    SpatialAttention,
    SqueezeExcite,
)


def parse_norm(match: re.Match[str], _at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    """`norm`, or a norm with a kind and options."""
    allowed = {
        "batch": ("eps", "momentum", "affine"),
        "group": ("groups", "eps"),
        "instance": ("eps", "affine"),
        "layer": ("eps",),
        "evonorm": ("groups", "eps"),
        "filter response": ("eps",),
    }
    kind: Any = re.sub(r"\s+", " ", match[1].strip().lower()) if match[1] else None
    options = read_options(rest, allowed[kind] if kind else ())
    for key, largest in (("eps", 1), ("momentum", 1)):
        value = options.get(key, 0)
        if isinstance(value, float) and not 0 <= value <= largest:
            raise NotationError(f"{key} {value:g}", whole, help=f"{key} is between 0 and 1")
    return Norm(
        kind=kind,
        groups=options.get("groups"),
        eps=options.get("eps"),
        momentum=options.get("momentum"),
        affine=options.get("affine"),
        at=whole,
    )


_INNER: Final = ("norm", "eps", "momentum")


def _inner_norm(options: dict[str, Any], at: At) -> Norm | None:
    """The batch norm inside an attention."""
    if not options.get("norm"):
        if given := [key for key in ("eps", "momentum") if key in options]:
            raise NotationError(f"{given[0]} of no norm", at, help="write norm as well")
        return None
    return Norm(kind="batch", eps=options.get("eps"), momentum=options.get("momentum"))


def parse_se(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    """`se 16`, or `se /16`."""
    options = read_options(rest, ("fc", "bias", *_INNER, "activation", "gate", "max pool"))
    if match[2] is None:
        raise NotationError(f"{match[0]!r} without its number", at, help="write se 16, or se /16")
    number = positive(match[2], at, "hidden channels")
    activation = options.get("activation")
    kind: Any = getattr(activation, "kind", "relu")
    if activation == "linear" or kind == "prelu" or getattr(activation, "number", None) is not None:
        raise NotationError("se takes an activation without a number", whole, help="se 16, silu")
    return SqueezeExcite(
        hidden=None if match[1] else number,
        ratio=number if match[1] else None,
        fc="fc" in options,
        bias=options.get("bias", True),
        norm=_inner_norm(options, whole),
        activation=kind,
        gate=options.get("gate", "sigmoid"),
        max_pool="max pool" in options,
        at=whole,
    )


def parse_eca(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    """`eca 5`."""
    read_options(rest, ())
    return EfficientChannelAttention(kernel=_odd_kernel(match, at, "eca"), at=whole)


def parse_spatial(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    """`spatial attention 7`."""
    options = read_options(rest, ("bias", *_INNER, "max first"))
    return SpatialAttention(
        kernel=_odd_kernel(match, at, "spatial attention"),
        bias=options.get("bias", False),
        norm=_inner_norm(options, whole),
        max_first="max first" in options,
        at=whole,
    )


def _odd_kernel(match: re.Match[str], at: At, name: str) -> int:
    if match[1] is None:
        raise NotationError(f"{match[0]!r} without its number", at, help=f"write {name} 3")
    kernel = positive(match[1], at, "pixels in a kernel")
    if kernel % 2 == 0:
        raise NotationError(f"{match[0]!r}", at, help=f"its kernel is odd: {name} 3")
    return kernel
