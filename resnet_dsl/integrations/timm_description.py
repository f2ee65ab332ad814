"""What timm wants to know of a network: names of modules, sizes of maps, groups of parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from resnet_dsl.folds.interface import interface
from resnet_dsl.ir import Activation, AdaptivePool, Layer, LayerPath, Network, Norm, Shape
from resnet_dsl.language.spec import Expect, Spec
from resnet_dsl.naming import leaf_names
from resnet_dsl.sources.feature_maps import FeatureMap, feature_maps, sizes_after
from resnet_dsl.sources.resolve import Resolved, checked, resolve

_POOLS: Final = {"average": "avg", "max": "max"}
_LAST: Final = 99999
"""timm's place of a group that joins the one before it."""


class Description(NamedTuple):
    """A network in the parts that timm's models have, by numbers of layers.

    `features` layers give the last map, with the norm and activation that close pre-activated
    stages; `pre_logits` layers what the classifier reads. `classifier` is the name of its module.
    """

    source: Spec | Network
    network: Network
    maps: tuple[FeatureMap, ...]
    stem: int
    features: int
    pre_logits: int
    classifier: str | None
    pool: str

    @property
    def resolved(self) -> Resolved:
        """The network with its parts: models are copied and pickled without these."""
        return resolve(self.source)

    def channels_after(self, stop: int) -> int:
        """The channels of a map or vector after so many layers."""
        return sizes_after(self.resolved)[stop][0]

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """The maps as timm's models list them, each with the module that gives it."""
        names = leaf_names(self.network, "timm")
        starts = {part.layers.stop: part.layers.start for part in self.resolved.parts[1:-1]}
        return [
            {
                "num_chs": each.channels,
                "reduction": each.reduction,
                "module": _module_of(names, range(starts.get(each.stop, each.stop - 1), each.stop)),
            }
            for each in self.maps
        ]


def described(resolved: Resolved) -> Description:
    """The description of a network without auxiliary classifiers."""
    network = resolved.network
    stem, *_, head = resolved.parts
    features = head.layers.start
    while features < head.layers.stop and isinstance(network.layers[features], Norm | Activation):
        features += 1
    at = interface(network).classifier
    return Description(
        source=resolved.spec or network,
        network=network,
        maps=feature_maps(resolved),
        stem=stem.layers.stop,
        features=features,
        pre_logits=len(network.layers) if at is None else at,
        classifier=None if at is None else leaf_names(network, "timm")[LayerPath((at,))],
        pool=_pool(network.layers[features:]),
    )


def _pool(head: Sequence[Layer]) -> str:
    """timm's name of the pool of a head; nothing where a network ends with its map."""
    pools = [layer for layer in head if isinstance(layer, AdaptivePool)]
    if pools and pools[0].side == 1:
        return _POOLS[pools[0].kind]
    return "own" if head else ""


def without_auxiliaries(resolved: Resolved) -> Resolved:
    """The network without auxiliary classifiers, whose outputs timm's training does not expect."""
    if not resolved.network.auxiliaries:
        return resolved
    if resolved.spec is None:
        return Resolved(replace(resolved.network, auxiliaries=()), at=resolved.at)
    return checked(replace(resolved.spec, aux={}, expect=Expect()))


def pretrained_settings(resolved: Resolved) -> dict[str, Any]:
    """What timm's `default_cfg` says of a network."""
    description = described(resolved)
    last = sizes_after(resolved)[description.features]
    settings = {
        "num_classes": interface(resolved.network).values.get("num_classes", 0),
        "input_size": tuple(resolved.network.input),
        "pool_size": tuple(last[1:]) if isinstance(last, Shape) else None,
        "interpolation": "bilinear",
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
        "first_conv": _first_convolutions(resolved),
        "classifier": description.classifier,
    }
    return {key: value for key, value in settings.items() if value is not None}


def _first_convolutions(resolved: Resolved) -> str | tuple[str, ...] | None:
    names, network = leaf_names(resolved.network, "timm"), resolved.network
    reading = [
        names[path]
        for path, fields in interface(network).numbers.items()
        if fields.get("in_channels") == "in_channels"
    ]
    return reading[0] if len(reading) == 1 else tuple(reading) or None


def group_patterns(resolved: Resolved, *, coarse: bool) -> dict[str, Any]:
    """Regular expressions of names by depth, for rates that fall from layer to layer: the stem,
    then each block, or each stage where they are `coarse`; what matches none comes last."""
    names, parts = leaf_names(resolved.network, "timm"), resolved.parts
    stem, *stages, head = parts
    groups: list[range] = []
    for stage in stages:
        groups += [stage.layers] if coarse else _blocks(stage.layers, stage.blocks)
    blocks: list[tuple[str, tuple[int, ...]]] = []
    for number, layers in enumerate(groups):
        blocks += [(pattern, (number,)) for pattern in _patterns(names, layers)]
    closing = range(
        head.layers.start, head.layers.start if coarse else described(resolved).features
    )
    blocks += [(pattern, (_LAST,)) for pattern in _patterns(names, closing)]
    return {"stem": "|".join(_patterns(names, stem.layers)) or None, "blocks": blocks}


def _blocks(layers: range, blocks: tuple[range, ...]) -> list[range]:
    """The blocks of a stage, each with the layers up to the next."""
    starts = [layers.start, *(block.start for block in blocks[1:]), layers.stop]
    return [range(start, stop) for start, stop in pairwise(starts)]


def _patterns(names: dict[LayerPath, str], layers: range) -> list[str]:
    """Patterns of the names of the leaves of layers: their common scope, if no other layer is in
    it, else each name."""
    inside = [name for path, name in names.items() if _is_in(path, layers)]
    outside = [name for path, name in names.items() if not _is_in(path, layers)]
    if not inside:
        return []
    scope = _common_scope(inside)
    if scope and not any(name.startswith(scope) for name in outside):
        return [f"^{re.escape(scope)}"]
    return [rf"^{re.escape(name)}\." for name in dict.fromkeys(inside)]


def _is_in(path: LayerPath, layers: range) -> bool:
    return isinstance(path[0], int) and path[0] in layers


def _common_scope(names: list[str]) -> str:
    """`layer1.0.` of `layer1.0.conv1` and `layer1.0.bn1`."""
    steps = [name.split(".")[:-1] for name in names]
    shared: list[str] = []
    for level in zip(*steps, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "".join(f"{step}." for step in shared)


def _module_of(names: dict[LayerPath, str], layers: range) -> str:
    """The outermost scope in layers that ends with the last of them, or that one."""
    before = range(layers.stop)
    last = [name for path, name in names.items() if _is_in(path, before)][-1]
    others = [name for path, name in names.items() if not _is_in(path, layers) and name != last]
    steps = last.split(".")
    scopes = (".".join(steps[:length]) for length in range(1, len(steps)))
    alone = (s for s in scopes if not any(name.startswith(f"{s}.") for name in others))
    return next(alone, last)
