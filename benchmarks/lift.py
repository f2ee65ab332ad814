"""How long a lift takes, as a ratio to the exports that it makes.

python benchmarks/lift.py

A model is exported twice, for evaluation and for training. Lifts and bare exports alternate, so
that both see the same machine; the median of several rounds is printed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import tests.pytorch.conftest  # noqa: F401  # torchvision's import beside a CPU build of torch
from resnet_dsl import lift, load
from tests.pytorch.reference import theirs

ROUNDS = 3
NAMES = ("resnet50", "timm/ecaresnet269d", "timm/resnetrs420")


def exports(model: nn.Module, size: tuple[int, ...]) -> None:
    """The two exports that a lift makes."""
    for training in (False, True):
        model.train(training)
        with torch.no_grad():
            torch.export.export(model, (torch.zeros(2, *size),), strict=False)


def ratio(name: str) -> None:
    """Print how long a lift takes in units of its exports."""
    model, size = theirs(name), load(name).input
    lift(model, size)  # the first export of a process loads much
    calls: tuple[Callable[..., object], ...] = (lift, exports)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, actual in zip(calls, times, strict=True):
            start = time.perf_counter()
            call(model, size)
            actual.append(time.perf_counter() - start)
    own, other = map(statistics.median, times)
    print(f"lift {name:<24} / its exports {own / other:6.2f}   ({own:.2f} s / {other:.2f} s)")


def main() -> None:
    torch.manual_seed(0)
    for name in NAMES:
        ratio(name)


if __name__ == "__main__":
    main()
