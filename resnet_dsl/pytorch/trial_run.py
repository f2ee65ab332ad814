"""One trial of a page: build it, load or draw its weights, run it once, and write them down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from resnet_dsl.diagnostics import fail
from resnet_dsl.naming import Naming
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.weights import check_output, load_weights, save_weights
from resnet_dsl.report.analysis import Analysis, analysis
from resnet_dsl.sources.resolve import Source, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a trial found: the numbers of the page, and how its model ran."""

    analysis: Analysis
    device: str
    dtype: str
    output: tuple[int, ...]
    compile_seconds: float
    build_seconds: float
    forward_seconds: float


def trial(
    source: Source,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    naming: Naming = "torchvision",
    seed: int | None = None,
    weights: Path | None = None,
    output: Path | None = None,
) -> Trial:
    """Build a source, run one image through it in evaluation mode, and write its weights.

    Raises `SpecError` for bad pages, weights that do not fit, and devices that are not there.
    """
    check_output(output)
    where = _device(device)
    start = time.perf_counter()
    resolved = resolve(source)
    found = analysis(resolved.spec, resolved.elaboration)
    compiled = time.perf_counter()
    with _memory(found):
        kind = getattr(torch, dtype)
        model = build_model(
            resolved,
            seed=seed,
            init=weights is None,
            device=where,
            dtype=kind,
            naming=naming,
        ).eval()
        if weights is not None:
            load_weights(model, weights)
        built = time.perf_counter()
        with torch.inference_mode():
            result = model(torch.zeros(1, *found.input, device=where, dtype=kind))
        if where.type not in {"cpu", "meta"}:
            torch.accelerator.synchronize(where)
        ran = time.perf_counter()
    if output is not None:
        save_weights(model, output)
    return Trial(
        analysis=found,
        device=str(where),
        dtype=dtype,
        output=tuple(result.shape),
        compile_seconds=compiled - start,
        build_seconds=built - compiled,
        forward_seconds=ran - built,
    )


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).strip() or "unknown").splitlines()[0]
        raise fail("device", f"the device {name!r} cannot be used", help=reason[:200]) from None
    return device


@contextmanager
def _memory(found: Analysis) -> Iterator[None]:
    """A network larger than the memory is bad input, not a fault of ours."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and "alloc" not in str(error).lower():
            raise
        message = f"{found.params:,} params at {found.input} do not fit the memory"
        raise fail("device", message, help="--meta needs none") from None
