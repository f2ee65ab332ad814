"""From a source to a file that needs no resnet-dsl; torch is imported for those with weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resnet_dsl.answers.exported import Exported
from resnet_dsl.exports.formats import check_format, write_source
from resnet_dsl.language.fields import Input
from resnet_dsl.naming import Naming
from resnet_dsl.sources.resolve import Source, resolve


def export(
    source: Source,
    output: str | Path,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    naming: Naming = "torchvision",
    weights: str | Path | None = None,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    seed: int | None = None,
    fuse: bool = False,
    int8: bool = False,
    images: str | Path | None = None,
    force: bool = False,
) -> Exported:
    """Write a path, a zoo name, a Spec or a Network as a file that needs no resnet-dsl.

    The end of `output` is the format: `.py` is that of `source`; `.onnx` and `.pt2`
    (`torch.export`) have weights, of a file as for `build`, or drawn from a `seed`. They take
    batches of any size, and images of any size where the network does; their outputs are compared
    with the model's. `fuse` folds batch norms into the convolutions before them. `int8` quantizes
    a `.onnx`: `images`, a folder or `skimage`, decide the ranges of activations. A file that exists
    is written over with `force` alone. Raises `SpecError` for what does not fit, also options that
    a format has not.
    """
    path, file = Path(output), None if weights is None else Path(weights)
    others = {"naming": naming != "torchvision", "seed": seed is not None, "prefix": prefix}
    check_format(
        path, weights=weights, ignore=ignore, fuse=fuse, int8=int8, images=images, **others
    )
    if path.suffix == ".py":
        return write_source(source, path, overrides, input=input, naming=naming, force=force)
    from resnet_dsl.pytorch.weighted_exports import check_places, write_weighted

    check_places(path, file, force=force)
    resolved, reading = resolve(source, overrides, input), (file, prefix, ignore, seed)
    return write_weighted(resolved, path, *reading, fuse=fuse, images=images if int8 else None)
