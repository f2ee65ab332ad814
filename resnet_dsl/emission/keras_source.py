"""A network as Keras 3 source, for images with channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from resnet_dsl.emission.dialects import KERAS
from resnet_dsl.emission.keras_layers import keras_layer
from resnet_dsl.emission.network_source import Emitter
from resnet_dsl.emission.own_layers import OwnLayer
from resnet_dsl.folds.drawn_apart import last_weights
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import Naming
from resnet_dsl.naming.module_tree import Member

_HELPERS: Final = {
    "sequential(": '''\
def sequential(*items: layers.Layer) -> keras.Sequential:
    """Layers one after the other."""
    return keras.Sequential(list(items))
''',
    "child(": '''\
def child(layer: layers.Layer, path: str) -> layers.Layer:
    """A layer inside of others, by its path."""
    for step in path.split("."):
        is_row = isinstance(layer, keras.Sequential)
        layer = layer.layers[int(step)] if is_row else getattr(layer, step)
    return layer
''',
    "flatten(": '''\
def flatten(x):
    """A map as one vector, channel by channel, as PyTorch reads it."""
    x = ops.transpose(x, (0, 3, 1, 2))
    return ops.reshape(x, (-1, x.shape[1] * x.shape[2] * x.shape[3]))
''',
}
_BUILD: Final = (
    "    def build(self, input_shape) -> None:",
    "        self.call(keras.KerasTensor(input_shape))",
    "        super().build(input_shape)",
    "",
)
_TRAINING: Final = ("        del training  # Keras hands it to the layers inside",)
"""Without that argument of the outermost layer, Keras trains as if in evaluation."""


def keras_source(
    network: Network, init: Init, description: Sequence[str], naming: Naming = "torchvision"
) -> str:
    """The source of a network without auxiliary classifiers, which Keras trains by other means.

    Raises `KerasError` for a layer that Keras cannot compute.
    """
    zeroed = set(last_weights(network)) if init.zero_init_residual else set()

    def layer(member: Member) -> OwnLayer:
        return keras_layer(
            member.leaf, init.scheme, zeroed=any(path in zeroed for path in member.paths)
        )

    emitter = Emitter(replace(network, auxiliaries=()), naming, KERAS, layer)
    return emitter.source(description, helpers=_HELPERS, methods=_BUILD, statements=_TRAINING)
