"""How many layers does a network have? By the paper's rule, and by others that people use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from resnet_dsl.answers.analysis import analysis_of
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.ir import Conv, LayerPath, Leaf, Linear, Network, Residual
from resnet_dsl.language.fields import Input
from resnet_dsl.naming import names_of
from resnet_dsl.sources.resolve import Source, resolve

_CONVS, _LINEARS = "convolutions", "fully connected layers"
_PROJECTIONS, _AUXILIARY = "projections", "layers of auxiliary classifiers"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCounts:
    """The layers of a network: `layers`, the 18 of ResNet-18, is `stem` and `blocks` and `head`.

    `convolutions` includes projections, and not those of attention; `weighted` has the fully
    connected layers as well. `leaf_modules` are the modules without parts, `modules` all that
    torch prints.
    """

    layers: int
    name: str | None
    stem: int
    blocks: int
    head: int
    not_counted: dict[str, int]
    convolutions: int
    weighted: int
    leaf_modules: int
    modules: int


def layers(
    source: Source, overrides: Sequence[str] = (), input: Input | None = None
) -> LayerCounts:
    """The counts of a path, a zoo name, a Spec or a Network.

    >>> counts = layers("resnet18")
    >>> counts.stem, counts.blocks, counts.head, counts.not_counted["projections"]
    (1, 16, 1, 3)
    """
    resolved = resolve(source, overrides, input)
    network, analysis = resolved.network, analysis_of(resolved)
    kinds = Counter(kind for path, leaf in network_leaves(network) if (kind := _kind(path, leaf)))
    convolutions, linears = kinds.pop(_CONVS, 0), kinds.pop(_LINEARS, 0)
    projections, auxiliary = kinds.pop(_PROJECTIONS, 0), kinds.pop(_AUXILIARY, 0)
    not_counted = {
        _PROJECTIONS: projections,
        "convolutions in shorter branches": convolutions + linears - analysis.layers,
        _AUXILIARY: auxiliary,
        **kinds,
        "additions": sum(isinstance(layer, Residual) for layer in network.layers),
    }
    leaf_modules, modules = _modules(network)
    return LayerCounts(
        layers=analysis.layers,
        name=resolved.name,
        stem=analysis.stem.layers,
        blocks=sum(stage.layers for stage in analysis.stages),
        head=analysis.head.layers,
        not_counted={what: count for what, count in not_counted.items() if count},
        convolutions=convolutions + projections,
        weighted=convolutions + projections + linears,
        leaf_modules=leaf_modules,
        modules=modules,
    )


def _kind(path: LayerPath, leaf: Leaf) -> str | None:
    """What a leaf counts as."""
    match leaf:
        case Conv() | Linear() if path[0] == "aux":
            return _AUXILIARY
        case Conv() if "shortcut" in path:
            return _PROJECTIONS
        case _ if path[0] == "aux":
            return None
        case _:
            return leaf_terms(leaf).plural


def _modules(network: Network) -> tuple[int, int]:
    """The modules without parts, and all modules, of torchvision's module tree."""
    leaves = dict(network_leaves(network))
    scopes, own = set(), {}
    for path, name in names_of(network).entries:
        if path is None:
            scopes.add(name)
        else:
            own[name] = leaf_terms(leaves[path]).submodules
    without = sum(submodules or 1 for submodules in own.values())
    return without, 1 + len(scopes) + sum(submodules + 1 for submodules in own.values())
