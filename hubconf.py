"""torch.hub's entry points: `build`, and each spec of the zoo, with `_` for `/`.

Options are those of `build`: `weights=` loads a file, and there is no `pretrained=`.

torch.hub.load("folder of this file", "build", "cifar/resnet20", source="local")
torch.hub.load("folder of this file", "resnet50", source="local", num_classes=10)
"""

from __future__ import annotations

from collections.abc import Callable as _Callable
from typing import Any as _Any

from resnet_dsl import build
from resnet_dsl import zoo as _zoo

dependencies = ["torch", "yaml", "pydantic_core", "safetensors"]


def _entry(name: str) -> _Callable[..., _Any]:
    def entry(**options: _Any) -> _Any:
        return build(name, **options)

    entry.__name__ = name.replace("/", "_")
    entry.__doc__ = f"The model of the spec {name}; options are those of resnet_dsl.build."
    return entry


globals().update({name.replace("/", "_"): _entry(name) for name in _zoo()})
