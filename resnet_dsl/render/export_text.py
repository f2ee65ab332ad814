"""What was exported, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from resnet_dsl.answers.exported import Exported


def export_notes(exported: Exported) -> Iterator[str]:
    """How a file compares with its model, and that it was written."""
    yield from exported.remarks
    if exported.difference is not None:
        runs = " and ".join("x".join(map(str, run)) for run in exported.runs)
        yield f"largest difference of an output: {exported.difference:.1e}, in batches of {runs}"
    if exported.agreement is not None:
        yield (
            f"the top class is that of the float model in {100 * exported.agreement:.1f} % of "
            f"{exported.images} crops"
        )
    if exported.float_bytes is not None:
        yield f"{_megabytes(exported.float_bytes)} in float32"
    free = f"; {', '.join(exported.free)} of any size" if exported.free else ""
    yield f"wrote {exported.path}: {_megabytes(exported.bytes)}{free}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
