"""Residual networks as pages of YAML that read like Table 1 of *Deep Residual Learning*.

    spec = load("resnet50")           a page, checked          dumps(spec)        and back
    network = elaborate(spec)         what is built            recover(network)   and back
    model = build("resnet50")         PyTorch, torchvision's to the bit; `model.spec` gives the page
    analyze("resnet50").macs          answers without building
    lift(model, (3, 224, 224)).spec   any PyTorch model, by what it computes, as a page
    lift_checkpoint("weights.pth")    a file of weights alone, by names and shapes

Only `build`, `lift` and `lift_checkpoint` need torch.

>>> analyze("resnet50").layers, analyze("resnet50").params
(50, 25557032)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.elaboration import elaborate
from resnet_dsl.ir import Network
from resnet_dsl.language.shipped import zoo
from resnet_dsl.language.spec import Spec
from resnet_dsl.recovery import recover
from resnet_dsl.report.analysis import Analysis
from resnet_dsl.report.analyze import analyze
from resnet_dsl.sources.resolve import Source, dump, dumps, load, loads, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from resnet_dsl.naming import Naming
    from resnet_dsl.pytorch.modules import Device, DType, Module, Net
    from resnet_dsl.sources.lifted import Lifted

__all__ = [
    "Analysis",
    "Diagnostic",
    "Network",
    "Spec",
    "SpecError",
    "analyze",
    "build",
    "dump",
    "dumps",
    "elaborate",
    "lift",
    "lift_checkpoint",
    "load",
    "loads",
    "recover",
    "zoo",
]


def build(
    source: Source,
    *,
    seed: int | None = None,
    init: bool = True,
    device: Device | None = None,
    dtype: DType | None = None,
    naming: Naming = "torchvision",
    features: Sequence[str] | None = None,
) -> Net:
    """A PyTorch model of a path, a zoo name, a Spec or a Network; its `spec` gives back the page.

    Module tree, weights and outputs are torchvision's, or timm's or transformers' by `naming`.
    Weights are drawn on the CPU in float32, then cast and moved: with a `seed` by a generator of
    their own, else by the global one of torch. `init=False` leaves them as memory has them, for a
    model that is about to load others; on the meta device nothing is drawn. With `features`, names
    of stages, the model has no head and gives a dict of their maps; nothing is built that they do
    not need. Raises `SpecError` where the source is no network or the library of `naming` has none
    like it, and ImportError where torch is not installed.

    >>> model = build("cifar/resnet20", seed=0)
    >>> sum(weight.numel() for weight in model.parameters())
    269722
    >>> import torch
    >>> maps = build("resnet18", features=["conv3_x", "conv5_x"])(torch.zeros(1, 3, 64, 64))
    >>> {name: tuple(found.shape) for name, found in maps.items()}
    {'conv3_x': (1, 128, 8, 8), 'conv5_x': (1, 512, 2, 2)}
    """
    from resnet_dsl.pytorch.building import build_model

    return build_model(
        resolve(source),
        seed=seed,
        init=init,
        device=device,
        dtype=dtype,
        naming=naming,
        features=features,
    )


def lift(model: Module, input: Sequence[int], *, partial: bool = False) -> Lifted:
    """The page of a PyTorch model for images of the size `input` (channels, height, width).

    It reads what the model computes, by exporting it, in evaluation and in training: not its class,
    nor the names of its parameters. The result has the `spec`, the `network`, and in `weights` the
    model's name for each of ours. The model is neither changed nor moved. Raises `SpecError` where
    it computes what the language has no words for; with `partial`, the page of what is in front of
    that, and `refused` says what it is.

    >>> lift(build("cifar/resnet20"), (3, 32, 32)).spec.block.shortcut
    'padding'
    """
    from resnet_dsl.pytorch.lift import lift_model

    return lift_model(model, input, partial=partial)


def lift_checkpoint(path: str | Path, input: Sequence[int] | None = None) -> Lifted:
    """The page of a file of weights: safetensors, or torch's format, without running its code.

    Wrappings such as `state_dict` and `module.` are taken off; the networks of torchvision, timm
    and transformers are known by their names, others read from names and shapes. What weights do
    not tell (strides, pools, numbers of norms, …) is the family's default, and each such choice is
    in `undetermined`. `input` is the size of an image, where it is known. Raises `SpecError` where
    the file holds no weights, or those of no network that a page says.
    """
    from pathlib import Path

    from resnet_dsl.pytorch.lift.weight_files import lift_checkpoint

    return lift_checkpoint(Path(path), input)
