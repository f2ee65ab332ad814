"""From a source to a file that needs no resnet-dsl; torch is imported for those with weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resnet_dsl.answers.exported import Exported
from resnet_dsl.emission.dialects import Framework
from resnet_dsl.exports.formats import check_format, check_places, write_source
from resnet_dsl.language.fields import Input
from resnet_dsl.naming import Naming
from resnet_dsl.sources.chosen_numbers import resolve_chosen
from resnet_dsl.sources.resolve import Source


def export(
    source: Source,
    output: str | Path,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    naming: Naming = "torchvision",
    framework: Framework = "torch",
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
    (`torch.export`) have weights, with the options of `build`, take batches of any size, images too
    where the network does, and are compared with the model. `fuse` folds batch norms into the
    convolutions before them. `int8` quantizes a `.onnx`: `images`, a folder or `skimage`, decide
    the ranges of activations. Raises `SpecError` for what does not fit, and files that exist.
    """
    path = Path(output)
    kept = {"naming": naming, "framework": framework, "seed": seed, "fuse": fuse, "int8": int8}
    reading = {"weights": weights, "prefix": prefix, "ignore": ignore, "images": images}
    check_format(path, **kept, **reading)
    check_places(path, [source, weights], force=force)
    chosen = resolve_chosen(source, overrides, input, num_classes, in_channels)
    if path.suffix == ".py":
        return write_source(chosen.resolved, path, naming, framework)
    from resnet_dsl.pytorch.loading import weight_file
    from resnet_dsl.pytorch.weighted_exports import write_weighted

    file = weight_file(weights, prefix, ignore)
    return write_weighted(chosen, path, file, seed, fuse=fuse, images=images)
