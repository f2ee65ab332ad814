"""How long a network takes; torch is imported once the question is clear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resnet_dsl.answers.benchmarks import BACKENDS, Backend, Benchmark
from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.language.fields import Input
from resnet_dsl.sources.resolve import Source, resolve

if TYPE_CHECKING:
    from resnet_dsl.pytorch.modules import Device


def benchmark(
    source: Source,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    backend: Sequence[Backend] = ("eager", "onnxruntime"),
    batch: Sequence[int] = (1,),
    seconds: float = 2.0,
    device: Device = "cpu",
) -> Benchmark:
    """Time a path, a zoo name, a Spec or a Network by each `backend` and size of `batch`.

    Backends are eager and compile (torch), onnxruntime and int8, which run on the CPU. Runs take
    turns, so that what else the machine does slows all of them; each backend and batch gets so many
    `seconds`, and five runs at least. Weights are drawn, and the ranges of int8 are those of noise.
    Raises `SpecError` where the source is no network, or a backend or device is not there.
    """
    _check(backend, batch)
    from resnet_dsl.pytorch.timed_runs import timed

    return timed(resolve(source, overrides, input), backend, batch, seconds, device)


def _check(backends: Sequence[str], batches: Sequence[int]) -> None:
    for name in backends:
        if name not in BACKENDS:
            guess = nearest(name, BACKENDS)
            help = f"did you mean {guess!r}?" if guess else f"one of {', '.join(BACKENDS)}"
            raise fail("value", f"{name!r} is not a backend", help=help)
    if not backends or not batches or min(batches) < 1:
        raise fail("value", "no backend, or no batch of one image and more", help="--batch 1,8")
