"""How long does a network take, by each way to run it?"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, Literal, TypeAlias, get_args

from resnet_dsl.ir import Shape

Backend: TypeAlias = Literal["eager", "compile", "onnxruntime", "int8"]
BACKENDS: Final[tuple[Backend, ...]] = get_args(Backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times of one backend and size of batch, in milliseconds: the median of so many runs, and the
    quartiles around it. `speedup` is relative to the first backend with that batch."""

    backend: Backend
    batch: int
    milliseconds: float
    quartiles: tuple[float, float]
    runs: int
    images_per_second: float
    speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Times of a network on one machine, of runs that took turns."""

    name: str | None
    input: Shape
    device: str
    threads: int
    timings: tuple[Timing, ...]


def timings(seconds: dict[tuple[Backend, int], list[float]]) -> tuple[Timing, ...]:
    """The times of each backend and size of batch, of the seconds that its runs took.

    >>> two = timings({("eager", 8): [0.02, 0.02, 0.04], ("onnxruntime", 8): [0.01, 0.01, 0.01]})
    >>> [timing.speedup for timing in two], two[0].images_per_second
    ([1.0, 2.0], 400.0)
    """
    first: dict[int, float] = {}
    result = []
    for (backend, batch), runs in seconds.items():
        middle = median(runs)
        first.setdefault(batch, middle)
        low, _, high = quantiles(runs, n=4, method="inclusive")
        result.append(
            Timing(
                backend=backend,
                batch=batch,
                milliseconds=1e3 * middle,
                quartiles=(1e3 * low, 1e3 * high),
                runs=len(runs),
                images_per_second=batch / middle,
                speedup=first[batch] / middle,
            )
        )
    return tuple(result)
