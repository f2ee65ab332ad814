"""Times of a network, in lines of text."""

from __future__ import annotations

from resnet_dsl.answers.benchmarks import Benchmark, Timing
from resnet_dsl.render.grid import grid

_HEADINGS = ("batch", "backend", "median ms", "quartiles", "images/s", "speedup")


def benchmark_lines(benchmark: Benchmark, title: str) -> list[str]:
    """A line for each backend and size of batch."""
    threads = f"{benchmark.threads} thread{'s' if benchmark.threads > 1 else ''}"
    heading = f"{benchmark.name or title}, {benchmark.input}, on {benchmark.device}, {threads}"
    ordered = sorted(benchmark.timings, key=lambda timing: timing.batch)
    return grid(_HEADINGS, [_cells(timing) for timing in ordered], title=heading, left={1})


def _cells(timing: Timing) -> tuple[str, ...]:
    low, high = timing.quartiles
    return (
        str(timing.batch),
        timing.backend,
        f"{timing.milliseconds:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{timing.images_per_second:.1f}",
        f"{timing.speedup:.2f}",
    )
