"""torchvision's plain networks, AlexNet and VGG: names count layers.

features.{n} | avgpool | classifier.{n}
"""

from __future__ import annotations

from collections.abc import Mapping

from resnet_dsl.ir import AdaptivePool, Flatten, Linear, Network
from resnet_dsl.naming.module_tree import Call, Flat, Program, Scope
from resnet_dsl.naming.scope_names import Draft, auxiliaries, chain, run_leaves


def plain(network: Network, taps: Mapping[int, Program]) -> Scope:
    """Everything up to the pool over the whole map is `features`, all behind it `classifier`."""
    layers = network.layers
    ends = (i for i, x in enumerate(layers) if isinstance(x, AdaptivePool | Flatten | Linear))
    end = next(ends, len(layers))
    root = Draft(taps=taps)
    if end:
        root.enter("features", *chain(network, range(end)))
    auxiliaries(root, network)
    start = end
    while start < len(layers) and isinstance(layers[start], AdaptivePool | Flatten):
        run_leaves(root, network, range(start, start + 1))
        start += 1
    behind = range(start, len(layers))
    weighing = [i for i in behind if not isinstance(layers[i], Flatten)]
    if weighing:
        scope, calls = chain(network, weighing)
        if len(weighing) == len(behind):
            root.enter("classifier", scope, calls)
        else:  # a flatten is no module, so the scope is run layer by layer
            names = dict(zip(weighing, (name for name, _ in calls), strict=True))
            root.children["classifier"] = scope
            for i in behind:
                root.program.append(Call(f"classifier.{names[i]}") if i in names else Flat())
    return root.close("PlainNet")
