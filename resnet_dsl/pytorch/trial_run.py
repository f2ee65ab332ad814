"""One run of a spec: build it, load or draw its weights, run one image, write the weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from resnet_dsl.answers.analysis import Analysis, analysis_of
from resnet_dsl.answers.built import Run, Trial, built_record
from resnet_dsl.diagnostics import fail
from resnet_dsl.language.fields import Input
from resnet_dsl.naming import Naming
from resnet_dsl.pytorch.building import usable_device
from resnet_dsl.pytorch.loading import loaded_model, weight_file
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.weights import check_output, save_weights
from resnet_dsl.sources.chosen_numbers import resolve_chosen
from resnet_dsl.sources.resolve import Source


def trial_run(
    source: Source,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    naming: Naming = "torchvision",
    seed: int | None = None,
    weights: Path | None = None,
    output: Path | None = None,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    force: bool = False,
) -> Trial:
    """Build a source, run one image through it in evaluation mode, and write its weights; raises
    `SpecError` for bad specs, weights that do not fit, and devices that are not there.
    """
    check_output(output, force=force, inputs=[weights])
    where, kind = usable_device(device), getattr(torch, dtype)
    times = [time.perf_counter()]
    chosen = resolve_chosen(source, overrides, input, num_classes, in_channels)
    analysis = analysis_of(chosen.resolved)
    times.append(time.perf_counter())
    file = weight_file(weights, prefix, ignore)
    with _memory(analysis):
        model, remarks = loaded_model(
            chosen, file, seed=seed, device=where, dtype=kind, naming=naming
        )
        model.eval()
        times.append(time.perf_counter())
        shape = _run_once(model, torch.zeros(1, *analysis.input, device=where, dtype=kind))
        times.append(time.perf_counter())
    if output is not None:
        save_weights(model, output, naming)
    compiled, built, ran = (later - earlier for earlier, later in pairwise(times))
    run = Run(str(where), dtype, shape, compiled, built, ran, str(output) if output else None)
    return Trial(built=built_record(analysis, run), analysis=analysis, remarks=remarks)


def _run_once(model: Net, image: Tensor) -> tuple[int, ...]:
    """The shape that a model gives for an image, once the device has computed it."""
    with torch.inference_mode():
        output = model(image)
    if image.device.type not in {"cpu", "meta"}:
        torch.accelerator.synchronize(image.device)
    return tuple(output.shape)


@contextmanager
def _memory(analysis: Analysis) -> Iterator[None]:
    """A network larger than the memory is bad input, not a fault of ours."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and "alloc" not in str(error).lower():
            raise
        message = f"{analysis.params:,} params at {analysis.input} do not fit the memory"
        raise fail("device", message, help="--meta needs none") from None
