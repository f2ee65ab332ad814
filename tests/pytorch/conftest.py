"""torchvision beside a CPU build of torch lacks its compiled operators, and needs their schemas."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _load_operators() -> None:
    """torchvision's own operators, where its wheel was made for this torch."""
    found = find_spec("torchvision")
    assert found is not None, "the tests compare with torchvision: install the test extra"
    assert found.origin is not None
    for library in Path(found.origin).parent.glob("_C*.so"):
        with suppress(OSError):
            torch.ops.load_library(library)


_load_operators()
_library = torch.library.Library("torchvision", "FRAGMENT")  # declares for as long as it lives
for _name, _schema in _SCHEMAS.items():
    if not hasattr(torch.ops.torchvision, _name):
        _library.define(_schema)
