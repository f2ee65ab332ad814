"""How many layers a network has, by the paper's rule and by the other rules that people mean."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from resnet_dsl.folds.count import network_leaves
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    EfficientChannelAttention,
    EvoNorm,
    FilterResponseNorm,
    GroupNorm,
    Leaf,
    Linear,
    Path,
    Pool,
    Residual,
    SqueezeExcite,
)
from resnet_dsl.naming import named
from resnet_dsl.naming.module_tree import Member, Scope
from resnet_dsl.sources.resolve import Source, resolve

_WORDS: dict[type[Leaf], str] = {
    BatchNorm: "batch norms",
    GroupNorm: "group norms",
    EvoNorm: "EvoNorms",
    FilterResponseNorm: "filter response norms",
    SqueezeExcite: "attentions",
    EfficientChannelAttention: "attentions",
    Act: "activations",
    Pool: "pools",
    AdaptivePool: "pools",
    BlurPool: "pools",
    Dropout: "dropouts",
}
_CONVS, _LINEARS = "convolutions", "fully connected layers"
_PROJECTIONS, _AUXILIARY = "projections", "layers of auxiliary classifiers"
_INSIDE: dict[type[Leaf], int] = {SqueezeExcite: 3, EfficientChannelAttention: 1}
"""The modules in the module of a leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCounts:
    """The layers of a network: He et al. 2015 count `stem`, `blocks` and `head`.

    `convolutions` has those of projections, attention aside; `weighted` the fully connected layers
    as well. `leaf_modules` are the modules without parts, `modules` all that torch prints.
    """

    name: str | None
    stem: int
    blocks: int
    head: int
    not_counted: dict[str, int]
    convolutions: int
    weighted: int
    leaf_modules: int
    modules: int

    @property
    def layers(self) -> int:
        """The 18 of ResNet-18."""
        return self.stem + self.blocks + self.head


def layer_counts(source: Source) -> LayerCounts:
    """The counts of a path, a zoo name, a Spec or a Network.

    >>> found = layer_counts("resnet18")
    >>> found.stem, found.blocks, found.head, found.not_counted["projections"]
    (1, 16, 1, 3)
    """
    resolved = resolve(source)
    network = resolved.network
    cost = resolved.analysis()
    counts = Counter(kind for path, leaf in network_leaves(network) if (kind := _kind(path, leaf)))
    convolutions, linears = counts.pop(_CONVS, 0), counts.pop(_LINEARS, 0)
    additions = sum(isinstance(layer, Residual) for layer in network.layers)
    others = {
        _PROJECTIONS: counts.pop(_PROJECTIONS, 0),
        "convolutions in shorter branches": convolutions + linears - cost.layers,
        _AUXILIARY: counts.pop(_AUXILIARY, 0),
        **counts,
        "additions": additions,
    }
    whole = convolutions + others[_PROJECTIONS]
    leaf_modules, modules = _modules(named(network))
    return LayerCounts(
        name=resolved.spec.name,
        stem=cost.stem.layers,
        blocks=sum(stage.layers for stage in cost.stages),
        head=cost.head.layers,
        not_counted={what: count for what, count in others.items() if count},
        convolutions=whole,
        weighted=whole + linears,
        leaf_modules=leaf_modules,
        modules=modules,
    )


def _kind(path: Path, leaf: Leaf) -> str | None:
    """What a leaf counts as."""
    match leaf:
        case Conv() | Linear() if path[0] == "aux":
            return _AUXILIARY
        case Conv() if "shortcut" in path:
            return _PROJECTIONS
        case Conv():
            return _CONVS
        case Linear():
            return _LINEARS
        case _ if path[0] == "aux":
            return None
        case _:
            return _WORDS.get(type(leaf))


def _modules(scope: Scope) -> tuple[int, int]:
    """The modules without parts, and all modules, in a scope and with it."""
    without, total = 0, 1
    for child in scope.children.values():
        if isinstance(child, Member):
            inside = _INSIDE.get(type(child.leaf), 0)
            without += inside or 1
            total += inside + 1
        else:
            found = _modules(child)
            without, total = without + found[0], total + found[1]
    return without, total


def arithmetic(found: LayerCounts) -> list[str]:
    """The counts in words, the paper's first.

    >>> arithmetic(layer_counts("resnet18"))[0]
    '1 stem + 16 in blocks + 1 fc = 18 layers'
    """
    middle = "in blocks" if "additions" in found.not_counted else "in stages"
    head = "fc" if found.head == found.weighted - found.convolutions else "in the head"
    terms = {"stem": found.stem, middle: found.blocks, head: found.head}
    sum = " + ".join(f"{count} {what}" for what, count in terms.items() if count)
    counts = found.not_counted.items()
    others = ", ".join(f"{n} {what.removesuffix('s') if n == 1 else what}" for what, n in counts)
    return [
        f"{sum} = {found.layers} layers",
        f"not counted: {others}",
        f"all convolutions: {found.convolutions}; with fully connected layers: {found.weighted}",
        f"modules as torch prints them: {found.modules}; without parts: {found.leaf_modules}",
    ]
