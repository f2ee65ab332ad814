"""A network as PyTorch source."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_dsl.emission.dialects import TORCH
from resnet_dsl.emission.drawn_weights import drawing_lines
from resnet_dsl.emission.network_source import Emitter
from resnet_dsl.emission.own_layers import OwnLayer, own_layer
from resnet_dsl.emission.torch_layers import torch_layer
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import Naming
from resnet_dsl.naming.module_tree import Member


def torch_source(
    network: Network, init: Init, description: Sequence[str], naming: Naming = "torchvision"
) -> str:
    """The source of a network, with a description as the docstring of its module."""
    emitter = Emitter(network, naming, TORCH, _layer)
    return emitter.source(
        description,
        lambda definitions, names: drawing_lines(network, init, naming, definitions, names),
    )


def _layer(member: Member) -> OwnLayer:
    own = own_layer(member.leaf)
    return own or OwnLayer(torch_layer(member.leaf, in_place=member.in_place), "")
