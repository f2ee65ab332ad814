"""Operations that are layers on their own: one input, one leaf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final, TypeAlias

from resnet_dsl import ir
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.ir import Layer, Leaf
from resnet_dsl.pytorch.lift.refusals import refused
from resnet_dsl.pytorch.lift.values import CASTS, Formula, Operation, Weight

Found: TypeAlias = tuple[Layer, Operation]
"""A layer, and what it reads."""

_PADDINGS: Final = {"pad", "constant_pad_nd"}
_VIEWS: Final = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "select"}
_POOLS: Final = {"max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"}
_OF_MAPS: Final = _PADDINGS | _POOLS | {"conv2d", "group_norm", "slice"}


@dataclass
class Names:
    """For each leaf with weights, the names of these in the model; whether norms are `frozen`.

    `cumulative` are the running means of norms that weigh all batches alike.
    """

    training: bool
    frozen: bool = False
    cumulative: frozenset[str] = frozenset()
    _by_leaf: IdentityCache[dict[str, str]] = field(default_factory=IdentityCache)

    def weighing(self, leaf: Leaf, **weights: Weight | None) -> Leaf:
        """A leaf whose weights are known by name."""
        return self.named(leaf, {key: w.name for key, w in weights.items() if w is not None})

    def named(self, leaf: Leaf, names: dict[str, str]) -> Leaf:
        """A leaf with the names of its weights."""
        self._by_leaf.put(leaf, names)
        return leaf

    def momentum(self, mean: Weight | None, momentum: float) -> float | None:
        """The momentum of a batch norm; None where it weighs all batches alike."""
        return None if mean is not None and mean.name in self.cumulative else momentum

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
        case "batch_norm" | "instance_norm" | "layer_norm" | "group_norm":
            return [_norm(here, names)]
        case "linear":
            return [_linear(here, names)]
        case "max_pool2d" | "avg_pool2d":
            return _pool(here)
        case "adaptive_avg_pool2d":
            return [ir.AdaptivePool(side=square_side(here, "output_size"))]
        case "mean" if means(here) == [2, 3]:
            return [ir.AdaptivePool(), *([] if here["keepdim"] else [ir.Flatten()])]
        case "amax" if pool_over_map(here, "max"):
            return [ir.AdaptivePool(kind="max"), *([] if here["keepdim"] else [ir.Flatten()])]
        case "getitem" if here["1"] == 0 and before.name == "adaptive_max_pool2d":
            return []
        case "adaptive_max_pool2d":
            return [ir.AdaptivePool(side=square_side(here, "output_size"), kind="max")]
        case name if name in _VIEWS:
            return _flattened(here, before)
        case name if name.endswith("dropout"):
            return _dropout(here, names)
        case "softmax" | "log_softmax" if len(here.shape) == 2 and here["dim"] % 2 == 1:
            return [ir.Softmax(log=here.name == "log_softmax")]
        case name if name in _PADDINGS:
            return [_padded(here)]
        case "slice" if here.shape == before.shape:
            return []
        case name if name in CASTS and here.dtype == before.dtype:
            return []
        case _:
            raise refused(here)


def _norm(here: Operation, names: Names) -> Layer:
    match here.name:
        case "batch_norm":
            return batch_norm(here, names)
        case "instance_norm":
            return _instance_norm(here, names)
        case "group_norm":
            return _group_norm(here, names)
        case _ if len(here.shape) == 2:
            return layer_norm(here, names, of_vectors=True)
        case _:
            raise refused(here)


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
        standardization=weight.standardization,
    )
    return names.weighing(conv, weight=weight, bias=bias)


def batch_norm(here: Operation, names: Names) -> Leaf:
    """A batch norm, of a map or of vectors."""
    weight, bias, mean, var = weights(here, "weight", "bias", "running_mean", "running_var")
    if None in (mean, var) or (weight is None) != (bias is None):
        raise refused(here, "a batch norm without statistics, or with half of its weights")
    if len(here.shape) not in (2, 4):
        raise refused(here, "a batch norm of other than maps or vectors")
    if here["training"] and not names.training:
        raise refused(here, "a batch norm that evaluates with a batch's statistics")
    names.frozen |= names.training and not here["training"]
    norm = ir.BatchNorm(
        channels=here.shape[1],
        eps=here["eps"],
        momentum=names.momentum(mean, here["momentum"]),
        affine=weight is not None,
        of_vectors=len(here.shape) == 2,
    )
    return names.weighing(norm, weight=weight, bias=bias, running_mean=mean, running_var=var)


def _instance_norm(here: Operation, names: Names) -> Layer:
    weight, bias, mean, var = weights(here, "weight", "bias", "running_mean", "running_var")
    if mean is not None or var is not None or (weight is None) != (bias is None):
        raise refused(here, "an instance norm with statistics, or with half of its weights")
    norm = ir.InstanceNorm(channels=here.shape[1], eps=here["eps"], affine=weight is not None)
    return names.weighing(norm, weight=weight, bias=bias)


def layer_norm(here: Operation, names: Names, *, of_vectors: bool) -> Layer:
    """A layer norm over the last dimension."""
    weight, bias = weights(here, "weight", "bias")
    if weight is None or bias is None:
        raise refused(here, "a layer norm without weights")
    if list(here["normalized_shape"]) != [here.shape[-1]]:
        raise refused(here, "a layer norm over more than channels")
    norm = ir.LayerNorm(channels=here.shape[-1], eps=here["eps"], of_vectors=of_vectors)
    return names.weighing(norm, weight=weight, bias=bias)


def _group_norm(here: Operation, names: Names) -> Layer:
    weight, bias = weights(here, "weight", "bias")
    if weight is None or bias is None:
        raise refused(here, "a group norm without weights")
    norm = ir.GroupNorm(channels=here.shape[1], groups=here["num_groups"], eps=here["eps"])
    return names.weighing(norm, weight=weight, bias=bias)


def _linear(here: Operation, names: Names) -> Layer:
    weight, bias = weights(here, "weight", "bias")
    if weight is None or len(here.shape) != 2:
        what = "a layer whose weights are computed" if weight is None else "a layer of each pixel"
        raise refused(here, what)
    out_features, in_features = weight.shape
    linear = ir.Linear(in_features=in_features, out_features=out_features, bias=bias is not None)
    return names.weighing(linear, weight=weight, bias=bias)


def _dropout(here: Operation, names: Names) -> list[Layer]:
    """Dropout drops in training alone; in evaluation it shows what it may do there."""
    if here["train"] and not names.training:
        raise refused(here, "dropout in evaluation")
    of_channels = here.name == "feature_dropout"
    if here.name not in {"dropout", "feature_dropout"} and here["train"]:
        raise refused(here)
    known = here.name == "dropout" or (of_channels and len(here.shape) == 4)
    shown = known and here["p"] and here["train"] == names.training
    return [ir.Dropout(here["p"], of_channels)] if shown else []


def _pool(here: Operation) -> list[Layer]:
    """A pool; none where its window is one pixel and moves by one."""
    kind: ir.PoolKind = "max" if here.name == "max_pool2d" else "average"
    if here.grows:
        whole_maximum = kind == "max" and here.grows == "whole"  # in any order
        return [ir.AdaptivePool(kind=kind, window=None if whole_maximum else here.grows)]
    if here["dilation"] and set(here["dilation"]) != {1}:
        raise refused(here, "a dilated pool")
    padding = square_side(here, "padding")
    if here["divisor_override"] or (
        kind == "average" and padding and not here["count_include_pad"]
    ):
        raise refused(here, "an average pool that does not count the zeros around the map")
    kernel = square_side(here, "kernel_size")
    stride = square_side(here, "stride") if here["stride"] else kernel
    if kernel == stride == 1 and padding == 0:
        return []
    ceil = here["ceil_mode"]
    return [ir.pool(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil)]


def pool_over_map(here: Operation, kind: ir.PoolKind) -> bool:
    """Whether an operation gives the average or the maximum of each channel's map."""
    if len(here.inputs) != 1 or len(here.inputs[0].shape) != 4:
        return False
    match here.name:
        case "adaptive_avg_pool2d" | "adaptive_max_pool2d":
            named = "average" if here.name == "adaptive_avg_pool2d" else "max"
            return named == kind and set(here["output_size"]) == {1}
        case "avg_pool2d" | "max_pool2d":
            named = "average" if here.name == "avg_pool2d" else "max"
            return named == kind and here.grows is not None
        case "mean":
            return kind == "average" and means(here) == [2, 3]
        case "amax":
            dims = sorted(dim % 4 for dim in here["dim"])
            return kind == "max" and dims == [2, 3]
        case _:
            return False


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
