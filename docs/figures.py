"""Make the figures of the documents, and the gallery: python docs/figures.py.

Each figure is what `resnet-dsl draw` writes; a test makes them again and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from resnet_dsl import Drawing, draw

DOCS: Final = Path(__file__).parent


class Figure(NamedTuple):
    """A file, what `draw` is asked for it, and what to see in it."""

    name: str
    specs: tuple[str, ...]
    options: dict[str, Any]
    text: str = ""

    @property
    def command(self) -> str:
        """The command that draws it."""
        return " ".join([*self.words, "--theme auto", "-o", f"{self.name}.svg"])

    @property
    def words(self) -> list[str]:
        """The command without where it writes."""
        options = [
            f"--{name}" if value is True else f"--{name} {value}"
            for name, value in self.options.items()
        ]
        return ["resnet-dsl draw", *self.specs, *options]


DOCUMENTS: Final = (
    Figure("resnet50-maps", ("resnet50",), {"style": "maps"}),
    Figure("resnets", ("resnet18", "resnet34", "resnet50"), {"style": "stages"}),
    Figure("figure3", ("vgg19", "paper/plain34", "resnet34"), {}),
    Figure("figure5-basic", ("resnet34",), {"block": "conv2_x.2"}),
    Figure("figure5-bottleneck", ("resnet50",), {"block": "conv2_x.2"}),
    Figure("projection", ("resnet50",), {"block": "conv3_x.1"}),
    Figure("v1", ("resnet50", "paper/resnet50"), {"diff": True, "style": "stages"}),
)

GALLERY: Final = (
    Figure("resnet50", ("resnet50",), {"style": "stages"}, "The bottleneck network, row by row."),
    Figure("resnext50", ("resnext50_32x4d",), {"style": "stages"}, "32 groups in each 3x3."),
    Figure("plain18", ("paper/plain18", "resnet18"), {}, "The same layers without shortcuts."),
    Figure("preact", ("timm/resnetv2_50",), {"block": "conv2_x.2"}, "Pre-activation: ResNet v2."),
    Figure(
        "seresnext50", ("timm/seresnext50_32x4d",), {"block": "conv3_x.1"}, "Squeeze and excite."
    ),
    Figure(
        "resnet50d",
        ("resnet50", "timm/resnet50d"),
        {"diff": True, "style": "stages"},
        "What ResNet-D changes: the stem, and a pool before projections.",
    ),
    Figure(
        "cifar20",
        ("cifar/resnet20",),
        {},
        "For CIFAR-10: zeros in the place of projections (option A).",
    ),
    Figure("resnet1202", ("cifar/resnet1202",), {}, "1202 layers in nine boxes."),
    Figure("wrn28", ("cifar/wrn28_10",), {}, "A wide residual network."),
    Figure("blur", ("timm/resnetblur50",), {"block": "conv3_x.1"}, "Anti-aliasing by blur pools."),
    Figure(
        "dilated",
        ("resnet50",),
        {"set": "output_stride=8", "style": "stages"},
        "Dilations in the place of strides, for maps of 28x28.",
    ),
    Figure("googlenet", ("googlenet",), {}, "Inception blocks and auxiliary classifiers."),
    Figure(
        "vgg16", ("vgg16", "resnet50"), {"style": "maps"}, "VGG-16 and ResNet-50, to one scale."
    ),
    Figure(
        "lenet5", ("lenet5", "alexnet"), {"style": "maps"}, "Two earlier networks, to one scale."
    ),
)


def drawn(figure: Figure) -> str:
    """A figure as SVG, light or dark as the reader's system is."""
    options: dict[str, Any] = {
        {"set": "overrides"}.get(name, name): [value] if name == "set" else value
        for name, value in figure.options.items()
    }
    drawing: Drawing = draw(figure.specs, theme="auto", **options)
    return drawing.data("svg").decode()


def gallery() -> Iterator[str]:
    """The lines of the gallery."""
    yield "# Gallery"
    yield ""
    yield "A figure for each family, with the command that draws it. Shortcuts are dotted where"
    yield "they change the shape; strides and dilations that the compiler inserted are bold. Norms"
    yield "and activations are in figures of blocks alone."
    yield ""
    yield "The figures are drawn by `python docs/figures.py`, in the colours of your system."
    for figure in GALLERY:
        yield ""
        yield f"## {figure.text.rstrip('.')}"
        yield ""
        yield f"    {figure.command}"
        yield ""
        names = " and ".join(figure.specs)
        yield f"![{names}: {figure.text}](figures/{figure.name}.svg)"


def files() -> Iterator[tuple[Path, str]]:
    """Every file that this script writes."""
    for figure in (*DOCUMENTS, *GALLERY):
        yield Path("figures") / f"{figure.name}.svg", drawn(figure)
    yield Path("gallery.md"), "\n".join(gallery()) + "\n"


def main() -> None:
    """Write all files."""
    (DOCS / "figures").mkdir(exist_ok=True)
    for path, text in files():
        (DOCS / path).write_text(text, encoding="utf-8")
        print(DOCS / path, file=sys.stderr)


if __name__ == "__main__":
    main()
