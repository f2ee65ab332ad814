"""Which choices do weights not show?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resnet_dsl.elaboration.stage_plans import writes_strides
from resnet_dsl.language.spec import (
    BatchNorm,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    Norm,
    Spec,
)
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import BlurPool, Conv, Pool, Row, RowLayer, SqueezeExcite, ZeroPad
from resnet_dsl.sources.lifted import Undetermined


def choices(spec: Spec, *, projection_told: bool, named: bool) -> Iterator[Undetermined]:
    """The choices of a spec that its weights do not show, with the defaults of its family.

    A library's names (`named`) tell what its blocks compute, most of them also whether an average
    pool stands before a projection.
    """
    stages = spec.stages.values()
    rows = [row for stage in stages for row in stage.rows]
    written = [layer for row in rows for layer in row.layers]
    shortcuts = _values(spec, "shortcut")
    yield Undetermined("input", str(spec.input))
    if spec.stem:
        yield Undetermined("stem", "; ".join(map(format_layer, spec.stem)), "strides and pools")
    strides = (
        "as written" if writes_strides(stage.rows) else str(spec.stride(name))
        for name, stage in spec.stages.items()
    )
    yield Undetermined("stride", ", ".join(strides), "of the stages, one by one")
    if any(map(_narrows, rows)):
        why = "spatial is v1.5, first is v1"
        yield Undetermined("stride_on", _values(spec, "stride_on"), why)
    yield from _of_blocks(shortcuts, named=named)
    if not projection_told and any(spec.settings(stage).projects for stage in stages):
        yield Undetermined("projection", _values(spec, "projection"), "an average pool, or none")
    yield from _of_layers(spec, written)
    norm = spec.settings().norm
    if norm != "none":
        yield Undetermined("norm", _numbers(norm), _why_norm(norm))
    for key in ("activation", "weights", "antialias"):
        yield Undetermined(key, _values(spec, key))
    yield Undetermined("output_stride", "as it strides", "dilation instead of strides")
    if shortcuts != "none":
        yield Undetermined("drop_path", f"{spec.drop_path:g}")
    yield Undetermined(
        "head", "; ".join(map(format_layer, spec.head)), "pools, activations and dropout"
    )


def _of_blocks(shortcuts: str, *, named: bool) -> Iterator[Undetermined]:
    """What a block adds to its convolutions."""
    if "padding" in shortcuts:
        yield Undetermined("shortcut", shortcuts, "option A; none is a plain network")
    elif not named and shortcuts != "none":
        why = "of blocks without a projection: plain ones have the same weights"
        yield Undetermined("shortcut", shortcuts, why)
    if not named and shortcuts != "none":
        yield Undetermined("block", "x + f(x)", "no factor, and no dropout inside")


def _why_norm(norm: Norm) -> str:
    if isinstance(norm, GroupNorm):
        return "hyperparameters; a batch norm without statistics has the same weights"
    return "hyperparameters"


def _of_layers(spec: Spec, written: Sequence[RowLayer]) -> Iterator[Undetermined]:
    pools = [layer for layer in written if isinstance(layer, Pool | BlurPool | ZeroPad)]
    if pools:
        yield Undetermined("pools", "; ".join(dict.fromkeys(map(format_layer, pools))), "in rows")
    convs = [layer for layer in (*spec.stem, *written) if isinstance(layer, Conv)]
    pads = ", or as written" if any(conv.padding is not None for conv in convs) else ""
    yield Undetermined("pad", f"half the kernel{pads}", "of convolutions")
    if any(isinstance(layer, SqueezeExcite) for layer in written):
        yield Undetermined("se", "after the last convolution", "with a relu inside")


def _narrows(row: Row) -> bool:
    """Whether a stride could stand at a first 1x1 or at the wider convolution after it."""
    kernels = [layer.kernel for layer in row.layers if isinstance(layer, Conv)]
    return kernels[:1] == [1] and max(kernels) > 1


def _values(spec: Spec, key: str) -> str:
    """The values of a key in the order of stages, each once."""
    settings = map(spec.settings, spec.stages.values())
    return " | ".join(dict.fromkeys(str(getattr(own, key)) for own in settings))


def _numbers(norm: Norm) -> str:
    match norm:
        case BatchNorm(eps=eps, momentum=momentum):
            return f"batch, eps {eps:g}, momentum {momentum:g}"
        case GroupNorm(groups=groups, eps=eps) | EvoNorm(groups=groups, eps=eps):
            return f"{norm.kind}, {groups} groups, eps {eps:g}"
        case FilterResponseNorm(eps=eps):
            return f"{norm.kind}, eps {eps:g}"
        case _:
            raise AssertionError("no norm has no numbers")
