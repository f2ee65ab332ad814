"""First weights, drawn as torchvision's constructors draw them: the same seed, the same bits.

Two phases. Every layer draws PyTorch's default in order of creation; then the convolutions draw
again, in order of registration, from He et al. 2015b's normal distribution (fan-out). What is not
drawn again, the classifier, keeps its first draw.
"""

from __future__ import annotations

from typing import Protocol, cast

from torch import nn

from resnet_dsl import ir
from resnet_dsl.folds.count import leaves
from resnet_dsl.folds.creation import creation
from resnet_dsl.folds.naming import Scope, members
from resnet_dsl.ir import BatchNorm, GroupNorm, Network, Path, Residual
from resnet_dsl.spec import Init


class _Resettable(Protocol):
    def reset_parameters(self) -> None: ...


def initialize(model: nn.Module, network: Network, scope: Scope, init: Init) -> None:
    """Draw the weights of a model in place, from torch's global CPU generator."""
    modules = {
        path: model.get_submodule(name) for name, member in members(scope) for path in member.paths
    }
    for path, _ in creation(ir.Sequence(network.layers)):
        if path in modules:
            reset(modules[path])
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if init.zero_init_residual:
        for path in last_norms(network):
            nn.init.zeros_(modules[path].get_parameter("weight"))


def reset(module: nn.Module) -> None:
    """Draw PyTorch's default weights, and set what is no draw."""
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            cast("_Resettable", part).reset_parameters()


def last_norms(network: Network) -> list[Path]:
    """The last norm of every residual body: Goyal et al. 2017, §5.1, start it at zero."""
    found = []
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Residual):
            norms = [
                p
                for p, leaf in leaves(layer.body, (i, "body"))
                if isinstance(leaf, BatchNorm | GroupNorm)
            ]
            found += norms[-1:]
    return found
