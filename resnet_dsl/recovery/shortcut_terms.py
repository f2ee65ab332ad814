"""What does the shortcut of a block show? The values of the keys that would give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from resnet_dsl import ir
from resnet_dsl.elaboration.shortcuts import PROJECTIONS, ProjectionParts
from resnet_dsl.ir import Layer
from resnet_dsl.language.spec import Norm, default_bias, default_padding
from resnet_dsl.recovery.inferred import BlockContext, Inferred, choices_of
from resnet_dsl.recovery.layer_terms import conv_term, norm_key, weights_of

_CHANNELS: Final = "padding|padding on both sides"
_PADDING: Final = f"{_CHANNELS}|average pool, padding"


def shown_by_shortcut(
    block: ir.Residual, unit: Inferred, stride: int, context: BlockContext, *, needed: bool
) -> Inferred | None:
    """What a shortcut shows beside what its `unit` does; None where no keys give it.

    `needed` says that the language projects here though the shape stays.
    """
    match ir.steps(block.shortcut):
        case ():
            choices = choices_of(shortcut=_PADDING if needed else f"projection|{_PADDING}")
            return Inferred(choices=choices)
        case (ir.PadChannels(before=before),):
            shortcut = "padding on both sides" if before else "padding|average pool, padding"
            return Inferred(choices=choices_of(shortcut=shortcut))
        case (ir.Pool(kernel=1), ir.PadChannels(before=before)):
            shortcut = "padding on both sides" if before else "padding"
            return Inferred(choices=choices_of(shortcut=shortcut))
        case (ir.Pool(kernel=1),):
            return Inferred(choices=choices_of(shortcut=_CHANNELS))
        case (ir.Pool(kind="average", ceil=True),) | (
            ir.Pool(kind="average", ceil=True),
            ir.PadChannels(before=0),
        ):
            return Inferred(choices=choices_of(shortcut="average pool, padding"))
        case steps:
            moves = stride > 1 or context.dilated
            projection = _projection(steps)
            if projection is None or not projection.is_plain or projection.stride != stride:
                return None
            same = stride == 1 and projection.keeps_width and not needed
            shortcut = "always" if same else "projection|always"
            return _shown_by_projection(projection, unit, shortcut, moves=moves)


class _Projection(NamedTuple):
    """A pool, a convolution and a norm."""

    pool: ir.Pool | None
    conv: ir.Conv
    norm: ir.AnyNorm | None

    @property
    def stride(self) -> int:
        return self.conv.stride * (self.pool.stride if self.pool else 1)

    @property
    def is_plain(self) -> bool:
        """Whether its convolution has no groups or padding of its own."""
        term = conv_term(self.conv)
        wide = self.conv.kernel > 1 or self.conv.dilation == 1
        return self.conv.groups == 1 and term.padding == default_padding(term) and wide

    @property
    def keeps_width(self) -> bool:
        return self.conv.in_channels == self.conv.out_channels


def _projection(steps: Sequence[Layer]) -> _Projection | None:
    match steps:
        case (ir.Conv() as conv,):
            return _Projection(None, conv, None)
        case (ir.Conv() as conv, norm) if isinstance(norm, ir.AnyNorm):
            return _Projection(None, conv, norm)
        case (ir.ZeroPad(), ir.Pool(), *_):
            return _projection(steps[1:])
        case (ir.Pool() as pool, ir.Conv(), *_):
            after = _projection(steps[1:])
            return after and after._replace(pool=pool)
        case _:
            return None


def _shown_by_projection(
    projection: _Projection, unit: Inferred, shortcut: str, *, moves: bool
) -> Inferred | None:
    pool, conv, norm = projection
    pre = unit.choices["order"] == {"pre"}
    unit_norm = "none" if unit.norm is None else unit.norm
    if norm is not None and (pre or norm_key(norm) != unit_norm):
        return None
    if not moves and (pool is not None or conv.kernel > 1):
        return None
    names = [
        name
        for name, parts in PROJECTIONS.items()
        if _has_norm(parts, pre, unit_norm) == (norm is not None)
        and (not moves or _has_layers(parts, pool, conv))
    ]
    if not names:
        return None
    normed = unit_norm != "none" and (pre or PROJECTIONS[names[0]].normed)
    return Inferred(
        weights=weights_of(conv),
        projection_bias=(conv.bias, default_bias(normed=normed)),
        choices=choices_of(shortcut=shortcut, projection="|".join(names)),
    )


def _has_norm(parts: ProjectionParts, pre: bool, unit_norm: Norm) -> bool:
    return parts.normed and not pre and unit_norm != "none"


def _has_layers(parts: ProjectionParts, pool: ir.Pool | None, conv: ir.Conv) -> bool:
    """Whether a projection of these parts has such a pool and kernel, where it moves."""
    if parts.kernel != conv.kernel or parts.pool != (pool and pool.kind):
        return False
    if pool is None or pool.padding:
        return pool is None
    if pool.stride == 1:  # where a dilation stands for the stride
        return pool.kernel == 2
    return pool.kernel == pool.stride and parts.ceil == pool.ceil
