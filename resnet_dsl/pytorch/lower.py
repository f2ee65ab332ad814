"""Network to module tree: every leaf its PyTorch layer, every scope its module."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, assert_never

import torch
from torch import nn

from resnet_dsl.ir import (
    Act,
    ActKind,
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
    Leaf,
    Linear,
    Norm,
    PadChannels,
    Parameterless,
    Pool,
    Softmax,
    SqueezeExcite,
    ZeroPad,
)
from resnet_dsl.naming.module_tree import Member, Scope, ScopeClass
from resnet_dsl.pytorch import modules

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
            kind = modules.StandardizedConv if leaf.standardized else nn.Conv2d
            return kind(
                leaf.in_channels,
                leaf.out_channels,
                leaf.kernel,
                stride=leaf.stride,
                padding=leaf.padding,
                dilation=leaf.dilation,
                groups=leaf.groups,
                bias=leaf.bias,
                dtype=torch.float32,
            )
        case BatchNorm(channels=channels, eps=eps, momentum=momentum):
            return nn.BatchNorm2d(channels, eps=eps, momentum=momentum, dtype=torch.float32)
        case GroupNorm(channels=channels, groups=groups, eps=eps):
            return nn.GroupNorm(groups, channels, eps=eps, dtype=torch.float32)
        case EvoNorm(channels=channels, groups=groups, eps=eps):
            return modules.EvoNorm(channels, groups, eps)
        case FilterResponseNorm(channels=channels, eps=eps):
            return modules.FilterResponseNorm(channels, eps)
        case SqueezeExcite(channels=channels, hidden=hidden):
            return modules.SqueezeExcite(channels, hidden)
        case EfficientChannelAttention(kernel=kernel):
            return modules.EfficientChannelAttention(kernel)
        case Linear(in_features=i, out_features=o):
            return nn.Linear(i, o, dtype=torch.float32)
        case _:
            assert_never(leaf)


def _without_parameters(leaf: Leaf, *, in_place: bool) -> nn.Module:
    match leaf:
        case BlurPool(stride=stride):
            return modules.BlurPool(stride)
        case Act(kind=kind):
            return _act(kind, in_place=in_place)
        case Pool(kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            pool = nn.MaxPool2d if leaf.kind == "max" else nn.AvgPool2d
            return pool(kernel, stride=stride, padding=padding, ceil_mode=ceil)
        case AdaptivePool(side=side):
            return nn.AdaptiveAvgPool2d((side, side))
        case ZeroPad(before=before, after=after):
            return nn.ZeroPad2d((before, after, before, after))
        case PadChannels(before=before, after=after):
            return modules.PadChannels(before, after)
        case Dropout(p=p):
            return nn.Dropout(p)
        case DropPath(p=p):
            return modules.DropPath(p)
        case Softmax():
            return nn.Softmax(dim=1)
        case Flatten() | Identity():
            raise AssertionError(f"{leaf} has no module")
        case Conv() | Linear() | Norm() | Attention():
            raise AssertionError(f"{leaf} has parameters")
        case _:
            assert_never(leaf)


def _act(kind: ActKind, *, in_place: bool) -> nn.Module:
    match kind:
        case "relu":
            return nn.ReLU(inplace=in_place)
        case "relu6":
            return nn.ReLU6(inplace=in_place)
        case "leaky_relu":
            return nn.LeakyReLU(inplace=in_place)
        case "elu":
            return nn.ELU(inplace=in_place)
        case "gelu":
            return nn.GELU()
        case "silu":
            return nn.SiLU(inplace=in_place)
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
        case _:
            assert_never(kind)
