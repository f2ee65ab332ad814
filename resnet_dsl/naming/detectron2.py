"""detectron2's ResNet: norms inside their convolutions, stages named as in He et al. 2015.

stem.conv1, .conv1.norm | res{stage}.{block}.shortcut, .conv{n}, .conv{n}.norm | linear
"""

from __future__ import annotations

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import Conv, LayerPath, Network, Norm, Residual
from resnet_dsl.naming.resnet import block_class
from resnet_dsl.naming.scope_names import (
    Names,
    ScopeNames,
    auxiliaries,
    by_role,
    classifier,
    plain_unit,
)


def detectron2(network: Network) -> Names:
    """detectron2's names; where it has no such network, the nearest to them."""
    names = Names()
    names.set_kind((), "ResNet")
    parts = anatomy(network)
    root = ScopeNames(names, norm="norm", norm_inside=True)
    if parts.stem:
        stem = root.scope("stem", "PlainBlock")
        by_role(stem, network, range(parts.stem[0].start, parts.stem[-1].stop))
    for number, units in enumerate(parts.stages, 2):
        stage = root.scope(f"res{number}")
        for i, unit in enumerate(units):
            if not isinstance(unit.main, Residual):
                plain_unit(stage, str(i), network, unit)
                continue
            block = stage.scope(str(i), block_class(unit.main))
            path = LayerPath((unit.stop - 1,))
            block.home(path)
            _shortcut(block, unit.main.shortcut, LayerPath((*path, "shortcut")))
            by_role(block, network, range(unit.start, unit.stop - 1))
            block.by_role(unit.main.body, LayerPath((*path, "body")))
            block.by_role(unit.main.after, LayerPath((*path, "after")))
    auxiliaries(root, network)
    if parts.head:
        indices = range(parts.head[0].start, parts.head[-1].stop)
        classifier(root, network, indices, name="linear")
    return names


def _shortcut(block: ScopeNames, shortcut: ir.Layer, path: LayerPath) -> None:
    """`shortcut` and `shortcut.norm`."""
    whole = isinstance(shortcut, ir.Sequence)
    for i, layer in enumerate(ir.steps(shortcut)):
        inner = LayerPath((*path, i)) if whole else path
        match layer:
            case Conv():
                block.leaf("shortcut", layer, inner)
            case Norm():
                block.leaf("shortcut.norm", layer, inner)
            case _:
                block.by_role(layer, inner)
