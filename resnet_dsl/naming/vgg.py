"""torchvision's plain networks, AlexNet and VGG: names count layers.

features.{n} | avgpool | classifier.{n}
"""

from __future__ import annotations

from resnet_dsl.ir import AdaptivePool, Flatten, LayerPath, Linear, Network
from resnet_dsl.naming.scope_names import Names, ScopeNames, auxiliaries, chain


def vgg(network: Network) -> Names:
    """All before the pool over the whole map is `features`, all after it `classifier`."""
    names = Names()
    names.set_kind((), "PlainNet")
    layers = network.layers
    ends = (i for i, x in enumerate(layers) if isinstance(x, AdaptivePool | Flatten | Linear))
    end = next(ends, len(layers))
    root = ScopeNames(names)
    if end:
        chain(root.scope("features"), network, range(end))
    auxiliaries(root, network)
    while end < len(layers) and isinstance(layers[end], AdaptivePool | Flatten):
        root.by_role(layers[end], LayerPath((end,)))
        end += 1
    weighing = [i for i in range(end, len(layers)) if not isinstance(layers[i], Flatten)]
    if weighing:
        chain(root.scope("classifier"), network, weighing)
    return names
