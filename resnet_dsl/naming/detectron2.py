"""detectron2's ResNet: norms inside their convolutions, stages numbered as in He et al. 2015.

stem.conv1, .conv1.norm | res{stage}.{block}.shortcut, .conv{n}, .conv{n}.norm | linear
"""

from __future__ import annotations

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import LayerPath, Network, Residual
from resnet_dsl.naming.resnet import name_stages
from resnet_dsl.naming.scope_names import Names, ScopeNames, auxiliaries, by_role, classifier


def detectron2(network: Network) -> Names:
    """detectron2's names; where it has no such network, the nearest to them."""
    names = Names()
    names.set_kind((), "ResNet")
    root = ScopeNames(names, norm="norm", norm_inside=True)
    if stem := anatomy(network).stem:
        by_role(root.scope("stem", "PlainBlock"), network, range(stem[0].start, stem[-1].stop))
    name_stages(root, network, _block, "res{}", first=2)
    auxiliaries(root, network)
    classifier(root, network, name="linear")
    return names


def _block(scope: ScopeNames, block: Residual, path: LayerPath) -> None:
    """The projection, `shortcut` with its norm, comes first."""
    scope.by_role(block.shortcut, LayerPath((*path, "shortcut")), conv="shortcut")
    scope.by_role(block.body, LayerPath((*path, "body")))
    scope.by_role(block.after, LayerPath((*path, "after")))
