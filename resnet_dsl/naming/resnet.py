"""torchvision's ResNets, and timm's: the names go by role.

conv1 bn1 relu maxpool | layer{stage}.{block}.conv{n}, .bn{n}, .downsample.{0,1} | avgpool fc
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import Unit, anatomy, is_bottleneck, is_pre_activated
from resnet_dsl.ir import Act, Conv, Identity, Layer, LayerPath, Network, Pool, Residual
from resnet_dsl.naming.module_tree import ScopeClass
from resnet_dsl.naming.scope_names import (
    Names,
    ScopeNames,
    auxiliaries,
    by_role,
    chain,
    classifier,
    numbered,
    plain_unit,
)


def resnet(network: Network) -> Names:
    """torchvision's names; where it has no such network, the nearest to them."""
    names = Names()
    names.set_kind((), "ResNet")
    parts = anatomy(network)
    shift = _projection_shift(network)
    root = ScopeNames(names)
    _stem(root, network, parts.stem)
    name_stages(root, network, partial(_block, shift=shift), "layer{}", first=1)
    auxiliaries(root, network)
    classifier(root, network)
    return names


def name_stages(
    root: ScopeNames,
    network: Network,
    name_block: Callable[[ScopeNames, Residual, LayerPath], None],
    stage_name: str,
    *,
    first: int,
) -> None:
    """Name the stages from a `first` number on; `name_block` names a block in its scope."""
    for number, units in enumerate(anatomy(network).stages, first):
        stage = root.scope(stage_name.format(number))
        for i, unit in enumerate(units):
            if not isinstance(unit.main, Residual):
                plain_unit(stage, str(i), network, unit)
                continue
            kind, path = block_class(unit.main), LayerPath((unit.stop - 1,))
            scope = stage.scope(str(i), kind, ahead=kind == "PreActBlock")
            scope.home(path)
            by_role(scope, network, range(unit.start, unit.stop - 1))
            name_block(scope, unit.main, path)


def _stem(root: ScopeNames, network: Network, stem: Sequence[Unit]) -> None:
    """One convolution is `conv1`; several in a row are `conv1.0`, `conv1.1`, … up to the last one,
    whose norm is `bn1`; one in the pool's place is `maxpool`: timm's deep stems."""
    convs = list(takewhile(lambda unit: isinstance(unit.main, Conv), stem))
    pooling = convs.pop() if len(convs) == len(stem) and _pools_by_stride(convs) else None
    start = 0
    if len(convs) > 1:
        start = convs[-1].start + 1
        chain(root.scope("conv1"), network, range(start))
        root.convs = 1
    stop = pooling.start if pooling else stem[-1].stop if stem else 0
    by_role(root, network, range(start, stop))
    if pooling:
        chain(root.scope("maxpool"), network, range(pooling.start, pooling.stop))


def _pools_by_stride(convs: Sequence[Unit]) -> bool:
    """A second strided convolution, the last of the stem: ResNet-RS."""
    strides = [unit.main.stride for unit in convs if isinstance(unit.main, Conv)]
    return len(strides) > 1 and strides[-1] > 1 and max(strides[:-1]) > 1


def _projection_shift(network: Network) -> int:
    """Where a network's projections pool first, timm keeps place 0 for the pool in every stage."""
    shortcuts = (layer.shortcut for layer in network.layers if isinstance(layer, Residual))
    return int(any(map(_pools, shortcuts)))


def _pools(shortcut: Layer) -> bool:
    return any(isinstance(layer, Pool) and layer.kind == "average" for layer in ir.steps(shortcut))


def _block(scope: ScopeNames, block: Residual, path: LayerPath, *, shift: int) -> None:
    scope.by_role(block.body, LayerPath((*path, "body")))
    if block_class(block) == "Bottleneck" and isinstance(block.after, Act):
        # torchvision registers its activation after the norms
        scope.names.move_last((*scope.scope_name, block.after.kind))
    if not isinstance(block.shortcut, Identity):
        skipped = 0 if _pools(block.shortcut) else shift
        numbered(scope.scope("downsample"), block.shortcut, LayerPath((*path, "shortcut")), skipped)
    scope.by_role(block.after, LayerPath((*path, "after")))


def block_class(block: Residual) -> ScopeClass:
    """The two blocks of He et al. 2015, figure 5, by the kernels of the body."""
    if is_pre_activated(block):
        return "PreActBlock"
    kernels = [layer.kernel for layer in ir.steps(block.body) if isinstance(layer, Conv)]
    if len(kernels) == 2:
        return "BasicBlock"
    return "Bottleneck" if is_bottleneck(kernels) else "ResidualBlock"
