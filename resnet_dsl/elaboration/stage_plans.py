"""How does each stage move over the map? The strides inserted, the dilations in their place."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from resnet_dsl.elaboration.draft import Draft, Origin
from resnet_dsl.elaboration.term_layers import total_stride
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.terms import BlurPool, Conv, Pool, Row, RowLayer


class StridePlan(NamedTuple):
    """How a block moves over the map: what the stage has, not its rows.

    `stride` and `first_dilation` are for the convolution that has the stage's stride, `dilation` is
    for all others wider than 1x1. Only one block `enters` a stage. `output_stride` is the key that
    put dilations in the place of strides.
    """

    stage: str = ""
    stride: int = 1
    dilation: int = 1
    first_dilation: int = 1
    enters: bool = False
    output_stride: int | None = None

    @property
    def following(self) -> StridePlan:
        """The plan of the blocks after the first."""
        return self._replace(stride=1, first_dilation=self.dilation, enters=False)


def stage_plans(draft: Draft, spec: Spec) -> dict[str, StridePlan]:
    """The plan of each stage's first block.

    With `output_stride`, a stage that would stride further is dilated instead, and so are all that
    follow: Yu et al. 2017, §2; Chen et al. 2017, §3.1.
    """
    plans: dict[str, StridePlan] = {}
    output_stride = total_stride(spec.stem)
    rate = 1
    for name, stage in spec.stages.items():
        previous, stride = rate, _inserted_stride(draft, spec, name)
        if spec.output_stride is None:
            rate = stage.dilation or 1
            if rate > 1 and stride > 1:
                draft.fault(
                    "dilation",
                    f"{name} is dilated by {rate}, and strides by {stride}",
                    Origin(("stages", name, "dilation")),
                    help="dilation replaces a stride: write stride: 1",
                )
        else:
            if output_stride * stride > spec.output_stride:
                rate, stride = rate * stride, 1
            output_stride *= stride * _written_stride(stage.rows)
            _check_output_stride(draft, spec, name, output_stride)
        kept = spec.settings(stage).first_dilation == "previous" and rate > 1
        plans[name] = StridePlan(
            stage=name,
            stride=stride,
            dilation=rate,
            first_dilation=previous if kept else rate,
            enters=True,
            output_stride=spec.output_stride,
        )
    return plans


def _check_output_stride(draft: Draft, spec: Spec, name: str, output_stride: int) -> None:
    origin = Origin(("output_stride",))
    if spec.stages[name].dilation is not None:
        message = f"output_stride is given, and {name} has a dilation of its own"
        draft.fault("dilation", message, origin, help="keep one of the two")
    if spec.output_stride and output_stride > spec.output_stride:
        message = f"{name} has an output stride of {output_stride}, by strides written in its rows"
        draft.fault("dilation", message, origin, help="only strides of stages are replaced")


def _written_stride(rows: Sequence[Row]) -> int:
    """The stride that rows write themselves; 32 repeats use up any map."""
    return prod(total_stride(row.branches[0]) ** min(row.repeats, 32) for row in rows)


def _inserted_stride(draft: Draft, spec: Spec, name: str) -> int:
    """The stride that the first block gets: 1 where the rows write their strides."""
    stage = spec.stages[name]
    if writes_strides(stage.rows):
        if stage.stride is not None:
            draft.fault(
                "stride",
                f"{name} has a stride, and its rows write strides too",
                Origin(("stages", name, "stride")),
                help="write it once: as the stage's stride, or in the rows",
            )
        return 1
    stride = spec.stride(name)
    if stride > 1 and not any(row.is_block for row in stage.rows):
        message = f"{name} has no convolution for its stride of {stride}"
        draft.fault("stride", message, Origin(("stages", name)), help="write stride: 1")
        return 1
    return stride


def writes_strides(rows: Sequence[Row]) -> bool:
    """Whether rows have a written stride or shortcut, a pool or branches: then no stride is
    inserted."""
    return any(
        len(row.branches) > 1 or row.shortcut is not None or any(map(_writes_stride, row.layers))
        for row in rows
    )


def _writes_stride(layer: RowLayer) -> bool:
    written = isinstance(layer, Conv) and layer.stride is not None
    return written or isinstance(layer, Pool | BlurPool)
