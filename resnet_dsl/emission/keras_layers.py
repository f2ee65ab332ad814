"""Each leaf as Keras source: the constructor of its layer, which reads maps with channels last."""

from __future__ import annotations

from typing import Final, assert_never

from resnet_dsl.emission import keras_own_layers as own
from resnet_dsl.emission.expressions import Call, Code, Keyword, Value
from resnet_dsl.emission.keras_activations import activation
from resnet_dsl.emission.keras_attention import spatial_attention, squeeze_excite
from resnet_dsl.emission.own_layers import OwnLayer
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    AnyNorm,
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
from resnet_dsl.language.spec import Scheme

_own: Final = OwnLayer.of


class KerasError(Exception):
    """A layer that Keras has no such options for."""


def keras_layer(leaf: Leaf, scheme: Scheme, *, zeroed: bool) -> OwnLayer:
    """The constructor of a leaf's layer, and the source of its class where it has one.

    Weights start by a `scheme`; those of a `zeroed` norm or convolution at zero. Raises
    `KerasError` for what Keras cannot compute.
    """
    match leaf:
        case Conv():
            return _convolution(leaf, scheme, zeroed=zeroed)
        case Linear(out_features=features, bias=bias):
            source = own.DENSE.format(initializer=_DENSE[scheme])
            call = Call("Dense", (Value(features, "out_features"),), (_bias(bias),))
            return OwnLayer(call, source)
        case Norm():
            return _norm(leaf, zeroed=zeroed)
        case PReLU(channels=channels):
            return _own("PReLU", own.PRELU, channels=channels)
        case SqueezeExcite(channels=channels, hidden=hidden):
            return _own("SqueezeExcite", squeeze_excite(leaf), channels=channels, hidden=hidden)
        case SpatialAttention(kernel=kernel):
            return _own("SpatialAttention", spatial_attention(leaf), kernel=kernel)
        case EfficientChannelAttention(kernel=kernel):
            return _own("EfficientChannelAttention", own.CHANNEL_ATTENTION, kernel=kernel)
        case LearnedScale():
            return _own("LearnedScale", own.LEARNED_SCALE)
        case Parameterless():
            return _without_parameters(leaf)
        case _:
            assert_never(leaf)


def _without_parameters(leaf: Leaf) -> OwnLayer:
    match leaf:
        case Act():
            return OwnLayer(activation(leaf), "")
        case Pool():
            return _pool(leaf)
        case AdaptivePool():
            return _adaptive_pool(leaf)
        case ZeroPad(before=before, after=after):
            return _builtin(
                "ZeroPadding2D", (Keyword("padding", Code(f"(({before}, {after}),) * 2")),)
            )
        case BlurPool(stride=stride):
            return _own("BlurPool", own.BLUR_POOL, stride=stride)
        case PadChannels(before=before, after=after):
            return _own("PadChannels", own.PAD_CHANNELS, before=before, after=after)
        case Dropout(p=p, of_channels=of_channels):
            name = "SpatialDropout2D" if of_channels else "Dropout"
            return OwnLayer(Call(f"layers.{name}", (Value(p, "dropout"),)), "")
        case DropPath(p=p):
            return _own("DropPath", own.DROP_PATH, drop_path=p)
        case Softmax(log=log):
            return _builtin("Activation", (), "log_softmax") if log else _builtin("Softmax")
        case Scale(factor=factor):
            return OwnLayer(Call("layers.Rescaling", (Value(factor, "factor"),)), "")
        case Normalize(mean=mean, deviation=deviation):
            return _own("Normalize", own.NORMALIZE, mean=mean, deviation=deviation)
        case L2Normalize():
            return _own("L2Normalize", own.L2_NORMALIZE)
        case Flatten() | Identity():
            raise AssertionError(f"{leaf} has no module")
        case Conv() | Linear() | Norm() | Attention() | PReLU() | LearnedScale():
            raise AssertionError(f"{leaf} has parameters")
        case _:
            assert_never(leaf)


# ---------------------------------------------------------------- convolutions and norms


_CONVOLUTION: Final[dict[Scheme, str]] = {
    "resnet": 'keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")',
    "vgg": 'keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")',
    "googlenet": "keras.initializers.TruncatedNormal(stddev=0.01)",
    "pytorch": 'keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")',
}
_DENSE: Final[dict[Scheme, str]] = {
    "resnet": 'keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")',
    "vgg": "keras.initializers.RandomNormal(stddev=0.01)",
    "googlenet": "keras.initializers.TruncatedNormal(stddev=0.01)",
    "pytorch": 'keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")',
}


def _convolution(leaf: Conv, scheme: Scheme, *, zeroed: bool) -> OwnLayer:
    if leaf.stride > 1 and leaf.dilation > 1:
        raise KerasError("Keras has no convolution with a stride and a dilation")
    name, filters = "Conv2D", ""
    if leaf.standardization is not None:
        formula = own.FILTERS[leaf.standardization.formula]
        name, filters = (
            "StandardizedConv2D",
            own.STANDARDIZED.format(formula=formula.format(eps=repr(leaf.standardization.eps))),
        )
    source = own.CONVOLUTION.format(
        name=name,
        doc=own.CONVOLUTION_DOCS[name],
        initializer=_CONVOLUTION[scheme],
        filters=filters,
    )
    sizes = (Value(leaf.out_channels, "out_channels"), Value(leaf.kernel, "kernel"))
    further = [
        Keyword("strides", Value(leaf.stride, "stride"), 1),
        Keyword("pad", Value(leaf.padding, "padding"), 0),
        Keyword("dilation_rate", Value(leaf.dilation, "dilation"), 1),
        Keyword("groups", Value(leaf.groups, "groups"), 1),
        _bias(leaf.bias),
    ]
    if zeroed:
        further.append(Keyword("kernel_initializer", Code('"zeros"')))
    return OwnLayer(Call(name, sizes, tuple(further)), source)


def _bias(bias: bool) -> Keyword:
    return Keyword("use_bias", Value(bias, "bias"), True)


def _norm(leaf: AnyNorm, *, zeroed: bool) -> OwnLayer:
    start = (Keyword("gamma_initializer", Code('"zeros"')),) if zeroed else ()
    epsilon = Keyword("epsilon", Value(leaf.eps, "eps"))
    match leaf:
        case BatchNorm(momentum=momentum, affine=affine):
            if momentum is None:
                raise KerasError("Keras has no batch norm that weighs all batches alike")
            kept = Keyword("momentum", Value(round(1 - momentum, 12), "momentum"), 0.9)
            further = (kept, epsilon._replace(default=1e-5), *_affine(affine), *start)
            return OwnLayer(Call("BatchNorm", (), further), own.BATCH_NORM)
        case GroupNorm(groups=groups):
            groups_of = (Value(groups, "groups"),)
            return OwnLayer(Call("layers.GroupNormalization", groups_of, (epsilon, *start)), "")
        case InstanceNorm(affine=affine):
            alone = Keyword("groups", Code("-1"))
            return _builtin("GroupNormalization", (alone, epsilon, *_affine(affine), *start))
        case LayerNorm():
            return _builtin("LayerNormalization", (epsilon, *start))
        case EvoNorm(channels=channels, groups=groups, eps=eps):
            layer = _own("EvoNorm", own.EVO_NORM, channels=channels, groups=groups, eps=eps)
        case FilterResponseNorm(channels=channels, eps=eps):
            layer = _own("FilterResponseNorm", own.FILTER_RESPONSE_NORM, channels=channels, eps=eps)
        case _:
            assert_never(leaf)
    return layer._replace(call=layer.call._replace(keywords=start))


def _affine(affine: bool) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, Value(affine, "affine"), True) for name in ("center", "scale"))


# ---------------------------------------------------------------- pools


def _pool(leaf: Pool) -> OwnLayer:
    kind, strides = leaf.kind, Keyword("strides", Value(leaf.stride, "stride"))
    if not leaf.padding and not leaf.ceil:
        return OwnLayer(
            Call(f"layers.{kind.title()}Pooling2D", (Value(leaf.kernel, "kernel"),), (strides,)), ""
        )
    further = (strides, Keyword("pad", Value(leaf.padding, "padding"), 0))
    name = f"{'Ceil' if leaf.ceil else ''}{kind.title()}Pool2D"
    source = own.pool(name, kind, ceil=leaf.ceil)
    return OwnLayer(Call(name, (Value(leaf.kernel, "kernel"),), further), source)


def _adaptive_pool(leaf: AdaptivePool) -> OwnLayer:
    kind, name = leaf.kind, leaf.kind.title()
    if leaf.window in {"height", "width"}:
        source = own.WINDOW_POOL.format(kind=kind, axis=1 if leaf.window == "height" else 2)
        return _own("WindowPool", source)
    if leaf.side == 1 or leaf.window:
        return _builtin(f"Global{name}Pooling2D", (Keyword("keepdims", Code("True")),))
    function = "max" if kind == "max" else "mean"
    source = own.ADAPTIVE_POOL.format(name=name, kind=kind, function=function)
    return _own(f"Adaptive{name}Pool", source, side=leaf.side)


def _builtin(name: str, keywords: tuple[Keyword, ...] = (), text: str | None = None) -> OwnLayer:
    positional = (Code(f'"{text}"'),) if text else ()
    return OwnLayer(Call(f"layers.{name}", positional, keywords), "")
