"""What cannot be lifted: where it stands in the model and in the code, and what is nearest."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from typing import Final

import torch

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.pytorch.lift.values import Operation

_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+)')
_TORCH: Final = str(Path(torch.__file__).parent)
_LANGUAGE: Final = (
    "convolutions, norms, activations, pools, se, eca and spatial attention, additions, "
    "concatenations and classifiers"
)
_NEAREST: Final = {
    "einsum|matmul|bmm|baddbmm|scaled_dot_product_attention": "products of two maps are attention "
    "between pixels: the nearest are se, eca and spatial attention",
    "upsample.*|interpolate|conv_transpose.*|pixel_shuffle": "maps are never enlarged: lift the "
    "backbone alone",
    "grid_sampler.*|deform.*": "samples of a map at computed places: the nearest is a convolution",
    "conv1d|conv3d|max_pool1d|max_pool3d|lstm|gru": "the language has maps of two dimensions",
    "split.*|chunk|index.*|select|slice|getitem|unbind": "a layer reads all channels of a map",
    "fft.*": "the nearest is a convolution",
}


def refused(here: Operation, what: str | None = None) -> SpecError:
    """An operation that no spec can express: an error that names its code and its module."""
    part = here.name == "getitem" and here.inputs
    named = what or (f"a part of torch.{here.inputs[0].name}" if part else f"torch.{here.name}")
    message = f"{origin_text(here)}{named} is not supported"
    return SpecError([Diagnostic(code="unsupported", message=message, help=_nearest(here))])


def origin_text(here: Operation) -> str:
    """Where an operation stands: `net.py:57: layer3.1.fuse: `."""
    return "".join(f"{part}: " for part in (here.place, here.module) if part)


def _nearest(here: Operation) -> str:
    name = here.inputs[0].name if here.name == "getitem" and here.inputs else here.name
    fitting = (text for names, text in _NEAREST.items() if re.fullmatch(names, name))
    return next(fitting, f"a spec has {_LANGUAGE}")


def cast_to(dtype: torch.dtype | None) -> str:
    return f"a cast to {str(dtype).removeprefix('torch.')}"


def code_place(stack_trace: str) -> str:
    """The last line of somebody's own code in a stack trace, as `net.py:57`."""
    frames = [m for m in _FRAME.finditer(stack_trace) if not m[1].startswith(_TORCH)]
    return f"{_short(frames[-1][1])}:{frames[-1][2]}" if frames else ""


def _short(file: str) -> str:
    """A path from the current folder, or from where packages are installed."""
    for root in (str(Path.cwd()), *sysconfig.get_paths().values()):
        if file.startswith(f"{root}/"):
            return file.removeprefix(f"{root}/")
    return file
