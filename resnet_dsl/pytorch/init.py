"""First weights, drawn as the libraries' constructors draw them: the same seed, the same bits.

Two phases. Every layer draws PyTorch's default in order of creation; then, in order of
registration, layers draw again by the spec's scheme: convolutions from He et al. 2015b's normal
distribution (fan-out), most often. What is not drawn again keeps its first draw.
"""

from __future__ import annotations

from typing import Protocol, assert_never, cast

from torch import nn

from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.folds.creation_order import creation_order
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import Conv, Layer, LayerPath, Linear, Network, Norm, Residual
from resnet_dsl.language.spec import Init, Scheme
from resnet_dsl.naming.module_tree import Scope, members


class _Resettable(Protocol):
    def reset_parameters(self) -> None: ...


def initialize(model: nn.Module, network: Network, scope: Scope, init: Init) -> None:
    """Draw the weights of a model in place, from torch's global CPU generator."""
    modules = {
        path: model.get_submodule(name) for name, member in members(scope) for path in member.paths
    }
    for path, _ in creation_order(network):
        if path in modules:
            reset(modules[path])
    classifiers = {modules[path] for path in _classifiers(network)}
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _draw_again(module, init.scheme, classifies=module in classifiers)
    if init.zero_init_residual:
        for path in last_weights(network):
            nn.init.zeros_(modules[path].get_parameter("weight"))


def _draw_again(layer: nn.Conv2d | nn.Linear, scheme: Scheme, *, classifies: bool) -> None:
    match scheme:
        case "resnet":
            if not isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        case "vgg":
            if classifies:
                nn.init.normal_(layer.weight, 0.0, 0.01)
            else:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        case "googlenet":
            nn.init.trunc_normal_(layer.weight, 0.0, 0.01, -2.0, 2.0)
        case "pytorch":
            pass
        case _:
            assert_never(scheme)


def _classifiers(network: Network) -> list[LayerPath]:
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


def reset(module: nn.Module) -> None:
    """Draw PyTorch's default weights, and set what is constant."""
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            cast("_Resettable", part).reset_parameters()


def last_weights(network: Network) -> list[LayerPath]:
    """The last norm of every residual body, where no norm ends it its last convolution: Goyal et
    al. 2017, §5.1, start it at zero."""
    paths = []
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Residual):
            body = leaves(layer.body, LayerPath((i, "body")))
            paths += [path for path, leaf in body if isinstance(leaf, Conv | Norm)][-1:]
    return paths
