"""Which format does the name of a file mean, and which options does it have?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from resnet_dsl.answers.exported import Exported
from resnet_dsl.diagnostics import fail, nearest
from resnet_dsl.emission.dialects import Framework
from resnet_dsl.exports.source_text import resolved_source
from resnet_dsl.naming import Naming
from resnet_dsl.onnx_files.data_files import data_path
from resnet_dsl.reader.files import check_place, whole
from resnet_dsl.sources.resolve import Resolved

SUFFIXES: Final = (".py", ".onnx", ".pt2")
_WITH_WEIGHTS: Final = frozenset({"weights", "prefix", "ignore", "seed", "fuse"})
_OPTIONS: Final = {
    ".py": frozenset({"naming", "framework"}),
    ".onnx": _WITH_WEIGHTS | {"int8", "images"},
    ".pt2": _WITH_WEIGHTS,
}
_DEFAULTS: Final = {"naming": "torchvision", "framework": "torch"}
_WEIGHTS: Final = (".safetensors", ".pt", ".pth")


def check_format(path: Path, **settings: object) -> None:
    """Whether a file has a format, and that format the options that are set; `SpecError` where
    not."""
    options = [name for name, value in settings.items() if _is_set(name, value)]
    if path.suffix in _WEIGHTS:
        raise fail("file", f"{path}: weights alone", help=f"resnet-dsl build SPEC -o {path}")
    if path.suffix not in SUFFIXES:
        guess = nearest(path.suffix, SUFFIXES)
        help = f"did you mean {path.with_suffix(guess)}?" if guess else f"end in {_listed()}"
        raise fail("file", f"{path}: not a format of exports", help=help)
    for option in options:
        if option not in _OPTIONS[path.suffix]:
            others = [suffix for suffix, own in _OPTIONS.items() if option in own]
            help = f"it is for {' and '.join(others)}"
            raise fail("value", f"{path.suffix} files have no {option}", help=help)
    if ("int8" in options) != ("images" in options):
        missing = "images" if "int8" in options else "int8"
        help = "images decide the ranges of 8-bit integers: --int8 --images DIR, or skimage"
        raise fail("value", f"{missing} is missing", help=help)


def _is_set(name: str, value: object) -> bool:
    return value is not False and value not in (None, (), [], _DEFAULTS.get(name))


def _listed() -> str:
    return ", ".join(SUFFIXES)


def check_places(path: Path, inputs: Sequence[object], *, force: bool) -> None:
    """What can be known of a file, and of large weights beside it, before the work is done."""
    read = [Path(each) for each in inputs if isinstance(each, str | Path)]
    for file in (path, *(() if path.suffix == ".py" else (data_path(path),))):
        check_place(file, force=force, inputs=read)


def write_source(resolved: Resolved, path: Path, naming: Naming, framework: Framework) -> Exported:
    """Write the source of a network."""
    text = resolved_source(resolved, naming, framework).encode()
    with whole(path) as draft:
        draft.write_bytes(text)
    return Exported(path=str(path), format="source", bytes=len(text))
