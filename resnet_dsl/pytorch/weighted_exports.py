"""A model with its weights as a file that another runtime reads: ONNX, or torch.export's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from resnet_dsl.answers.analysis import analysis_of
from resnet_dsl.answers.exported import Exported
from resnet_dsl.pytorch.comparison import SIDES, difference, free_sides, runs_of
from resnet_dsl.pytorch.fusing import fused_model
from resnet_dsl.pytorch.loading import WeightFile, loaded_model
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.reader.files import whole
from resnet_dsl.sources.chosen_numbers import Chosen


def write_weighted(
    chosen: Chosen,
    path: Path,
    weights: WeightFile | None,
    seed: int | None,
    *,
    fuse: bool,
    images: str | Path | None,
) -> Exported:
    """Build a network, load or draw its weights, and write it; with images, in 8-bit integers."""
    analysis_of(chosen.resolved)  # a size that does not fit is a fault of the spec, at its place
    model, remarks = loaded_model(chosen, weights, seed=seed, device="cpu", dtype="float32")
    model.network = replace(model.network, input=chosen.resolved.size)
    return replace(_written(model.eval(), path, fuse, images), remarks=remarks)


def _written(model: Net, output: Path, fuse: bool, images: str | Path | None) -> Exported:
    if output.suffix == ".pt2":
        return _write_program(model, fused_model(model) if fuse else model, output)
    from resnet_dsl.pytorch.onnx_exporting import graph_of, write_graph, write_integers

    if images is not None:
        return write_integers(model, output, images)
    return write_graph(model, graph_of(fused_model(model) if fuse else model), output)


def _write_program(model: Net, reduced: Net, path: Path) -> Exported:
    """A program of torch.export, saved and loaded again."""
    free, batch = free_sides(model), torch.zeros(2, *model.network.input)
    dimensions = {SIDES.index(side): torch.export.Dim.AUTO for side in free}
    program = torch.export.export(reduced, (batch,), dynamic_shapes=(dimensions,))
    with whole(path) as draft:
        named = draft.with_suffix(".pt2")
        try:
            torch.export.save(program, named)
            named.replace(draft)
        finally:
            named.unlink(missing_ok=True)
    loaded = torch.export.load(path).module()
    runs = runs_of(model)
    return Exported(
        path=str(path),
        format="pt2",
        bytes=path.stat().st_size,
        free=free,
        difference=difference(model, loaded, runs),
        runs=runs,
    )
