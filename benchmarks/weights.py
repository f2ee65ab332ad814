"""How long a training checkpoint takes to open for its weights, as a ratio to torch.load.

python benchmarks/weights.py

The file is a ResNet-50 with the state of AdamW, 307 MB, in the formats of now and of before torch
1.6. Both readers open it, and the weights, not the optimizer, are summed, so that they are read
from the file. The two alternate in one process; the median of several rounds is printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
import tests.pytorch.conftest  # noqa: F401  # torchvision's import beside a CPU build of torch
from resnet_dsl.pytorch.stored_tensors import tensors_of
from resnet_dsl.weight_files import read_contents
from tests.pytorch.reference import theirs

ROUNDS = 9


def write(path: Path, *, zipped: bool) -> None:
    """A checkpoint of training."""
    model = theirs("resnet50")
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.zeros(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    content = {"epoch": 1, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)


def ours(path: Path) -> dict[str, Tensor]:
    contents = read_contents(path)
    return tensors_of(contents, (n for n in contents.tensors if n.startswith("state_dict.")))


def torchs(path: Path) -> dict[str, Tensor]:
    zipped = path.suffix == ".pt"
    state: dict[str, Tensor] = torch.load(path, mmap=zipped, weights_only=True)["state_dict"]
    return state


def ratio(path: Path) -> None:
    """Print how long ours takes in units of torch's."""
    readers: tuple[Callable[[Path], dict[str, Tensor]], ...] = (ours, torchs)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for read, actual in zip(readers, times, strict=True):
            start = time.perf_counter()
            sum(float(tensor.sum()) for tensor in read(path).values())
            actual.append(time.perf_counter() - start)
    own, other = map(statistics.median, times)
    text = f"({own * 1e3:.0f} ms / {other * 1e3:.0f} ms)"
    print(f"weights of {path.name:<18} / torch.load {own / other:6.2f}   at most 2   {text}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, zipped in (("zip.pt", True), ("before-1.6.pth", False)):
            write(path := Path(folder) / name, zipped=zipped)
            ratio(path)


if __name__ == "__main__":
    main()
