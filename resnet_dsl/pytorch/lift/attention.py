"""Attention by what it computes: a map times a gate that is computed from it.

Squeeze and excitation of linear layers or 1x1 convolutions, with average pools or with maxima as
well (CBAM), efficient channel attention, and spatial attention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from resnet_dsl import ir
from resnet_dsl.pytorch.lift.activations import activation
from resnet_dsl.pytorch.lift.formulas import ordered, past_views
from resnet_dsl.pytorch.lift.leaf_operations import (
    Found,
    Names,
    batch_norm,
    means,
    pool_over_map,
    square_side,
)
from resnet_dsl.pytorch.lift.values import Operation, Weight

_WeightNames: TypeAlias = dict[str, str]


def attention(here: Operation, names: Names) -> Found | None:
    """The attention that ends in a product; None for other products."""
    if here.name != "mul" or len(here.inputs) != 2:
        return None
    x, gate = ordered(*here.inputs)
    if len(x.shape) != 4 or here.shape != x.shape:
        return None
    readers: tuple[Callable[[Operation, Operation, Names], ir.Layer | None], ...] = (
        _eca,
        _squeeze_excite,
        _spatial,
    )
    for reader in readers:
        layer = reader(x, past_views(gate), names)
        if layer is not None:
            return layer, x
    return None


# ---------------------------------------------------------------- over channels


def _eca(x: Operation, gate: Operation, names: Names) -> ir.Layer | None:
    """`sigmoid(conv(mean(x)))`, over the means of neighbouring channels."""
    conv = past_views(gate.inputs[0]) if gate.name == "sigmoid" else gate
    if conv.name != "conv1d" or len(conv.inputs) != 1:
        return None
    weight, pool = conv["weight"], past_views(conv.inputs[0])
    if pooled(pool, "average") is not x:
        return None
    if not isinstance(weight, Weight) or weight.shape[:2] != (1, 1) or conv["bias"] is not None:
        return None
    kernel, channels = weight.shape[2], x.shape[1]
    numbers = [square_side(conv, key) for key in ("stride", "dilation", "padding")]
    if conv.shape[1:] != (1, channels) or numbers != [1, 1, (kernel - 1) // 2]:
        return None
    eca = ir.EfficientChannelAttention(kernel=kernel)
    return names.weighing(eca, **{"conv.weight": weight})


class _Excited(NamedTuple):
    """`W2 act(norm(W1 pool))`: the pool, the layers and the names of their weights."""

    pool: Operation
    hidden: int
    linear: bool
    bias: bool
    act: ir.Act
    norm: ir.BatchNorm | None
    weights: _WeightNames


def _squeeze_excite(x: Operation, gate: Operation, names: Names) -> ir.Layer | None:
    """`gate(W2 act(W1 mean(x)))`, or the sum of that for means and maxima before the gate."""
    gated = activation(gate, names)
    if gated is None or not _plain(gated[0]):
        return None
    total = past_views(gated[1])
    parts = [total]
    if total.name == "add" and len(total.inputs) == 2 and total["alpha"] == 1:
        parts = list(map(past_views, total.inputs))
    excited = [_excited(part, x.shape[1], names) for part in parts]
    if any(part is None for part in excited):
        return None
    first, *others = [part for part in excited if part is not None]
    kinds: list[ir.PoolKind] = ["average", "max"]
    pools = [next((k for k in kinds if pooled(p.pool, k) is x), None) for p in (first, *others)]
    if sorted(map(str, pools)) != ["average", "max"][: len(parts)]:
        return None
    if any(other._replace(pool=first.pool) != first for other in others):
        return None
    assert isinstance(gated[0], ir.Act)
    leaf = ir.SqueezeExcite(
        channels=x.shape[1],
        hidden=first.hidden,
        linear=first.linear,
        bias=first.bias,
        act=first.act.kind,
        gate=gated[0].kind,
        norm=first.norm,
        max_pool=bool(others),
    )
    return names.named(leaf, first.weights)


def _plain(layer: ir.Layer) -> bool:
    return isinstance(layer, ir.Act) and layer.number is None


def _excited(here: Operation, channels: int, names: Names) -> _Excited | None:
    excite = _matrix(here)
    if excite is None or excite.weight.shape[0] != channels:
        return None
    acted = activation(past_views(excite.before), names)
    if acted is None or not isinstance(acted[0], ir.Act) or not _plain(acted[0]):
        return None
    before = past_views(acted[1])
    weights: _WeightNames = {}
    norm = None
    if before.name == "batch_norm":
        leaf = batch_norm(before, names)
        if not isinstance(leaf, ir.BatchNorm):
            return None
        norm = leaf
        weights = {f"norm.{key}": name for key, name in names.of(leaf).items()}
        before = past_views(before.inputs[0])
    squeeze = _matrix(before)
    if squeeze is None or squeeze.linear != excite.linear or squeeze.has_bias != excite.has_bias:
        return None
    if squeeze.weight.shape[:2] != excite.weight.shape[1::-1]:
        return None
    for key, matrix in (("fc1", squeeze), ("fc2", excite)):
        weights |= {f"{key}.{part}": name for part, name in matrix.names.items()}
    pool = past_views(squeeze.before)
    hidden = squeeze.weight.shape[0]
    return _Excited(pool, hidden, squeeze.linear, squeeze.has_bias, acted[0], norm, weights)


class _Matrix(NamedTuple):
    """A linear layer, or a 1x1 convolution of one pixel."""

    weight: Weight
    before: Operation
    linear: bool
    names: _WeightNames

    @property
    def has_bias(self) -> bool:
        return "bias" in self.names


def _matrix(here: Operation) -> _Matrix | None:
    weight, bias = here["weight"], here["bias"]
    linear = here.name == "linear"
    if not linear and (here.name != "conv2d" or here.shape[2:] != (1, 1)):
        return None
    if not isinstance(weight, Weight) or weight.standardization is not None:
        return None
    if not linear and (weight.shape[2:] != (1, 1) or here["groups"] != 1):
        return None
    if bias is not None and not isinstance(bias, Weight):
        return None
    keyed = {"weight": weight.name} if bias is None else {"weight": weight.name, "bias": bias.name}
    return _Matrix(weight, here.inputs[0], linear, keyed)


# ---------------------------------------------------------------- over pixels


def _spatial(x: Operation, gate: Operation, names: Names) -> ir.Layer | None:
    """`sigmoid(conv([mean(x), max(x)]))`, over the channels of each pixel."""
    if gate.name != "sigmoid":
        return None
    (conv,) = gate.inputs
    norm = None
    weights: _WeightNames = {}
    if conv.name == "batch_norm":
        leaf = batch_norm(conv, names)
        if not isinstance(leaf, ir.BatchNorm):
            return None
        norm = leaf
        weights = {f"norm.{key}": name for key, name in names.of(leaf).items()}
        (conv,) = conv.inputs
    weight, bias = conv["weight"], conv["bias"]
    if conv.name != "conv2d" or not isinstance(weight, Weight) or len(conv.inputs) != 1:
        return None
    kernel = weight.shape[2]
    numbers = [square_side(conv, key) for key in ("stride", "dilation", "padding")]
    if weight.shape != (1, 2, kernel, kernel) or numbers != [1, 1, kernel // 2]:
        return None
    (both,) = conv.inputs
    kinds = [_over_channels(map_, x) for map_ in both["tensors"] or ()]
    if both.name != "cat" or sorted(map(str, kinds)) != ["average", "max"]:
        return None
    if bias is not None and not isinstance(bias, Weight):
        return None
    weights["conv.weight"] = weight.name
    if bias is not None:
        weights["conv.bias"] = bias.name
    leaf_spatial = ir.SpatialAttention(
        kernel=kernel, bias=bias is not None, max_first=kinds[0] == "max", norm=norm
    )
    return names.named(leaf_spatial, weights)


def _over_channels(map_: object, x: Operation) -> ir.PoolKind | None:
    """Whether a map is the mean or the maximum of the channels of each pixel."""
    if not isinstance(map_, Operation):
        return None
    here = past_views(map_)
    if here.name == "getitem" and here["1"] == 0:
        (here,) = here.inputs
    if here.inputs != (x,):
        return None
    dims = here["dim"] if isinstance(here["dim"], list) else [here["dim"]]
    if dims not in ([1], [-3]):
        return None
    if here.name == "mean":
        return "average"
    return "max" if here.name in {"max", "amax"} else None


def pooled(here: Operation, kind: ir.PoolKind) -> Operation | None:
    """The map whose average or maximum over all pixels an operation gives."""
    if here.name == "getitem" and here["1"] == 0:
        (here,) = here.inputs
    if len(here.inputs) != 1:
        return None
    x = past_views(here.inputs[0])
    if pool_over_map(here, kind):
        return here.inputs[0]
    lines = here.name in {"mean", "max", "amax"} and len(here.inputs[0].shape) == 3
    if lines and len(x.shape) == 4 and here.inputs[0].shape[:2] == x.shape[:2]:
        dim = here["dim"][0] if isinstance(here["dim"], list) else here["dim"]
        named = "average" if here.name == "mean" else "max"
        return x if dim in (2, -1) and named == kind else None
    if kind == "average" and here.name == "mean" and means(here) in ([2], [3]):
        (inner,) = here.inputs
        twice = inner.name == "mean" and sorted(means(inner) + means(here)) in ([2, 3], [2, 2])
        return inner.inputs[0] if twice else None
    return None
