"""The module tree of a network, and so the names of its weights.

A scheme is a function from a network to a tree of scopes. The order of a scope's children is the
order of registration (of `state_dict`, and of what is printed); its program is the order of
computation. Scopes stand where the library has modules; leaves keep their path in the network, by
which weights move between schemes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, assert_never, get_args

from resnet_dsl.folds.anatomy import is_pre_activated
from resnet_dsl.ir import Network, Parallel, Residual
from resnet_dsl.naming.googlenet import inception
from resnet_dsl.naming.module_tree import Aside, Program, Scope
from resnet_dsl.naming.module_tree import Member as Member
from resnet_dsl.naming.module_tree import members as members
from resnet_dsl.naming.resnet import residual
from resnet_dsl.naming.resnetv2 import preact
from resnet_dsl.naming.transformers import NamingError as NamingError
from resnet_dsl.naming.transformers import transformers
from resnet_dsl.naming.vgg import plain

Naming: TypeAlias = Literal["torchvision", "timm", "transformers"]
NAMINGS: Final[tuple[Naming, ...]] = get_args(Naming)
Taps: TypeAlias = Mapping[int, Program]
"""Steps to run behind so many layers of a network."""


def named(network: Network, naming: Naming = "torchvision", taps: Taps | None = None) -> Scope:
    """The module tree of a network in a library's naming.

    Where torchvision or timm does not have such a network, the like of it; transformers says few,
    and for the others there is a `NamingError`. timm names pre-activated networks in a way of its
    own (`resnetv2`), all others as torchvision does.

    >>> from resnet_dsl import elaborate, load
    >>> list(named(elaborate(load("resnet18"))).children)[:5]
    ['conv1', 'bn1', 'relu', 'maxpool', 'layer1']
    """
    found = dict(taps or {})
    for number, aux in enumerate(network.auxiliaries, 1):
        found[aux.behind] = (*found.get(aux.behind, ()), Aside(f"aux{number}"))
    blocks = [layer for layer in network.layers if isinstance(layer, Residual)]
    match naming:
        case "transformers":
            return transformers(network, found)
        case "timm" if any(map(is_pre_activated, blocks)):
            return preact(network, found)
        case "timm" | "torchvision":
            if blocks:
                return residual(network, found)
            if any(isinstance(layer, Parallel) for layer in network.layers):
                return inception(network, found)
            return plain(network, found)
        case _:
            assert_never(naming)
