"""First weights, drawn as the libraries' constructors draw them: the same seed, the same bits.

Two phases. Every layer draws PyTorch's default in order of creation; then, in order of
registration, layers draw again by the spec's scheme: convolutions from He et al. 2015b's normal
distribution (fan-out), most often. What is not drawn again keeps its first draw.
"""

from __future__ import annotations

from typing import Protocol, assert_never, cast

from torch import nn

from resnet_dsl.folds.creation_order import creation_order
from resnet_dsl.folds.drawn_apart import classifiers, last_weights
from resnet_dsl.ir import Network
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
    classifying = {modules[path] for path in classifiers(network)}
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _draw_again(module, init.scheme, classifies=module in classifying)
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


def reset(module: nn.Module) -> None:
    """Draw PyTorch's default weights, and set what is constant."""
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            cast("_Resettable", part).reset_parameters()
