"""Which library is missing, and what installs it?"""

from __future__ import annotations

from typing import Final

from resnet_dsl.diagnostics import Diagnostic

_INSTALLED_BY: Final = {
    "PIL": "resnet-dsl[images]",
    "click": "click",
    "huggingface_hub": "resnet-dsl[hub]",
    "jinja2": "jinja2",
    "keras": "keras",
    "numpy": "numpy",
    "onnx": "resnet-dsl[onnx]",
    "onnxruntime": "resnet-dsl[onnx]",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "pypdfium2": "resnet-dsl[draw]",
    "reportlab": "resnet-dsl[draw]",
    "rich": "rich",
    "safetensors": "safetensors",
    "skimage": "resnet-dsl[images]",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "yaml": "pyyaml",
}
"""Modules that the package imports, and the distributions that have them."""


def missing(error: ModuleNotFoundError) -> Diagnostic | None:
    """What to say of a module that is not there; None where it is none of a library's.

    >>> missing(ModuleNotFoundError("No module named 'yaml'", name="yaml")).help
    'pip install pyyaml'
    """
    module = (error.name or "").partition(".")[0]
    if module not in _INSTALLED_BY:
        return None
    help = f"pip install {_INSTALLED_BY[module]}"
    return Diagnostic(code="install", message=f"this needs {module}", help=help)
