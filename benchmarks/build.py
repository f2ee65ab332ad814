"""How fast a spec becomes a model, as ratios against torchvision in one run.

python benchmarks/build.py

Prints the median of several rounds; ours and theirs alternate, so that both see the same machine.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import tests.pytorch.conftest  # noqa: F401  # torchvision's import beside a CPU build of torch
from resnet_dsl import analyze, build
from tests.pytorch.reference import image, reference

ROUNDS = 7


def ratio(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print how long ours takes in units of theirs."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, actual in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            call()
            actual.append(time.perf_counter() - start)
    own, other = map(statistics.median, times)
    print(f"{what:<58} {own / other:6.2f}   ({own:.4f} s / {other:.4f} s)")


def on_meta(name: str) -> object:
    with torch.device("meta"):
        return reference(name)


def main() -> None:
    torch.manual_seed(0)
    for name in ("resnet18", "resnet152"):
        ratio(
            f"build {name} / torchvision's constructor",
            lambda: build(name),
            lambda: reference(name),
        )
        ratio(
            f"build {name} without init / torchvision's constructor",
            lambda: build(name, init=False),
            lambda: reference(name),
        )
        ratio(
            f"analyze {name} / torchvision's on meta", lambda: analyze(name), lambda: on_meta(name)
        )
        ours, theirs, x = build(name).eval(), reference(name).eval(), image(1, 3, 64, 64)
        with torch.inference_mode():
            ratio(f"forward {name} / torchvision's", lambda: ours(x), lambda: theirs(x))


if __name__ == "__main__":
    main()
