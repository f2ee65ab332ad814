"""OpenMMLab's `ImageClassifier`: torchvision's names, in the parts of its classifiers.

backbone.layer{stage}.{block}.conv{n} | neck.gap | head.fc
"""

from __future__ import annotations

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import AdaptivePool, LayerPath, Leaf, Network
from resnet_dsl.naming.scope_names import Name, Names


def mmpretrain(network: Network, torchvision: Names) -> Names:
    """torchvision's names, each in `backbone`, `neck` or `head`; auxiliary classifiers in none."""
    parts: dict[str, Name] = {}
    for path, (first, *_) in torchvision.entries:
        if path is not None:
            parts.setdefault(first, _part(network, path))

    def rename(name: Name) -> Name:
        if not name:
            return ("backbone",)
        part, (first, *rest) = parts.get(name[0], ()), name
        return (*part, first.replace("avgpool", "gap") if part == ("neck",) else first, *rest)

    names = torchvision.renamed(rename)
    for part in ("backbone", "neck", "head"):
        names.set_kind((part,), "PlainBlock")
    return names


def _part(network: Network, path: LayerPath) -> Name:
    if path[0] == "aux":
        return ()
    layer, head = int(path[0]), anatomy(network).head
    if not head or layer < head[0].start or not isinstance(network.layers[layer], Leaf):
        return ("backbone",)  # branches are called where their sum is
    return ("neck",) if isinstance(network.layers[layer], AdaptivePool) else ("head",)
