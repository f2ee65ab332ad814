"""Operations that are layers on their own: one input, one leaf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final

from resnet_dsl import ir
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.ir import Layer, Leaf
from resnet_dsl.pytorch.lift.graph import CASTS, Formula, Operation, Weight, refused

_ACTS: Final[dict[str, ir.ActKind]] = {
    "relu": "relu",
    "relu6": "relu6",
    "elu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}
_PADDINGS: Final = {"pad", "constant_pad_nd"}
_VIEWS: Final = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "select"}
_POOLS: Final = {"max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"}
_OF_MAPS: Final = _PADDINGS | _POOLS | {"conv2d", "batch_norm", "group_norm", "slice"}


@dataclass
class Names:
    """For each leaf with weights, the names of these in the model; whether norms are `frozen`."""

    training: bool
    frozen: bool = False
    _by_leaf: IdentityCache[dict[str, str]] = field(default_factory=IdentityCache)

    def weighing(self, leaf: Leaf, **weights: Weight | None) -> Leaf:
        """A leaf whose weights are known by name."""
        return self.named(leaf, {key: w.name for key, w in weights.items() if w is not None})

    def named(self, leaf: Leaf, names: dict[str, str]) -> Leaf:
        """A leaf with the names of its weights."""
        self._by_leaf.put(leaf, names)
        return leaf

    def of(self, leaf: Leaf) -> dict[str, str]:
        """The names of a leaf's weights."""
        return self._by_leaf.get(leaf) or {}


def layers_of(here: Operation, names: Names) -> list[Layer]:
    """The layers of an operation with one input; refused where there are none."""
    (before,) = here.inputs
    if len(before.shape) != 4 and here.name in _OF_MAPS:
        raise refused(here)
    match here.name:
        case "conv2d":
            return [_conv(here, names)]
        case "batch_norm":
            return [_batch_norm(here, names)]
        case "group_norm":
            return [_group_norm(here, names)]
        case "linear":
            return [_linear(here, names)]
        case "max_pool2d" | "avg_pool2d":
            return [_pool(here)]
        case "adaptive_avg_pool2d":
            return [ir.AdaptivePool(side=square_side(here, "output_size"))]
        case "mean" if means(here) == [2, 3]:
            return [ir.AdaptivePool(), *([] if here["keepdim"] else [ir.Flatten()])]
        case name if name in _VIEWS:
            return _flattened(here, before)
        case name if name.endswith("dropout"):
            return _dropout(here, names)
        case "softmax" if len(here.shape) == 2 and here["dim"] % 2 == 1:
            return [ir.Softmax()]
        case name if name in _PADDINGS:
            return [_padded(here)]
        case "slice" if here.shape == before.shape:
            return []
        case name if name in CASTS and here.dtype == before.dtype:
            return []
        case _:
            return [_act(here)]


def means(here: Operation) -> list[int]:
    """The dimensions that a mean is taken over; none where it is no mean of those alone."""
    if here.name != "mean" or not isinstance(here["dim"], list):
        return []
    return sorted(dim % len(here.inputs[0].shape) for dim in here["dim"])


def square_side(here: Operation, argument: str) -> int:
    """The number of a square argument, such as a kernel."""
    value = here[argument]
    values = set(value) if isinstance(value, Sequence) else {value}
    if len(values) != 1:
        raise refused(here, f"{argument.replace('_', ' ')} {tuple(value)}")
    return int(values.pop())


def weights(here: Operation, *arguments: str) -> list[Weight | None]:
    """Arguments that are weights, used as they are; None for those that are missing."""
    values = [here[argument] for argument in arguments]
    for value in values:
        whole = isinstance(value, Weight) and value.shape == tuple(value.value.shape)
        if value is not None and not whole:
            raise refused(here, "a layer whose weights are computed")
    return values


def _act(here: Operation) -> Layer:
    match here.name:
        case "gelu" if here["approximate"] != "none":
            raise refused(here, "an approximated gelu")
        case "elu" if (here["alpha"], here["scale"], here["input_scale"]) != (1, 1, 1):
            raise refused(here, "a scaled elu")
        case name if name in _ACTS:
            return ir.Act(_ACTS[name])
        case "hardtanh" if (here["min_val"], here["max_val"]) == (0, 6):
            return ir.Act("relu6")
        case "leaky_relu" if here["negative_slope"] == 0.01:
            return ir.Act("leaky_relu")
        case _:
            raise refused(here)


def _conv(here: Operation, names: Names) -> Layer:
    weight, bias = weights(here, "weight", "bias")
    if weight is None:
        raise refused(here, "a convolution whose filters are computed")
    out_channels, _, height, width = weight.shape
    if height != width:
        raise refused(here, f"a kernel of {height}x{width}")
    dilation = square_side(here, "dilation")
    match here["padding"]:
        case "valid":
            padding = 0
        case "same" if dilation * (height - 1) % 2 == 0:
            padding = dilation * (height - 1) // 2
        case "same":
            raise refused(here, "a map padded on one side")
        case _:
            padding = square_side(here, "padding")
    conv = ir.Conv(
        in_channels=here.inputs[0].shape[1],
        out_channels=out_channels,
        kernel=height,
        stride=square_side(here, "stride"),
        padding=padding,
        dilation=dilation,
        groups=here["groups"],
        bias=bias is not None,
        standardized=weight.standardized,
    )
    return names.weighing(conv, weight=weight, bias=bias)


def _batch_norm(here: Operation, names: Names) -> Layer:
    weight, bias, mean, var = weights(here, "weight", "bias", "running_mean", "running_var")
    if None in (weight, bias, mean, var):
        raise refused(here, "a batch norm without weights or statistics")
    if here["training"] and not names.training:
        raise refused(here, "a batch norm that evaluates with a batch's statistics")
    names.frozen |= names.training and not here["training"]
    norm = ir.BatchNorm(channels=here.shape[1], eps=here["eps"], momentum=here["momentum"])
    return names.weighing(norm, weight=weight, bias=bias, running_mean=mean, running_var=var)


def _group_norm(here: Operation, names: Names) -> Layer:
    weight, bias = weights(here, "weight", "bias")
    if weight is None or bias is None:
        raise refused(here, "a group norm without weights")
    norm = ir.GroupNorm(channels=here.shape[1], groups=here["num_groups"], eps=here["eps"])
    return names.weighing(norm, weight=weight, bias=bias)


def _linear(here: Operation, names: Names) -> Layer:
    weight, bias = weights(here, "weight", "bias")
    if weight is None or bias is None:
        raise refused(here, "a fully connected layer without biases")
    out_features, in_features = weight.shape
    linear = ir.Linear(in_features=in_features, out_features=out_features)
    return names.weighing(linear, weight=weight, bias=bias)


def _dropout(here: Operation, names: Names) -> list[Layer]:
    """Dropout drops in training alone; in evaluation it shows what it may do there."""
    if here["train"] and not names.training:
        raise refused(here, "dropout in evaluation")
    if here.name != "dropout" and here["train"]:
        raise refused(here)
    shown = here.name == "dropout" and here["p"] and here["train"] == names.training
    return [ir.Dropout(here["p"])] if shown else []


def _pool(here: Operation) -> Layer:
    kind: ir.PoolKind = "max" if here.name == "max_pool2d" else "average"
    if here["dilation"] and set(here["dilation"]) != {1}:
        raise refused(here, "a dilated pool")
    padding = square_side(here, "padding")
    if here["divisor_override"] or (
        kind == "average" and padding and not here["count_include_pad"]
    ):
        raise refused(here, "an average pool that does not count the zeros around the map")
    kernel = square_side(here, "kernel_size")
    stride = square_side(here, "stride") if here["stride"] else kernel
    return ir.pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=here["ceil_mode"])


def _flattened(here: Operation, before: Operation) -> list[Layer]:
    """The same numbers in another view: a vector, or on the way to one of single pixels."""
    if here.shape == before.shape:
        return []
    if here.shape[:1] != before.shape[:1] or prod(here.shape) != prod(before.shape):
        raise refused(here)
    match len(before.shape), len(here.shape):
        case (4 | 3, 2):
            return [ir.Flatten()]
        case (4, 3) if before.shape == (*here.shape, 1) and here.shape[2] == 1:
            return []
        case (2, 3 | 4):
            raise refused(here, "a vector that becomes a map")
        case _:
            raise refused(here)


def _padded(here: Operation) -> Layer:
    pad = [*here["pad"], *[0] * 8]
    if here["mode"] not in {None, "constant"} or here["value"] not in {None, 0}:
        raise refused(here, "a map padded by other than zeros")
    left, right, top, bottom, before, after, *others = pad
    around, along = any(pad[:4]), before or after
    if min(pad) < 0 or any(others) or (left, right) != (top, bottom) or (around and along):
        raise refused(here, f"a map padded by {list(here['pad'])}")
    if along:
        return ir.PadChannels(before=before, after=after)
    return ir.ZeroPad(before=left, after=right) if around else ir.Identity()


def zeros(value: object) -> bool:
    """Whether a map is all zeros, by the operation that creates it."""
    if not isinstance(value, Operation | Formula):
        return False
    named_zeros = value.name in {"zeros", "zeros_like", "new_zeros"}
    return named_zeros or (value.name == "mul" and value["other"] == 0)
