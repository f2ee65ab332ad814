"""What a built network is made of: scopes that run a small program.

Everything here pickles, deep-copies, compiles, exports and traces; nothing imports torchvision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

import torch
from torch import Tensor, nn

from resnet_dsl.naming.module_tree import (
    Add,
    Call,
    CallAuxiliary,
    Concat,
    FlattenStep,
    Keep,
    Program,
)

if TYPE_CHECKING:
    from resnet_dsl.ir import Network
    from resnet_dsl.language.spec import Spec
    from resnet_dsl.sources.feature_maps import FeatureMap

Device: TypeAlias = torch.device | str | int
DType: TypeAlias = torch.dtype | str
Module: TypeAlias = nn.Module


class Scope(nn.Module):
    """Children by name, and the program that runs them."""

    def __init__(self, children: dict[str, nn.Module], program: Program) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self.program = program

    def forward(self, x: Tensor) -> Any:
        return self._run(self.program, x)

    def _run(self, program: Program, x: Tensor) -> Tensor:
        for step in program:
            match step:
                case Call(name):
                    x = self._child(name)(x)
                case Add(body, shortcut):
                    x = self._run(body, x) + self._run(shortcut, x)
                case Concat(branches):
                    x = torch.cat([self._run(branch, x) for branch in branches], 1)
                case FlattenStep():
                    x = torch.flatten(x, 1)
                case Keep() | CallAuxiliary():
                    raise AssertionError("only a whole network has feature outputs")
                case _:
                    assert_never(step)
        return x

    def _child(self, name: str) -> nn.Module:
        child: nn.Module = self.get_submodule(name) if "." in name else getattr(self, name)
        return child


class BasicBlock(Scope):
    """Two 3x3 convolutions and a shortcut: He et al. 2015, figure 5, left."""


class Bottleneck(Scope):
    """1x1, 3x3, 1x1 and a shortcut: He et al. 2015, figure 5, right."""


class ResidualBlock(Scope):
    """Any other body with a shortcut."""


class PreActBlock(Scope):
    """A body that begins with norm and activation, and a shortcut: He et al. 2016, figure 1b."""


class Inception(Scope):
    """Branches side by side, concatenated: Szegedy et al. 2015, figure 2b."""


class PlainBlock(Scope):
    """Layers without a shortcut."""


class Net(Scope):
    """A whole network; `network` is what it computes, `outputs` the maps that it was built for.

    It gives its output; in training, with auxiliary classifiers, a tuple of its output and theirs,
    the last one first; built for features, a dict of maps by stage.
    """

    network: Network
    built_from: Spec | None = None
    outputs: tuple[FeatureMap, ...] = ()

    @property
    def spec(self) -> Spec:
        """The spec that it was built from; where it was built from a network, the recovered one."""
        if self.built_from is None:
            from resnet_dsl.recovery import recover

            self.built_from = recover(self.network)
        return self.built_from

    @property
    def feature_info(self) -> tuple[FeatureMap, ...]:
        """Names, channels and reductions of the maps that it gives, or of its stem and stages."""
        if self.outputs:
            return self.outputs
        from resnet_dsl.sources.feature_maps import feature_maps
        from resnet_dsl.sources.resolve import resolve

        return feature_maps(resolve(self.built_from or self.network))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...] | dict[str, Tensor]:
        maps: dict[str, Tensor] = {}
        auxiliary: list[Tensor] = []
        for step in self.program:
            if isinstance(step, Keep):
                maps[step.name] = x
            elif not isinstance(step, CallAuxiliary):
                x = self._run((step,), x)
            elif self.training:
                auxiliary.append(self._child(step.name)(x))
        if maps:
            return maps
        return (x, *reversed(auxiliary)) if auxiliary else x


class ResNet(Net):
    """A network with shortcuts."""


class PlainNet(Net):
    """A network without shortcuts."""
