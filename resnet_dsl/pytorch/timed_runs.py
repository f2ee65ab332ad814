"""Runs of a network by each way to run it, all in one process and in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import torch
from torch import Tensor

from resnet_dsl.answers.benchmarks import Backend, Benchmark, timings
from resnet_dsl.diagnostics import fail
from resnet_dsl.pytorch.building import build_model, usable_device
from resnet_dsl.pytorch.modules import Device, Net
from resnet_dsl.sources.resolve import Resolved

Runner: TypeAlias = Callable[[Tensor], object]
_FEWEST: Final = 5
"""Runs of each, however long they take."""


def timed(
    resolved: Resolved,
    backends: Sequence[Backend],
    batches: Sequence[int],
    seconds: float,
    device: Device,
) -> Benchmark:
    """Times of a network with drawn weights."""
    _check(backends, where := usable_device(device))
    model = build_model(resolved, seed=0, device=where, dtype="float32").eval()
    model.network = replace(model.network, input=resolved.size)
    size = model.network.input
    runners = {name: _runner(name, model) for name in backends}
    images = {number: torch.randn(number, *size, device=where) for number in batches}
    taken: dict[tuple[Backend, int], list[float]] = {
        (name, number): [] for number in batches for name in backends
    }
    with torch.inference_mode():
        for name, number in taken:
            _seconds(runners[name], images[number])  # the first runs compile and allocate
            _seconds(runners[name], images[number])
        while waiting := [pair for pair, runs in taken.items() if _goes_on(runs, seconds)]:
            for name, number in waiting:
                taken[name, number].append(_seconds(runners[name], images[number]))
    return Benchmark(
        name=resolved.name,
        input=size,
        device=str(where),
        threads=torch.get_num_threads(),
        timings=timings(taken),
    )


def _check(backends: Sequence[Backend], device: torch.device) -> None:
    if device.type == "meta":
        raise fail("device", "the meta device has no times", help="leave out --device")
    for name in backends:
        if name in ("onnxruntime", "int8") and device.type != "cpu":
            raise fail("device", f"{name} runs on the CPU here", help="leave out --device")


def _goes_on(runs: Sequence[float], seconds: float) -> bool:
    return len(runs) < _FEWEST or sum(runs) < seconds


def _seconds(run: Runner, batch: Tensor) -> float:
    """What one run takes, until the device has computed it."""
    start = time.perf_counter()
    run(batch)
    if batch.device.type != "cpu":
        torch.accelerator.synchronize(batch.device)
    return time.perf_counter() - start


def _runner(backend: Backend, model: Net) -> Runner:
    if backend == "eager":
        return model
    if backend == "compile":
        compiled: Runner = torch.compile(model)
        return compiled
    from resnet_dsl.onnx_files.files import outputs, session
    from resnet_dsl.pytorch.onnx_exporting import graph_of, integer_graph

    if backend == "int8":
        noise = torch.randn(4, *model.network.input).numpy()
        graph = integer_graph(model, [noise])
    else:
        graph = graph_of(model)
    runtime = session(graph, torch.get_num_threads())
    return lambda batch: outputs(runtime, batch.numpy())
