"""From a source to a file that needs no resnet-dsl; torch is imported for those with weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resnet_dsl.answers.exported import Exported
from resnet_dsl.exports.formats import check_format, write_source
from resnet_dsl.language.fields import Input
from resnet_dsl.naming import Naming
from resnet_dsl.reader.files import check_place
from resnet_dsl.sources.chosen_numbers import chosen_numbers
from resnet_dsl.sources.resolve import Source, resolve


def export(
    source: Source,
    output: str | Path,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
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
    with the model's. `num_classes` and `in_channels` are as for `build`. `fuse` folds batch norms
    into the convolutions before them. `int8` quantizes a `.onnx`: `images`, a folder or `skimage`,
    decide the ranges of activations. A file that exists is written over with `force` alone. Raises
    `SpecError` for what does not fit, also options that a format has not.
    """
    path, file = Path(output), None if weights is None else Path(weights)
    others = {"naming": naming != "torchvision", "seed": seed is not None, "prefix": prefix}
    check_format(
        path, weights=weights, ignore=ignore, fuse=fuse, int8=int8, images=images, **others
    )
    if path.suffix == ".py":
        inputs = [Path(source)] if isinstance(source, str | Path) else []
        check_place(path, force=force, inputs=inputs)
        chosen = chosen_numbers(resolve(source, overrides, input), num_classes, in_channels)
        return write_source(chosen.resolved, path, naming)
    from resnet_dsl.pytorch.loading import WeightFile
    from resnet_dsl.pytorch.weighted_exports import check_places, write_weighted

    check_places(path, file, force=force)
    chosen = chosen_numbers(resolve(source, overrides, input), num_classes, in_channels)
    stored = WeightFile(file, prefix, ignore) if file else None
    return write_weighted(chosen, path, stored, seed, fuse=fuse, images=images if int8 else None)
