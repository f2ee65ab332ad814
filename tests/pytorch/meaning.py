"""What a network means: layer by layer, out of place, by torch's functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

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
            filters = _filters(conv.weight, layer.standardization)
            return functional.conv2d(
                x, filters, conv.bias, layer.stride, layer.padding, layer.dilation, layer.groups
            )
        case ir.BatchNorm(eps=eps):
            norm = modules[path]
            assert isinstance(norm, nn.BatchNorm1d if layer.of_vectors else nn.BatchNorm2d)
            return _batch_norm(norm, x, eps)
        case ir.InstanceNorm(eps=eps):
            norm = modules[path]
            assert isinstance(norm, nn.InstanceNorm2d)
            return functional.instance_norm(x, weight=norm.weight, bias=norm.bias, eps=eps)
        case ir.LayerNorm(channels=channels, eps=eps, of_vectors=of_vectors):
            norm = modules[path]
            assert isinstance(norm, nn.LayerNorm)
            last = x if of_vectors else x.permute(0, 2, 3, 1)
            same = functional.layer_norm(last, [channels], norm.weight, norm.bias, eps)
            return same if of_vectors else same.permute(0, 3, 1, 2)
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
            return _squeeze_excite(layer, x, modules[path])
        case ir.SpatialAttention():
            maps = [x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]]
            gate = functional.conv2d(
                torch.cat(maps[::-1] if layer.max_first else maps, 1),
                modules[path].get_parameter("conv.weight"),
                modules[path].get_parameter("conv.bias") if layer.bias else None,
                padding=layer.kernel // 2,
            )
            if layer.norm is not None:
                gate = _batch_norm(modules[path].get_submodule("norm"), gate, layer.norm.eps)
            return x * gate.sigmoid()
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
        case ir.Act():
            return _activated(layer, x)
        case ir.PReLU():
            return functional.prelu(x, modules[path].get_parameter("weight"))
        case ir.Scale(factor=factor):
            return x * factor
        case ir.LearnedScale():
            return x * modules[path].get_parameter("weight")
        case ir.Normalize(mean=means, deviation=deviations):
            ones = (1,) * (x.dim() - 2)
            mean, deviation = (torch.tensor(v).reshape(-1, *ones) for v in (means, deviations))
            return (x - mean) / deviation
        case ir.L2Normalize():
            return x / x.norm(2, 1, keepdim=True).clamp_min(1e-12)  # type: ignore[no-any-return]
        case ir.Pool(kind="max"):
            return functional.max_pool2d(
                x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil
            )
        case ir.Pool():
            return functional.avg_pool2d(
                x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil
            )
        case ir.AdaptivePool(side=side, kind=kind, window=window):
            if window is not None:
                height, width = x.shape[2:]
                sides = {"whole": (height, width), "height": (height,) * 2, "width": (width,) * 2}
                windowed = functional.avg_pool2d if kind == "average" else functional.max_pool2d
                result: Tensor = windowed(x, sides[window])
                return result
            pool = functional.adaptive_avg_pool2d
            return pool(x, side) if kind == "average" else functional.adaptive_max_pool2d(x, side)
        case ir.ZeroPad(before=before, after=after):
            return functional.pad(x, (before, after, before, after))
        case ir.PadChannels(before=before, after=after):
            zeros = [x.new_zeros(len(x), new, *x.shape[2:]) for new in (before, after)]
            return torch.cat([zeros[0], x, zeros[1]], 1)
        case ir.Flatten():
            return x.flatten(1)
        case ir.Softmax(log):
            return x.log_softmax(1) if log else x.softmax(1)
        case ir.Dropout() | ir.DropPath() | ir.Identity():
            return x
        case _:
            assert_never(layer)


def _filters(weight: Tensor, standardization: ir.Standardization | None) -> Tensor:
    if standardization is None:
        return weight
    eps = standardization.eps
    match standardization.formula:
        case "batch_norm":
            rows = weight.reshape(1, len(weight), -1)
            rows = functional.batch_norm(rows, None, None, training=True, eps=eps)
            return rows.reshape(weight.shape)
        case "variance":
            var, mean = torch.var_mean(weight, [1, 2, 3], keepdim=True, unbiased=False)
            return (weight - mean) / torch.sqrt(var + eps)
        case "deviation":  # as the authors' code has it
            weight = weight - weight.mean(1, True).mean(2, True).mean(3, True)
            std = weight.view(weight.size(0), -1).std(dim=1).view(-1, 1, 1, 1) + eps
            return weight / std.expand_as(weight)


def _batch_norm(norm: Any, x: Tensor, eps: float) -> Tensor:
    mean, var, weight, bias = norm.running_mean, norm.running_var, norm.weight, norm.bias
    return functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)


def _squeeze_excite(leaf: ir.SqueezeExcite, x: Tensor, module: nn.Module) -> Tensor:
    def excited(pooled: Tensor) -> Tensor:
        y = module.get_submodule("fc1")(pooled.flatten(1) if leaf.linear else pooled)
        if leaf.norm is not None:
            y = _batch_norm(module.get_submodule("norm"), y, leaf.norm.eps)
        result: Tensor = module.get_submodule("fc2")(_activated(ir.Act(leaf.act), y))
        return result

    total = excited(functional.adaptive_avg_pool2d(x, 1))
    if leaf.max_pool:
        total = total + excited(functional.adaptive_max_pool2d(x, 1))
    return x * _activated(ir.Act(leaf.gate), total).reshape(*x.shape[:2], 1, 1)


def _activated(act: ir.Act, x: Tensor) -> Tensor:
    match act.kind:
        case "tanh":
            return torch.tanh(x)
        case "gelu_tanh":
            return functional.gelu(x, approximate="tanh")
        case kind:
            numbers = () if act.number is None else (act.number,)
            result: Tensor = getattr(functional, kind)(x, *numbers)
            return result


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
