"""Network to module tree: every leaf its PyTorch layer, every scope its module."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, assert_never

import torch
from torch import nn

from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    Attention,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    EvoNorm,
    FilterResponseNorm,
    Flatten,
    GroupNorm,
    Identity,
    InstanceNorm,
    L2Normalize,
    LayerNorm,
    Leaf,
    LearnedScale,
    Linear,
    Norm,
    Normalize,
    PadChannels,
    Parameterless,
    Pool,
    PReLU,
    Scale,
    Softmax,
    SpatialAttention,
    SqueezeExcite,
    ZeroPad,
)
from resnet_dsl.naming.module_tree import Member, Scope, ScopeClass
from resnet_dsl.pytorch import attention, layers, modules
from resnet_dsl.pytorch.activations import activation_module

_SCOPES: Final[dict[ScopeClass, type[modules.Scope]]] = {
    "ResNet": modules.ResNet,
    "PlainNet": modules.PlainNet,
    "BasicBlock": modules.BasicBlock,
    "Bottleneck": modules.Bottleneck,
    "ResidualBlock": modules.ResidualBlock,
    "PreActBlock": modules.PreActBlock,
    "Inception": modules.Inception,
    "PlainBlock": modules.PlainBlock,
}


def lower(tree: Scope | Member) -> nn.Module:
    """The module of a scope or a leaf, on the meta device: shapes and no weights yet."""
    children = {name: lower(child) for name, child in tree.children.items()}
    match tree:
        case Member():
            with torch.device("meta"):
                module = _leaf(tree.leaf, in_place=tree.in_place)
            for name, child in children.items():
                module.add_module(name, child)
            return module
        case Scope(kind="Sequential"):
            return nn.Sequential(OrderedDict(children))
        case Scope():
            return _SCOPES[tree.kind](children, tree.program)
        case _:
            assert_never(tree)


def _leaf(leaf: Leaf, *, in_place: bool) -> nn.Module:
    match leaf:
        case Parameterless():
            return _without_parameters(leaf, in_place=in_place)
        case Conv():
            return _conv(leaf)
        case BatchNorm():
            return layers.batch_norm_module(leaf)
        case InstanceNorm(channels=channels, eps=eps, affine=affine):
            return nn.InstanceNorm2d(channels, eps=eps, affine=affine, dtype=torch.float32)
        case LayerNorm(channels=channels, eps=eps, of_vectors=of_vectors):
            norm = nn.LayerNorm if of_vectors else layers.ChannelLayerNorm
            return norm(channels, eps=eps, dtype=torch.float32)
        case GroupNorm(channels=channels, groups=groups, eps=eps):
            return nn.GroupNorm(groups, channels, eps=eps, dtype=torch.float32)
        case EvoNorm(channels=channels, groups=groups, eps=eps):
            return layers.EvoNorm(channels, groups, eps)
        case FilterResponseNorm(channels=channels, eps=eps):
            return layers.FilterResponseNorm(channels, eps)
        case PReLU(channels=channels):
            return nn.PReLU(channels, dtype=torch.float32)
        case LearnedScale():
            return layers.LearnedScale()
        case SqueezeExcite():
            return attention.SqueezeExcite(leaf)
        case SpatialAttention():
            return attention.SpatialAttention(leaf)
        case EfficientChannelAttention(kernel=kernel):
            return attention.EfficientChannelAttention(kernel)
        case Linear(in_features=i, out_features=o, bias=bias):
            return nn.Linear(i, o, bias=bias, dtype=torch.float32)
        case _:
            assert_never(leaf)


def _without_parameters(leaf: Leaf, *, in_place: bool) -> nn.Module:
    match leaf:
        case BlurPool(stride=stride):
            return layers.BlurPool(stride)
        case Act():
            return activation_module(leaf, in_place=in_place)
        case Pool(kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            pool = nn.MaxPool2d if leaf.kind == "max" else nn.AvgPool2d
            return pool(kernel, stride=stride, padding=padding, ceil_mode=ceil)
        case AdaptivePool(kind=kind, side=side):
            if leaf.window is not None:
                return layers.WindowPool(kind, leaf.window)
            adaptive = nn.AdaptiveAvgPool2d if kind == "average" else nn.AdaptiveMaxPool2d
            return adaptive((side, side))
        case ZeroPad(before=before, after=after):
            return nn.ZeroPad2d((before, after, before, after))
        case PadChannels(before=before, after=after):
            return layers.PadChannels(before, after)
        case Dropout(p=p, of_channels=of_channels):
            return nn.Dropout2d(p) if of_channels else nn.Dropout(p)
        case DropPath(p=p):
            return layers.DropPath(p)
        case Softmax(log=log):
            return nn.LogSoftmax(dim=1) if log else nn.Softmax(dim=1)
        case Scale(factor=factor):
            return layers.Scale(factor)
        case Normalize(mean=mean, deviation=deviation):
            return layers.Normalize(mean, deviation)
        case L2Normalize():
            return layers.L2Normalize()
        case Flatten() | Identity():
            raise AssertionError(f"{leaf} has no module")
        case Conv() | Linear() | Norm() | Attention() | PReLU() | LearnedScale():
            raise AssertionError(f"{leaf} has parameters")
        case _:
            assert_never(leaf)


def _conv(leaf: Conv) -> nn.Conv2d:
    sizes = (leaf.in_channels, leaf.out_channels, leaf.kernel, leaf.stride, leaf.padding)
    further = (leaf.dilation, leaf.groups, leaf.bias)
    if leaf.standardization is None:
        return nn.Conv2d(*sizes, *further, dtype=torch.float32)
    return layers.StandardizedConv(leaf.standardization, *sizes, *further, dtype=torch.float32)
