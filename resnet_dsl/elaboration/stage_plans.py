"""How each stage moves over the map: the strides inserted, and the dilations in their place."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from resnet_dsl import notation
from resnet_dsl.elaboration.block_layers import Pace
from resnet_dsl.elaboration.draft import Origin, Work
from resnet_dsl.elaboration.term_layers import total_stride
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation import Row


def paces(work: Work, spec: Spec) -> dict[str, Pace]:
    """The pace of each stage's first block.

    Where `output_stride` is said, a stage that would stride further is dilated instead, and so are
    all behind it: Yu et al. 2017, §2; Chen et al. 2017, §3.1.
    """
    found: dict[str, Pace] = {}
    reach = total_stride(spec.stem)
    rate = 1
    for name, stage in spec.stages.items():
        previous, stride = rate, _inserted_stride(work, spec, name)
        if spec.output_stride is None:
            rate = stage.dilation or 1
            if rate > 1 and stride > 1:
                work.fault(
                    "dilation",
                    f"{name} is dilated by {rate}, and strides by {stride}",
                    Origin(("stages", name, "dilation")),
                    help="dilation stands in a stride's place: write stride: 1",
                )
        else:
            if reach * stride > spec.output_stride:
                rate, stride = rate * stride, 1
            reach *= stride * _written_stride(stage.rows)
            _check_output_stride(work, spec, name, reach)
        kept = spec.settings(stage).first_dilation == "previous" and rate > 1
        first = previous if kept else rate
        found[name] = Pace(stride=stride, dilation=rate, first=first, enters=True)
    return found


def _check_output_stride(work: Work, spec: Spec, name: str, reach: int) -> None:
    origin = Origin(("output_stride",))
    if spec.stages[name].dilation is not None:
        message = f"output_stride, and {name} says its dilation itself"
        work.fault("dilation", message, origin, help="say one of the two")
    if spec.output_stride and reach > spec.output_stride:
        message = f"{name} has an output stride of {reach}, by strides that the page writes itself"
        work.fault("dilation", message, origin, help="only strides of stages are replaced")


def _written_stride(rows: Sequence[Row]) -> int:
    """How far rows stride by their own words; a map is soon used up."""
    return prod(total_stride(row.branches[0]) ** min(row.repeats, 32) for row in rows)


def _inserted_stride(work: Work, spec: Spec, name: str) -> int:
    """The stride that the first block gets: none where the stage speaks of strides itself."""
    stage = spec.stages[name]
    layers = [layer for row in stage.rows for layer in row.layers]
    if speaks_of_strides(stage.rows):
        if stage.stride is not None:
            work.fault(
                "stride",
                f"{name} has a stride, and its rows stride themselves",
                Origin(("stages", name, "stride")),
                help="say it once: as the stage's stride, or in the rows",
            )
        return 1
    stride = spec.stride(name)
    if stride > 1 and not any(isinstance(layer, notation.Conv) for layer in layers):
        message = f"{name} has no convolution to carry its stride of {stride}"
        work.fault("stride", message, Origin(("stages", name)), help="write stride: 1")
        return 1
    return stride


def speaks_of_strides(rows: Sequence[Row]) -> bool:
    """Rows with a written stride, a pool or branches: nothing is inserted in such a stage."""
    return any(len(row.branches) > 1 or any(map(_strides_itself, row.layers)) for row in rows)


def _strides_itself(layer: notation.RowLayer) -> bool:
    written = isinstance(layer, notation.Conv) and layer.stride is not None
    return written or isinstance(layer, notation.Pool | notation.BlurPool)
