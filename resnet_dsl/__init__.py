"""Residual networks as pages of YAML that read like Table 1 of *Deep Residual Learning*.

    spec = load("resnet50")           a page, checked          dumps(spec)        and back
    network = elaborate(spec)         what is built            recover(network)   and back
    model = build("resnet50")         PyTorch, torchvision's to the bit; `model.spec` gives the page
    analyze("resnet50").macs          answers without building

Only `build` needs torch.

>>> analyze("resnet50").layers, analyze("resnet50").params
(50, 25557032)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.elaborate import elaborate
from resnet_dsl.ir import Network
from resnet_dsl.pages import dump, dumps, load, loads
from resnet_dsl.recover import recover
from resnet_dsl.report.analysis import Analysis
from resnet_dsl.report.analyze import analyze
from resnet_dsl.spec import Spec
from resnet_dsl.zoo import zoo

if TYPE_CHECKING:
    from resnet_dsl.pytorch import build

__all__ = [
    "Analysis",
    "Diagnostic",
    "Network",
    "Spec",
    "SpecError",
    "analyze",
    "build",
    "dump",
    "dumps",
    "elaborate",
    "load",
    "loads",
    "recover",
    "zoo",
]


def __getattr__(name: str) -> Any:
    """`build` imports torch, and so waits until somebody asks for it."""
    if name != "build":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from resnet_dsl.pytorch import build

    return build
