"""Residual networks as specs in YAML that read like Table 1 of *Deep Residual Learning*.

    spec = load("resnet50")           a spec, checked          dumps(spec)        and back
    network = elaborate(spec)         what is built            recover(network)   and back
    model = build("resnet50")         PyTorch, torchvision's to the bit; `model.spec` is the spec
    analyze("resnet50").macs          answers without building: also summary, layers, trace, table,
                                      diff, blocks, check
    source("resnet50")                PyTorch source; export writes that, ONNX or torch.export's
    lift(model, (3, 224, 224)).spec   the spec of any PyTorch model, by what it computes
    lift_checkpoint("weights.pth")    that of a file of weights, by names and shapes

Every command of `resnet-dsl` is a function with the same name and arguments (`fmt` is
`format_text`). Only `build`, `lift` and `convert` need torch.

>>> analyze("resnet50").layers, analyze("resnet50").params
(50, 25557032)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from resnet_dsl.diagnostics import Diagnostic, SpecError, SpecWarning
from resnet_dsl.ir import Network, Shape
from resnet_dsl.language.shipped import zoo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Literal

    from resnet_dsl.answers.analysis import Analysis, analyze
    from resnet_dsl.answers.benchmarks import Benchmark
    from resnet_dsl.answers.block_costs import RowBlocks, blocks
    from resnet_dsl.answers.differences import Diff
    from resnet_dsl.answers.exported import Exported
    from resnet_dsl.answers.layer_counts import LayerCounts, layers
    from resnet_dsl.answers.summaries import Summary, summary
    from resnet_dsl.answers.table_rows import PaperTable, table
    from resnet_dsl.answers.tracing import Trace, trace
    from resnet_dsl.elaboration import elaborate
    from resnet_dsl.exports.source_text import source
    from resnet_dsl.language.fields import Input
    from resnet_dsl.language.json_schema import schema
    from resnet_dsl.language.spec import Spec
    from resnet_dsl.naming import Naming
    from resnet_dsl.pytorch.benchmarking import benchmark
    from resnet_dsl.pytorch.exporting import export
    from resnet_dsl.pytorch.modules import Device, DType, Module, Net
    from resnet_dsl.reader.layout import format_text
    from resnet_dsl.recovery import recover
    from resnet_dsl.render.drawing import Drawing, draw
    from resnet_dsl.render.page import report
    from resnet_dsl.sources.lifted import Converted, Lifted
    from resnet_dsl.sources.new_variant import new
    from resnet_dsl.sources.resolve import Source, check
    from resnet_dsl.sources.specs import dump, dumps, load, loads
    from resnet_dsl.sources.zoo_entries import ZooEntry, zoo_entries

__all__ = [
    "Analysis",
    "Benchmark",
    "Converted",
    "Diagnostic",
    "Diff",
    "Drawing",
    "Exported",
    "LayerCounts",
    "Lifted",
    "Network",
    "PaperTable",
    "RowBlocks",
    "Shape",
    "Spec",
    "SpecError",
    "SpecWarning",
    "Summary",
    "Trace",
    "ZooEntry",
    "analyze",
    "benchmark",
    "blocks",
    "build",
    "check",
    "convert",
    "diff",
    "draw",
    "dump",
    "dumps",
    "elaborate",
    "export",
    "format_text",
    "layers",
    "lift",
    "lift_checkpoint",
    "load",
    "loads",
    "new",
    "recover",
    "report",
    "schema",
    "source",
    "summary",
    "table",
    "trace",
    "zoo",
    "zoo_entries",
]

_LAZY: Final = {
    "elaboration": ("elaborate",),
    "exports.source_text": ("source",),
    "pytorch.benchmarking": ("benchmark",),
    "pytorch.exporting": ("export",),
    "language.json_schema": ("schema",),
    "language.spec": ("Spec",),
    "reader.layout": ("format_text",),
    "recovery": ("recover",),
    "render.drawing": ("Drawing", "draw"),
    "render.page": ("report",),
    "answers.analysis": ("Analysis", "analyze"),
    "answers.block_costs": ("RowBlocks", "blocks"),
    "answers.benchmarks": ("Benchmark",),
    "answers.differences": ("Diff",),
    "answers.exported": ("Exported",),
    "answers.layer_counts": ("LayerCounts", "layers"),
    "answers.summaries": ("Summary", "summary"),
    "answers.table_rows": ("PaperTable", "table"),
    "answers.tracing": ("Trace", "trace"),
    "sources.lifted": ("Converted", "Lifted"),
    "sources.new_variant": ("new",),
    "sources.resolve": ("check",),
    "sources.zoo_entries": ("ZooEntry", "zoo_entries"),
    "sources.specs": ("dump", "dumps", "load", "loads"),
}
"""Names that are imported when they are first used: a command needs one of these modules, and says
in one line which library it lacks."""

_MODULES: Final = {name: module for module, names in _LAZY.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def build(
    source: Source,
    overrides: Sequence[str] = (),
    *,
    input: Input | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    seed: int | None = None,
    init: bool = True,
    device: Device | None = None,
    dtype: DType | None = None,
    naming: Naming = "torchvision",
    features: Sequence[str] | str | None = None,
    weights: str | Path | None = None,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
) -> Net:
    """A PyTorch model of a path, a zoo name, a Spec or a Network; its `spec` is the spec.

    Module tree, weights and outputs are torchvision's, or named as in another library by `naming`.
    Weights are drawn on the CPU in float32, then cast and moved: with a `seed` by a generator of
    their own, else by torch's; `init=False` leaves them undefined. Those of `weights`, a file that
    `lift_checkpoint` reads, with its `prefix` and `ignore`, are loaded whatever their names.
    `num_classes` (0: none) and `in_channels` change the classifier and the layers that read the
    image; all other `weights` are kept, and the first filters adapted as timm does. With `features`
    (`conv3_x`, `conv3_x.2`, `stem`, or torchvision's `layer2`) it gives a dict of these maps, whose
    channels and reductions are in `feature_info`. Raises `SpecError` where the source is no
    network, weights do not fit, or a device is missing; ImportError without torch.

    >>> sum(weight.numel() for weight in build("cifar/resnet20").parameters())
    269722
    """
    from resnet_dsl.pytorch.loading import loaded_model, weight_file
    from resnet_dsl.sources.chosen_numbers import resolve_chosen

    chosen = resolve_chosen(source, overrides, input, num_classes, in_channels)
    file = weight_file(weights, prefix, ignore)
    where: dict[str, Any] = {"device": device, "dtype": dtype, "naming": naming}
    return loaded_model(chosen, file, seed=seed, init=init, features=features, **where)[0]


def lift(model: Module, input: Input, *, partial: bool = False) -> Lifted:
    """The spec of a PyTorch model for images of the size `input` (channels, height, width).

    It reads what the model computes, by exporting it, in evaluation and in training: not its class,
    nor the names of its parameters. The result has the `spec`, the `network`, and in `weights` the
    model's name for each of ours. The model is neither changed nor moved. Raises `SpecError` where
    no spec can express what it computes; with `partial`, the spec of the layers before that, and
    `refused` says what it is.

    >>> lift(build("cifar/resnet20"), (3, 32, 32)).spec.block.shortcut
    'padding'
    """
    from resnet_dsl.pytorch.lift import lift_model

    return lift_model(model, input, partial=partial)


def lift_checkpoint(
    path: str | Path,
    input: Input | None = None,
    *,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    overrides: Sequence[str] = (),
    images: str | Path | None = None,
) -> Lifted:
    """The spec of a file of weights, whatever is beside them, without running code in it.

    Files of torch (state dicts, whole models, TorchScript, exported programs), safetensors and
    numpy are read, alone or in parts with an index. The networks of torchvision, timm,
    transformers, mmpretrain and detectron2 are known by their names, others read from names and
    shapes. `prefix` is the scope of the file that has the network (`module.encoder_q`), `ignore`
    are patterns of names to leave out; without them the one network in the file is taken. What
    weights do not show (strides, pools, hyperparameters of norms, …) is the family's default, and
    each such choice is in `undetermined` with its alternatives; `overrides` choose among them, as
    `block.stride_on=first`. `images`, a folder of photographs or `skimage`, decide choices by the
    statistics of norms, which needs torch. What the file holds besides is in `remarks`. `input` is
    the size of an image, where it is known. Raises `SpecError` where the file has no weights,
    several networks, or one that no spec can express.
    """
    from pathlib import Path

    if images is not None:
        from resnet_dsl.pytorch.lift.weight_files import read

        return read(
            Path(path), input, prefix=prefix, ignore=ignore, overrides=overrides, images=images
        ).lifted
    from resnet_dsl.checkpoint.opened import open_weights
    from resnet_dsl.language.fields import input_shape

    size = None if input is None else input_shape(input)
    return open_weights(
        Path(path), prefix=prefix, ignore=ignore, input=size, overrides=overrides
    ).lifted


def convert(
    weights: str | Path,
    output: str | Path,
    *,
    to: Naming,
    source: Naming | Literal["auto"] = "auto",
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    force: bool = False,
) -> Converted:
    """Write a file's weights under the names of another library; shapes are checked.

    `to` and `source` are torchvision, timm, transformers, mmpretrain or detectron2. What files of
    that library do not have is left out: detectron2's have no classifier and no batch counters.
    `prefix` and `ignore` choose the weights as for `lift_checkpoint`; a file that exists is
    written over with `force` alone.
    Raises `SpecError` where the network is not known, the names are not those of `source`, or the
    library of `to` has no such network; nothing is written then.
    """
    from pathlib import Path

    from resnet_dsl.pytorch.renaming import convert

    return convert(
        Path(weights),
        Path(output),
        to=to,
        source=source,
        prefix=prefix,
        ignore=ignore,
        force=force,
    )


def diff(
    a: Source,
    b: Source,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    *,
    names: tuple[str, str] | None = None,
) -> Diff:
    """What differs between two networks, each a path, a zoo name, a Spec or a Network.

    A text may also name a model or a file of weights, as for `resnet-dsl lift`: it is lifted first,
    which needs torch, whether or not a spec can express a model. `input` takes the place of both
    own sizes, `overrides` hold for both, `names` are printed for them. Raises `SpecError` where one
    is not a network, or cannot take that input.

    >>> diff("resnet50", "resnet50").equal
    True
    """
    from dataclasses import replace

    from resnet_dsl.answers.differences import diff
    from resnet_dsl.sources.resolve import is_lifted_source

    sources, notes, labels = [a, b], list[str](), list(names or (None, None))
    for i, source in enumerate(sources):
        if isinstance(source, str) and is_lifted_source(source):
            from resnet_dsl.pytorch.verified_lift import verified_network

            lifted = verified_network(source, input)
            sources[i], labels[i] = lifted.network, labels[i] or source
            notes += [f"{source}: undetermined: {choice}" for choice in lifted.undetermined]
    first, second = labels
    differences = diff(sources[0], sources[1], input, overrides, names=(first, second))
    return replace(differences, notes=tuple(notes))
