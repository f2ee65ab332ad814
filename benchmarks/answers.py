"""How long answers take that build nothing, as ratios within one run.

pip install -c constraints.txt -e ".[test,bench]" && python benchmarks/answers.py

Processes and calls alternate with what they are held against, so that both see the same machine;
the median of several rounds is printed, and how far it may go.
"""

from __future__ import annotations

import importlib.metadata
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import tests.pytorch.conftest  # noqa: F401  # torchvision's import beside a CPU build of torch
from resnet_dsl import analyze, draw
from resnet_dsl.answers.summaries import summary
from tests.pytorch.reference import reference

ROUNDS = 15
COMMAND = str(Path(sys.executable).parent / "resnet-dsl")
OURS = [COMMAND, "summary", str(ROOT / "specs/resnet50.yaml")]
IMPORTS = [sys.executable, "-c", "import pydantic, yaml, click"]
TORCHINFO = [
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tests.pytorch.conftest\n"
    "import torchinfo, torchvision\n"
    "torchinfo.summary(torchvision.models.resnet50(), (1, 3, 224, 224), device='cpu')",
]
DEEP = """input: 3x32x32
stem: ["3x3, 16"]
stages: {{conv2_x: "[[3x3, 16], [3x3, 16]] x {}"}}
head: [average pool, 10-d fc]
"""


def process(command: list[str]) -> Callable[[], object]:
    """A call of a command; it runs once before it is timed, so that its bytecode is there."""

    def call() -> object:
        return subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - this interpreter

    call()
    return call


def on_meta() -> object:
    """torchvision's constructor, without memory."""
    with torch.device("meta"):
        return reference("resnet152")


def ratio(
    what: str,
    limit: float,
    own: Callable[[], object],
    other: Callable[[], object],
    rounds: int = ROUNDS,
) -> None:
    """Print how long one call takes in units of another."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, actual in zip((own, other), times, strict=True):
            start = time.perf_counter()
            call()
            actual.append(time.perf_counter() - start)
    mine, theirs = map(statistics.median, times)
    seconds = f"({mine * 1e3:.1f} ms / {theirs * 1e3:.1f} ms)"
    print(f"{what:<62} {mine / theirs:7.3f}   at most {limit:.3g}   {seconds}")


def main() -> None:
    print(f"python {sys.version.split()[0]}, torch {torch.__version__}", end="")
    print(f", pydantic {importlib.metadata.version('pydantic')}")
    ratio("summary resnet50 / its libraries' import", 2.0, process(OURS), process(IMPORTS))
    ratio("summary resnet50 / torchinfo's summary", 0.1, process(OURS), process(TORCHINFO), 3)
    with tempfile.TemporaryDirectory() as folder:
        drawing = [COMMAND, "draw", "resnet50", "-o", f"{folder}/resnet50.svg", "--force"]
        ratio("draw resnet50 / summary resnet50", 1.5, process(drawing), process(OURS))
    source = ROOT / "specs/resnet152.yaml"
    ratio("analyze resnet152 / torchvision on meta", 0.05, lambda: analyze(source), on_meta)
    with tempfile.TemporaryDirectory() as folder:
        short, deep = (Path(folder) / f"{count}.yaml" for count in (1_000, 10_000))
        short.write_text(DEEP.format(1_000))
        deep.write_text(DEEP.format(10_000))
        ratio("analyze 10,000 blocks / 1,000", 12, lambda: analyze(deep), lambda: analyze(short))
        ratio("summary 10,000 blocks / 1,000", 12, lambda: summary(deep), lambda: summary(short))
        rows = partial(draw, deep, style="stages")
        ratio("draw 10,000 blocks / summary", 2, lambda: rows().data("svg"), lambda: summary(deep))


if __name__ == "__main__":
    main()
