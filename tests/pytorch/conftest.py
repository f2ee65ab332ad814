"""torch with a thread for each worker; the operators that torchvision's import needs.

torchvision beside a CPU build of torch lacks its compiled operators, and needs their schemas.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _load_operators() -> None:
    """torchvision's own operators, where its wheel was made for this torch."""
    module = find_spec("torchvision")
    assert module is not None, "the tests compare with torchvision: install the test extra"
    assert module.origin is not None
    for library in Path(module.origin).parent.glob("_C*.so"):
        with suppress(OSError):
            torch.ops.load_library(library)


if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # workers with a thread for every core wait for one another
_load_operators()
_library = torch.library.Library("torchvision", "FRAGMENT")  # declares for as long as it lives
for _name, _schema in _SCHEMAS.items():
    if not hasattr(torch.ops.torchvision, _name):
        _library.define(_schema)
