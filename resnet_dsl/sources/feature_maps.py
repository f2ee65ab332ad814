"""Which maps of a network can be taken as features, and of what size are they?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from resnet_dsl.diagnostics import fail
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.ir import BlurPool, Layer, Pool, Shape, Size, Window, ZeroPad
from resnet_dsl.ir import Sequence as LayerSequence
from resnet_dsl.language.part_names import meant_part
from resnet_dsl.sources.resolve import Resolved, part_named


class FeatureMap(NamedTuple):
    """A map after the first `stop` layers of a network; `reduction` is the pixels of the image for
    one of the map, along its height."""

    name: str
    channels: int
    reduction: int
    stop: int


def feature_maps(
    resolved: Resolved, names: Sequence[str] | str | None = None
) -> tuple[FeatureMap, ...]:
    """The maps of these names; without names, those of the stem and of all stages.

    Raises `SpecError` for a name that is no map of the network.

    >>> from resnet_dsl.sources.resolve import resolve
    >>> [tuple(map)[:3] for map in feature_maps(resolve("resnet18"))][:3]
    [('stem', 64, 2), ('conv2_x', 64, 4), ('conv3_x', 128, 8)]
    """
    stages = resolved.parts[1:-1]
    ends = feature_ends(resolved)
    if names is None:
        names = [name for name in ends if name == "stem" or name in {part.name for part in stages}]
    names = [names] if isinstance(names, str) else names
    if not names:
        listed = ", ".join(stage.name for stage in stages)
        raise fail("value", "features must be a list of stage names", help=f"a list of {listed}")
    stops = {}
    for name in names:
        known = isinstance(name, str)
        own = name if known and name in ends else None
        own = own or (meant_part(name, [stage.name for stage in stages]) if known else None)
        stops[name] = ends[own] if own in ends else part_named(stages, name).layers.stop
    sizes = sizes_after(resolved)
    height = resolved.network.input.height
    maps = []
    for name, stop in stops.items():
        size = sizes[stop]
        assert isinstance(size, Shape), f"{name} is no map"
        maps.append(FeatureMap(name, size.channels, round(height / size.height), stop))
    return tuple(maps)


def sizes_after(resolved: Resolved) -> dict[int, Size]:
    """The size after so many layers of the network."""
    network = resolved.network
    with resolved.placing():
        visits, _ = sized_visits(LayerSequence(network.layers), network.input)
    return {0: network.input} | {int(visit.path[0]) + 1: visit.after for visit in visits}


def feature_ends(resolved: Resolved) -> dict[str, int]:
    """Where maps can be taken: the number of layers after which each of them is.

    A stage is named by itself, its blocks and the layers of the stem by their numbers from 1 on.
    `stem` is the map of the stem before its last stride, where it has several: that of half the
    size of an image, which decoders add to theirs. `maxpool` is what the stem ends with.

    >>> from resnet_dsl.sources.resolve import resolve
    >>> ends = feature_ends(resolve("resnet18"))
    >>> ends["stem"], ends["stem.2"], ends["conv2_x.1"], ends["conv2_x"]
    (3, 4, 5, 6)
    """
    stem, *stages, _head = resolved.parts
    ends = {"maxpool": stem.layers.stop} if stem.layers else {}
    ends |= {f"stem.{number}": stop for number, stop in enumerate(_stem_ends(resolved), 1)}
    if stem.layers:
        ends["stem"] = _before_last_stride(resolved.network.layers[: stem.layers.stop])
    for stage in stages:
        ends |= {f"{stage.name}.{n}": block.stop for n, block in enumerate(stage.blocks, 1)}
        ends[stage.name] = stage.layers.stop
    return ends


def _before_last_stride(layers: Sequence[Layer]) -> int:
    """The number of layers before the last of several strides, and before the padding or the pool
    that belongs to it."""
    strided = [i for i, layer in enumerate(layers) if _stride(layer) > 1]
    if len(strided) < 2:
        return len(layers)
    stop = strided[-1]
    while isinstance(layers[stop - 1], Pool | ZeroPad) and _stride(layers[stop - 1]) == 1:
        stop -= 1
    return stop


def _stride(layer: Layer) -> int:
    return layer.stride if isinstance(layer, Window | BlurPool) else 1


def _stem_ends(resolved: Resolved) -> list[int]:
    """Where each layer of the stem ends, with its norm and activation."""
    if resolved.elaboration is None:
        return [unit.stop for unit in anatomy(resolved.network).stem]
    stem, origins = resolved.elaboration.stem, resolved.elaboration.origins
    last = {origins[i].path: i + 1 for i in stem}
    return list(last.values())
