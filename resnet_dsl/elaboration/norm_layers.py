"""Which layer is a norm? That of the settings, or one that a term names."""

from __future__ import annotations

from math import gcd
from typing import assert_never

from resnet_dsl import ir
from resnet_dsl.elaboration.draft import NOTHING, Draft, Origin, Piece, piece
from resnet_dsl.elaboration.reasons import AddedNorm, Reason
from resnet_dsl.ir import Layer
from resnet_dsl.language.spec import (
    NORMS,
    AnyNorm,
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Settings,
)
from resnet_dsl.notation import terms


def norm_of(
    draft: Draft, settings: Settings, channels: int, origin: Origin, *reasons: Reason
) -> Piece:
    """The norm of the settings, if there is one."""
    norm = settings.norm
    if norm == "none":
        return NOTHING
    return piece(
        _norm(draft, norm, channels, origin, draft.common_width),
        *(reasons or (AddedNorm(norm.kind),)),
    )


def own_norm(
    draft: Draft, term: terms.Norm, settings: Settings, channels: int, origin: Origin
) -> Layer:
    """The norm that a term names; `norm` is that of the settings."""
    origin = origin._replace(at=term.at)
    if term.kind is not None:
        return _norm(draft, _named(term), channels, origin)
    if settings.norm == "none":
        help = "name a norm: batch norm"
        draft.fault("order", "'norm' here, and the key norm is none", origin, help=help)
        return ir.Identity()
    return _norm(draft, settings.norm, channels, origin, draft.common_width)


def inner_norm(term: terms.Norm | None, channels: int, *, of_vectors: bool) -> ir.BatchNorm | None:
    """The batch norm inside an attention."""
    if term is None:
        return None
    norm = _named(term)
    assert isinstance(norm, BatchNorm)
    return _batch_norm(norm, channels, of_vectors=of_vectors)


def _named(term: terms.Norm) -> AnyNorm:
    """The norm that a term names, with its numbers."""
    assert term.kind is not None
    numbers = {key: getattr(term, key) for key in ("groups", "eps", "momentum", "affine")}
    given = {key: value for key, value in numbers.items() if value is not None}
    norm: AnyNorm = NORMS[term.kind](**given)
    return norm


def _batch_norm(norm: BatchNorm, channels: int, *, of_vectors: bool) -> ir.BatchNorm:
    momentum = None if norm.momentum == "cumulative" else float(norm.momentum)
    return ir.BatchNorm(
        channels=channels,
        eps=norm.eps,
        momentum=momentum,
        affine=norm.affine,
        of_vectors=of_vectors,
    )


def _norm(
    draft: Draft, norm: AnyNorm, channels: int, origin: Origin, others: int = 0
) -> ir.AnyNorm:
    """A norm of so many channels; what divides `others` as well fits all norms of the spec."""
    of_vectors = isinstance(draft.size, ir.Vector)
    match norm:
        case BatchNorm():
            return _batch_norm(norm, channels, of_vectors=of_vectors)
        case InstanceNorm(eps=eps, affine=affine):
            return ir.InstanceNorm(channels=channels, eps=eps, affine=affine)
        case LayerNorm(eps=eps):
            return ir.LayerNorm(channels=channels, eps=eps, of_vectors=of_vectors)
        case GroupNorm(groups=groups, eps=eps):
            groups = _norm_groups(draft, channels, groups, origin, others)
            return ir.GroupNorm(channels=channels, groups=groups, eps=eps)
        case EvoNorm(groups=groups, eps=eps):
            groups = _norm_groups(draft, channels, groups, origin, others)
            return ir.EvoNorm(channels=channels, groups=groups, eps=eps)
        case FilterResponseNorm(eps=eps):
            return ir.FilterResponseNorm(channels=channels, eps=eps)
        case _:
            assert_never(norm)


def _norm_groups(draft: Draft, channels: int, groups: int, origin: Origin, others: int) -> int:
    """A norm's groups, where they divide the channels."""
    if channels % groups == 0:
        return groups
    draft.fault(
        "cardinality",
        f"{channels} channels do not divide into the norm's {groups} groups",
        origin,
        help=_dividing(gcd(channels, others), groups),
    )
    return 1


def _dividing(width: int, groups: int) -> str:
    if width == 1:
        return "no number of groups divides all widths: write norm: batch, or other widths"
    return f"groups must divide {width}: {near_divisors(width, groups)}"


def near_divisors(number: int, groups: int) -> str:
    """The divisors of a number that are nearest to another one, for messages."""
    divisors = [d for d in range(1, min(number, 4096) + 1) if number % d == 0]
    *near, last = map(str, sorted(sorted(divisors, key=lambda d: abs(d - groups))[:3]))
    return f"{', '.join(near)} or {last}" if near else last
