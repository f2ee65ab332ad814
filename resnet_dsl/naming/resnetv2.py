"""timm's `resnetv2`: pre-activated networks, as timm names them.

stem.conv | stages.{stage}.blocks.{block}.downsample.conv, .norm{n}, .conv{n} | norm | head.fc
"""

from __future__ import annotations

from collections.abc import Sequence

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import Unit, anatomy, is_pre_activated, opening_length
from resnet_dsl.ir import (
    AdaptivePool,
    Conv,
    Identity,
    Layer,
    LayerPath,
    Leaf,
    Linear,
    Network,
    Norm,
    Pool,
    Residual,
)
from resnet_dsl.naming.scope_names import (
    Names,
    ScopeNames,
    auxiliaries,
    by_role,
    leaf_at,
    plain_unit,
)


def resnetv2(network: Network) -> Names:
    """timm's names; where it has no such network, the nearest to them."""
    names = Names()
    names.set_kind((), "ResNet")
    parts = anatomy(network)
    root = ScopeNames(names, norm="norm")
    if parts.stem:
        _stem(root.scope("stem", "PlainBlock"), network, parts.stem)
    stages = root.scope("stages")
    for number, units in enumerate(parts.stages):
        blocks = stages.scope(str(number)).scope("blocks")
        for i, unit in enumerate(units):
            if isinstance(unit.main, Residual):
                _residual(blocks, str(i), network, unit)
            else:
                plain_unit(blocks, str(i), network, unit)
    auxiliaries(root, network)
    if parts.head:
        _head(root, network, range(parts.head[0].start, parts.head[-1].stop))
    return names


def _stem(scope: ScopeNames, network: Network, stem: Sequence[Unit]) -> None:
    """`conv`, or `conv1`, `norm1`, `conv2`, ...; `pool`."""
    indices = range(stem[0].start, stem[-1].stop)
    several = sum(isinstance(network.layers[i], Conv) for i in indices) > 1
    for i in indices:
        leaf = leaf_at(network, i)
        scope.convs += isinstance(leaf, Conv)
        name = "pool" if isinstance(leaf, Pool) else scope.role(leaf)
        if isinstance(leaf, Conv | Norm) and not several:
            name = name.rstrip("1")
        scope.leaf(name, leaf, LayerPath((i,)))


def _residual(blocks: ScopeNames, name: str, network: Network, unit: Unit) -> None:
    """A block: its projection is registered first."""
    block, path = unit.main, LayerPath((unit.stop - 1,))
    assert isinstance(block, Residual)
    ahead = is_pre_activated(block)
    scope = blocks.scope(name, "PreActBlock" if ahead else "ResidualBlock", ahead=ahead)
    scope.home(path)
    if not isinstance(block.shortcut, Identity):
        downsample = scope.scope("downsample", "PlainBlock")
        _downsample(downsample, block.shortcut, LayerPath((*path, "shortcut")))
    by_role(scope, network, range(unit.start, unit.stop - 1))
    scope.by_role(block.body, LayerPath((*path, "body")))
    scope.by_role(block.after, LayerPath((*path, "after")))


def _downsample(scope: ScopeNames, shortcut: Layer, path: LayerPath) -> None:
    """`pool`, `conv`, `norm`."""
    whole = isinstance(shortcut, ir.Sequence)
    for i, layer in enumerate(ir.steps(shortcut)):
        inner = LayerPath((*path, i)) if whole else path
        names = ((Conv, "conv"), (Norm, "norm"), (Pool, "pool"))
        name = next((name for kind, name in names if isinstance(layer, kind)), None)
        if name and isinstance(layer, Leaf):
            scope.leaf(name, layer, inner)
        else:
            scope.by_role(layer, inner)


def _head(root: ScopeNames, network: Network, indices: range) -> None:
    """The norm after the last block is `norm`; `head.global_pool` and `head.fc`."""
    start = indices.start
    opened = start + opening_length(network.layers[start : start + 2])
    for i in range(start, opened):
        leaf = leaf_at(network, i)
        name = "norm" if isinstance(leaf, Norm) else root.role(leaf)
        root.leaf(name, leaf, LayerPath((i,)))
    if opened == indices.stop:
        return
    head = root.scope("head", "PlainBlock")
    rest = range(opened, indices.stop)
    weighted = [i for i in rest if isinstance(network.layers[i], Conv | Linear)]
    for i in rest:
        match network.layers[i]:
            case Conv() | Linear() as layer:
                number = "" if len(weighted) == 1 else str(weighted.index(i) + 1)
                head.leaf(f"fc{number}", layer, LayerPath((i,)))
            case AdaptivePool() as pool:
                head.leaf("global_pool", pool, LayerPath((i,)))
            case layer:
                head.by_role(layer, LayerPath((i,)))
