"""Natural images as tensors: crops of the photographs in a folder, or of those in scikit-image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.ir import Shape

SHIPPED: Final = "skimage"
"""What names the photographs that scikit-image ships."""
_PHOTOGRAPHS: Final = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
_SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
_MOST_FILES: Final = 512
_LARGEST_SIDE: Final = 12_000
_INSTALL: Final = "pip install 'resnet-dsl[images]'"
_SCALES: Final = (0.35, 1.0)
"""Of a crop's side to the photograph's shorter one, as training crops are drawn."""


def crops(images: str | Path, size: Shape, *, count: int, seed: int = 0) -> Tensor:
    """A batch of crops with values from 0 to 1: crops, channels, height, width.

    The crops are of the photographs in turns. Raises `SpecError` where there are no images, or the
    network takes none of 1 or 3 channels.
    """
    if size.channels not in (1, 3):
        raise fail(
            "value", f"photographs have no {size.channels} channels", help="leave out --images"
        )
    paths = list(_paths(images))
    if not paths:
        raise fail("file", f"{images}: no images", help=f"of {', '.join(sorted(_SUFFIXES))}")
    generator = torch.Generator("cpu").manual_seed(seed)
    photographs = list(_readable(paths[:count]))
    drawn = [_crop(photographs[i % len(photographs)], size, generator) for i in range(count)]
    batch = torch.stack(drawn)
    return batch if size.channels == 3 else batch.mean(dim=1, keepdim=True)


def _paths(images: str | Path) -> Iterator[Path]:
    if str(images) == SHIPPED and not os.path.isdir(images):
        if find_spec("skimage") is None:
            raise fail("source", "scikit-image is not installed", help=_INSTALL)
        folder = files("skimage") / "data"
        yield from (Path(str(folder / name)) for name in _PHOTOGRAPHS)
        return
    if not os.path.isdir(images):
        kind = "is no folder" if os.path.exists(images) else "no such folder"
        raise fail("file", f"{images}: {kind}", help="--images takes a folder of photographs")
    images_in = (p for p in sorted(Path(images).rglob("*")) if p.suffix.lower() in _SUFFIXES)
    yield from (path for path, _ in zip(images_in, range(_MOST_FILES), strict=False))


def _readable(paths: Sequence[Path]) -> Iterator[Tensor]:
    """The images that can be read; `SpecError` where none can."""
    faults: list[SpecError] = []
    for path in paths:
        try:
            yield _photograph(path)
        except SpecError as error:
            faults.append(error)
    if len(faults) == len(paths):
        raise faults[0]


def _photograph(path: Path) -> Tensor:
    """An image as channels, height, width, from 0 to 1."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise fail("source", "Pillow is not installed", help=_INSTALL) from None
    try:
        with Image.open(path) as image:
            if max(image.size) > _LARGEST_SIDE:
                raise fail("file", f"{path}: larger than {_LARGEST_SIDE} pixels")
            pixels: Any = image.convert("RGB")
            data = torch.frombuffer(bytearray(pixels.tobytes()), dtype=torch.uint8)
            width, height = pixels.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = type(error).__name__ if isinstance(error, OSError) else str(error)
        raise fail("file", f"{path}: no image that Pillow reads: {reason}") from None
    return data.view(height, width, 3).permute(2, 0, 1).float() / 255


def _crop(photograph: Tensor, size: Shape, generator: torch.Generator) -> Tensor:
    """A square of random side and place, mirrored every other time, at the network's size."""
    shorter = min(photograph.shape[1:])
    low, high = _SCALES
    scale = low + (high - low) * float(torch.rand((), generator=generator, device="cpu"))
    side = max(1, int(shorter * scale))
    top, left = (
        int(torch.randint(0, length - side + 1, (), generator=generator, device="cpu"))
        for length in photograph.shape[1:]
    )
    crop = photograph[None, :, top : top + side, left : left + side]
    crop = torch.nn.functional.interpolate(
        crop, size=(size.height, size.width), mode="bilinear", antialias=True
    )[0]
    return crop.flip(-1) if torch.rand((), generator=generator, device="cpu") < 0.5 else crop
