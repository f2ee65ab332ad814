"""What are the modules of a network called? Schemes that name its leaves; one builder of the tree.

A scheme is a function from a network to the names of its leaves and the classes of their scopes.
The order of names is the order of registration (of `state_dict`, and of what is printed). The
builder makes the module tree and the program from the network itself, so no scheme can change what
is computed. A key of the state dict is a `Tensor`, a leaf and one of its tensors: weights move
between schemes by it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias, assert_never, get_args

from resnet_dsl.folds.anatomy import anatomy, is_pre_activated
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import COUNTER, weight_shapes
from resnet_dsl.ir import LayerPath, Network, Parallel, Residual
from resnet_dsl.naming.builder import Features, module_tree
from resnet_dsl.naming.detectron2 import detectron2
from resnet_dsl.naming.googlenet import googlenet
from resnet_dsl.naming.mmpretrain import mmpretrain
from resnet_dsl.naming.module_tree import Scope
from resnet_dsl.naming.resnet import resnet
from resnet_dsl.naming.resnetv2 import resnetv2
from resnet_dsl.naming.scope_names import Names
from resnet_dsl.naming.transformers import NamingError as NamingError
from resnet_dsl.naming.transformers import transformers
from resnet_dsl.naming.vgg import vgg

Naming: TypeAlias = Literal["torchvision", "timm", "transformers", "mmpretrain", "detectron2"]
NAMINGS: Final[tuple[Naming, ...]] = get_args(Naming)


class Tensor(NamedTuple):
    """A tensor of a network: its leaf, and the leaf's key for it."""

    leaf: LayerPath
    key: str


def names_of(network: Network, naming: Naming = "torchvision") -> Names:
    """The names of a network's leaves in a library's naming.

    Where a library does not have such a network, the nearest to its names; transformers expresses
    few networks, and the others raise `NamingError`. timm names pre-activated networks in a way of
    its own (`resnetv2`), all others as torchvision does.
    """
    match naming:
        case "transformers":
            return transformers(network)
        case "detectron2":
            return detectron2(network)
        case "mmpretrain":
            return mmpretrain(network, _torchvision(network))
        case "timm":
            blocks = (layer for layer in network.layers if isinstance(layer, Residual))
            is_v2 = any(map(is_pre_activated, blocks))
            return resnetv2(network) if is_v2 else _torchvision(network)
        case "torchvision":
            return _torchvision(network)
        case _:
            assert_never(naming)


def _torchvision(network: Network) -> Names:
    if any(isinstance(layer, Residual) for layer in network.layers):
        return resnet(network)
    if any(isinstance(layer, Parallel) for layer in network.layers):
        return googlenet(network)
    return vgg(network)


def named(
    network: Network, naming: Naming = "torchvision", features: Features | None = None
) -> Scope:
    """The module tree of a network in a library's naming; may raise `NamingError`.

    `features` are the names of feature outputs, by the number of layers after which they are taken.

    >>> from resnet_dsl import elaborate, load
    >>> list(named(elaborate(load("resnet18"))).children)[:5]
    ['conv1', 'bn1', 'relu', 'maxpool', 'layer1']
    """
    return module_tree(network, names_of(network, naming), features)


def leaf_names(network: Network, naming: Naming = "torchvision") -> dict[LayerPath, str]:
    """The name of each leaf's module, in order of registration.

    >>> from resnet_dsl import elaborate, load
    >>> list(leaf_names(elaborate(load("resnet18"))).values())[4:6]
    ['layer1.0.conv1', 'layer1.0.bn1']
    """
    return dict(names_of(network, naming).dotted())


def state_keys(network: Network, naming: Naming = "torchvision") -> dict[str, Tensor]:
    """The keys of a network's state dict in a library's naming, in order; or `NamingError`.

    >>> from resnet_dsl import elaborate, load
    >>> list(state_keys(elaborate(load("resnet50")), "detectron2"))[:2]
    ['stem.conv1.weight', 'stem.conv1.norm.weight']
    """
    leaves = dict(network_leaves(network))
    return {
        f"{name}.{key}": Tensor(path, key)
        for path, name in names_of(network, naming).dotted()
        for key in weight_shapes(leaves[path])
    }


def has_whole_files(naming: Naming) -> bool:
    """Whether files of a library have all tensors of a network, classifier and counters too."""
    return naming != "detectron2"


def stored_keys(network: Network, naming: Naming) -> dict[str, Tensor]:
    """The keys that files of a library have: detectron2's have backbones, and no counters."""
    keys = state_keys(network, naming)
    if has_whole_files(naming):
        return keys
    head = anatomy(network).head
    start = head[0].start if head else len(network.layers)

    def is_stored(tensor: Tensor) -> bool:
        classifies = tensor.leaf[0] == "aux" or int(tensor.leaf[0]) >= start
        return tensor.key != COUNTER and not classifies

    return {key: tensor for key, tensor in keys.items() if is_stored(tensor)}
