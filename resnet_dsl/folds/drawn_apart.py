"""Which layers do schemes of first weights treat apart: classifiers, and the last of a block?"""

from __future__ import annotations

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import Conv, Layer, LayerPath, Linear, Network, Norm, Residual


def classifiers(network: Network) -> list[LayerPath]:
    """Fully connected layers, and convolutions of the head that stand alone."""
    layers: list[tuple[LayerPath, Layer]] = [
        (LayerPath((i,)), layer) for i, layer in enumerate(network.layers)
    ]
    for number, auxiliary in enumerate(network.auxiliaries):
        own = enumerate(auxiliary.layers)
        layers += [(LayerPath(("aux", number, i)), layer) for i, layer in own]
    bare = [u for u in anatomy(network).head if isinstance(u.main, Conv) and u.stop - u.start == 1]
    linear = [path for path, layer in layers if isinstance(layer, Linear)]
    return [*linear, *(LayerPath((unit.start,)) for unit in bare)]


def last_weights(network: Network) -> list[LayerPath]:
    """The last norm of every residual body, where no norm ends it its last convolution: Goyal et
    al. 2017, §5.1, start it at zero."""
    paths = []
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Residual):
            body = leaves(layer.body, LayerPath((i, "body")))
            paths += [path for path, leaf in body if isinstance(leaf, Conv | Norm)][-1:]
    return paths
