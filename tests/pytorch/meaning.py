"""What a network means: layer by layer, out of place, by torch's functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional

from resnet_dsl import build, elaborate, ir
from resnet_dsl.ir import ROOT, Layer, LayerPath, Network
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import Naming, named
from resnet_dsl.naming.module_tree import members
from tests.pytorch.reference import image, shuffle_statistics


def compute(
    layer: Layer, x: Tensor, modules: Mapping[LayerPath, nn.Module], path: LayerPath = ROOT
) -> Tensor:
    """The meaning of a layer, in evaluation mode; weights are those of the model's modules."""
    match layer:
        case ir.Sequence(layers):
            for i, inner in enumerate(layers):
                x = compute(inner, x, modules, LayerPath((*path, i)))
            return x
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            left = compute(body, x, modules, LayerPath((*path, "body")))
            right = compute(shortcut, x, modules, LayerPath((*path, "shortcut")))
            return compute(after, left + right, modules, LayerPath((*path, "after")))
        case ir.Parallel(branches):
            parts = [compute(b, x, modules, LayerPath((*path, i))) for i, b in enumerate(branches)]
            return torch.cat(parts, 1)
        case ir.Conv():
            conv = modules[path]
            assert isinstance(conv, nn.Conv2d)
            filters: Tensor = conv.weight
            if layer.standardized:
                rows: Tensor = conv.weight.reshape(1, len(conv.weight), -1)
                rows = functional.batch_norm(rows, None, None, training=True, eps=1e-8)
                filters = rows.reshape(filters.shape)
            return functional.conv2d(
                x, filters, conv.bias, layer.stride, layer.padding, layer.dilation, layer.groups
            )
        case ir.BatchNorm(eps=eps):
            norm = modules[path]
            assert isinstance(norm, nn.BatchNorm2d)
            mean, var, weight, bias = norm.running_mean, norm.running_var, norm.weight, norm.bias
            return functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)
        case ir.GroupNorm(groups=groups, eps=eps):
            norm = modules[path]
            assert isinstance(norm, nn.GroupNorm)
            return functional.group_norm(x, groups, norm.weight, norm.bias, eps)
        case ir.EvoNorm(groups=groups, eps=eps):
            parts = x.unflatten(1, (groups, -1))
            deviation = (parts.var((2, 3, 4), unbiased=False, keepdim=True) + eps).sqrt()
            deviation = deviation.expand_as(parts).flatten(1, 2)
            weights, biases, gates = (
                modules[path].get_parameter(n).reshape(1, -1, 1, 1) for n in ("weight", "bias", "v")
            )
            evolved: Tensor = x * (x * gates).sigmoid() / deviation * weights + biases
            return evolved
        case ir.FilterResponseNorm(eps=eps):
            weights, biases, taus = (
                modules[path].get_parameter(n).reshape(1, -1, 1, 1)
                for n in ("weight", "bias", "tau")
            )
            normal = x * (x.pow(2).mean((2, 3), keepdim=True) + eps).rsqrt()
            return torch.max(normal * weights + biases, taus)
        case ir.SqueezeExcite():
            fc1, fc2 = (modules[path].get_submodule(name) for name in ("fc1", "fc2"))
            squeezed: Tensor = fc2(functional.relu(fc1(functional.adaptive_avg_pool2d(x, 1))))
            return x * squeezed.sigmoid()
        case ir.EfficientChannelAttention(kernel=kernel):
            weight = modules[path].get_parameter("conv.weight")
            mean = functional.adaptive_avg_pool2d(x, 1).squeeze(3).transpose(1, 2)
            weighed = functional.conv1d(mean, weight, padding=kernel // 2).sigmoid()
            return x * weighed.transpose(1, 2).unsqueeze(3)
        case ir.BlurPool(stride=stride):
            line = torch.tensor([1.0, 2.0, 1.0]) / 4
            filter = torch.outer(line, line).repeat(x.shape[1], 1, 1, 1)
            around = functional.pad(x, (1, 1, 1, 1), mode="reflect")
            return functional.conv2d(around, filter, stride=stride, groups=x.shape[1])
        case ir.Linear():
            linear = modules[path]
            assert isinstance(linear, nn.Linear)
            return functional.linear(x, linear.weight, linear.bias)
        case ir.Act(kind=kind):
            function = getattr(functional, kind) if kind != "tanh" else torch.tanh
            result: Tensor = function(x)
            return result
        case ir.Pool(kind="max"):
            return functional.max_pool2d(
                x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil
            )
        case ir.Pool():
            return functional.avg_pool2d(
                x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil
            )
        case ir.AdaptivePool(side=side):
            return functional.adaptive_avg_pool2d(x, side)
        case ir.ZeroPad(before=before, after=after):
            return functional.pad(x, (before, after, before, after))
        case ir.PadChannels(before=before, after=after):
            zeros = [x.new_zeros(len(x), new, *x.shape[2:]) for new in (before, after)]
            return torch.cat([zeros[0], x, zeros[1]], 1)
        case ir.Flatten():
            return x.flatten(1)
        case ir.Softmax():
            return x.softmax(1)
        case ir.Dropout() | ir.DropPath() | ir.Identity():
            return x
        case _:
            assert_never(layer)


def assert_means_its_network(source: Spec | Network, naming: Naming = "torchvision") -> None:
    """A model computes what its network means, whatever its modules are called."""
    network = source if isinstance(source, Network) else elaborate(source)
    model = build(source, seed=0, naming=naming).eval()
    shuffle_statistics(model)
    modules = {
        path: model.get_submodule(name)
        for name, member in members(named(network, naming))
        for path in member.paths
    }
    x = image(2, *network.input)
    kept = x.clone()
    with torch.no_grad():
        expected = compute(ir.Sequence(network.layers), x, modules)
        assert torch.equal(model(x), expected)
    assert torch.equal(x, kept)
