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
    PadChannels,
    Pool,
    Softmax,
    SqueezeExcite,
    ZeroPad,
)
from resnet_dsl.naming.module_tree import Kind, Member, Scope
from resnet_dsl.pytorch import modules

_SCOPES: Final[dict[Kind, type[modules.Scope]]] = {
    "ResNet": modules.ResNet,
    "PlainNet": modules.PlainNet,
    "BasicBlock": modules.BasicBlock,
    "Bottleneck": modules.Bottleneck,
    "ResidualBlock": modules.ResidualBlock,
    "PreActBlock": modules.PreActBlock,
    "Inception": modules.Inception,
    "PlainBlock": modules.PlainBlock,
}


def lower(scope: Scope) -> nn.Module:
    """The module of a scope, on the meta device: shapes and no weights yet."""
    children = {
        name: lower(child) if isinstance(child, Scope) else _module(child)
        for name, child in scope.children.items()
    }
    if scope.kind == "Sequential":
        return nn.Sequential(OrderedDict(children))
    return _SCOPES[scope.kind](children, scope.program)


def _module(member: Member) -> nn.Module:
    with torch.device("meta"):
        return _leaf(member.leaf, in_place=member.fresh)


def _leaf(leaf: Leaf, *, in_place: bool) -> nn.Module:
    match leaf:
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
        case BlurPool(stride=stride):
            return modules.BlurPool(stride)
        case Act(kind=kind):
            return _act(kind, in_place=in_place)
        case Pool(kind="max"):
            return nn.MaxPool2d(
                leaf.kernel, stride=leaf.stride, padding=leaf.padding, ceil_mode=leaf.ceil
            )
        case Pool():
            return nn.AvgPool2d(
                leaf.kernel, stride=leaf.stride, padding=leaf.padding, ceil_mode=leaf.ceil
            )
        case AdaptivePool(side=side):
            return nn.AdaptiveAvgPool2d((side, side))
        case ZeroPad(before=before, after=after):
            return nn.ZeroPad2d((before, after, before, after))
        case PadChannels(before=before, after=after):
            return modules.PadChannels(before, after)
        case Linear(in_features=i, out_features=o):
            return nn.Linear(i, o, dtype=torch.float32)
        case Dropout(p=p):
            return nn.Dropout(p)
        case DropPath(p=p):
            return modules.DropPath(p)
        case Softmax():
            return nn.Softmax(dim=1)
        case Flatten() | Identity():
            raise AssertionError(f"{leaf} has no module")
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
