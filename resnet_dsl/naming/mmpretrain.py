"""OpenMMLab's `ImageClassifier`: torchvision's names, in the parts of its classifiers.

backbone.layer{stage}.{block}.conv{n} | neck.gap | head.fc
"""

from __future__ import annotations

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.ir import AdaptivePool, LayerPath, Network
from resnet_dsl.naming.scope_names import Name, Names


def mmpretrain(network: Network, torchvision: Names) -> Names:
    """torchvision's names, each in `backbone`, `neck` or `head`."""
    names = Names()
    names.set_kind((), torchvision.kind(()))
    head = anatomy(network).head
    start = head[0].start if head else len(network.layers)

    def part(path: LayerPath) -> Name:
        match path[0]:
            case int(index) if index < start:
                return ("backbone",)
            case int(index):
                pools = isinstance(network.layers[index], AdaptivePool)
                return ("neck",) if pools else ("head",)
            case _:
                return ()

    for kind in ("backbone", "neck", "head"):
        names.set_kind((kind,), "PlainBlock")
    first: dict[Name, LayerPath] = {}
    for path, name in torchvision.entries:
        if path is not None:
            for length in range(1, len(name) + 1):
                first.setdefault(name[:length], path)
    for path, name in torchvision.entries:
        inside = first.get(name) if path is None else path
        prefix = part(inside) if inside else ()
        if path is None:
            names.add_scope((*prefix, *name), torchvision.kind(name))
        else:
            names.add(path, (*prefix, *(step.replace("avgpool", "gap") for step in name)))
    for path, home in torchvision.homes.items():
        names.homes[path] = (*part(path), *home)
    return names
