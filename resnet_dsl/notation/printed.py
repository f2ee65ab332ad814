"""Rows and layers in their one printed form."""

from __future__ import annotations

from typing import assert_never

from resnet_dsl.notation.terms import (
    Activation,
    AdaptivePool,
    Add,
    BlurPool,
    BothPools,
    Branch,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    Fc,
    Flatten,
    HeadLayer,
    Identity,
    L2Normalize,
    LearnedScale,
    Norm,
    Normalize,
    Pool,
    Row,
    Scale,
    Softmax,
    SpatialAttention,
    SqueezeExcite,
    ZeroChannels,
    ZeroPad,
)


def format_row(row: Row) -> str:
    """The one printed form of a row.

    >>> from resnet_dsl.notation.parse_row import parse_row
    >>> format_row(parse_row("[3x3,64; 3x3,64 + 1x1,64] x2"))
    '[[3x3, 64], [3x3, 64] + [1x1, 64]] x 2'
    """
    paths = " | ".join(map(_path, row.branches))
    shortcut = "" if row.shortcut is None else f" + {_path(row.shortcut)}"
    times = f" x {row.repeats}" if row.repeats > 1 else ""
    return f"[{paths}{shortcut}]{times}"


def _path(path: Branch) -> str:
    return ", ".join(f"[{format_layer(layer)}]" for layer in path)


def format_layer(layer: HeadLayer) -> str:
    """The one printed form of a layer, without its brackets."""
    match layer:
        case Conv(kernel=k, channels=channels):
            first = f"{channels}-d {k}x{k} conv" if layer.bare else f"{k}x{k}, {channels}"
            return ", ".join([first, *_conv_options(layer)])
        case Pool(kind=kind, kernel=k):
            return _with_options(
                f"{k}x{k} {kind} pool",
                {
                    f"/{layer.stride}": layer.stride is not None,
                    f"pad {layer.padding}": layer.padding is not None,
                    "ceil": layer.ceil,
                },
            )
        case Norm():
            return _norm(layer)
        case Activation():
            return format_activation(layer)
        case SqueezeExcite() | EfficientChannelAttention() | SpatialAttention():
            return _attention(layer)
        case AdaptivePool() | BothPools():
            return _global_pool(layer)
        case Fc(features=features, bias=bias, activation=activation):
            act = _activation_option(activation)
            return ", ".join([f"{features}-d fc", *([] if bias else ["no bias"]), *act])
        case Normalize(mean=mean, std=std):
            return f"normalize, mean {_numbers(mean)}, std {_numbers(std)}"
        case _:
            return _word(layer)


def format_activation(activation: Activation) -> str:
    """The one printed form of an activation.

    >>> format_activation(Activation(kind="leaky_relu", number=0.1))
    'leaky_relu 0.1'
    """
    if activation.kind == "prelu":
        return "shared prelu" if activation.shared else "prelu"
    number = "" if activation.number is None else f" {format_number(activation.number)}"
    return f"{activation.kind}{number}"


def format_number(value: float) -> str:
    """A number as short as it can be read again.

    >>> format_number(0.10), format_number(1e-05)
    ('0.1', '1e-05')
    """
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _word(
    layer: Dropout
    | DropPath
    | ZeroPad
    | ZeroChannels
    | BlurPool
    | Scale
    | LearnedScale
    | L2Normalize
    | Identity
    | Add
    | Flatten
    | Softmax,
) -> str:
    match layer:
        case Dropout(p=p, of_channels=of_channels):
            return f"{'channel ' if of_channels else ''}dropout {format_number(p)}"
        case DropPath(p=p):
            return f"drop path {format_number(p)}"
        case ZeroPad(before=before, after=after):
            return f"zero pad {before}" if before == after else f"zero pad {before} {after}"
        case ZeroChannels(before=before, after=after):
            return f"zero channels {before} {after}" if before else f"zero channels {after}"
        case BlurPool(stride=stride):
            return f"blur pool, /{stride}"
        case Scale(factor=factor):
            return f"scale {format_number(factor)}"
        case LearnedScale():
            return "learned scale"
        case L2Normalize():
            return "l2 normalize"
        case Softmax(log=log):
            return "log softmax" if log else "softmax"
        case Identity() | Add() | Flatten():
            return type(layer).__name__.lower()
        case _:
            assert_never(layer)


def _global_pool(layer: AdaptivePool | BothPools) -> str:
    match layer:
        case AdaptivePool(kind=kind, side=1, window=window):
            pool = "average pool" if kind == "average" else "global max pool"
            if window is None:
                return pool
            return f"{pool}, as window{'' if window == 'whole' else f' of the {window}'}"
        case AdaptivePool(kind=kind, side=side):
            return f"{kind} pool to {side}x{side}"
        case BothPools(first=first):
            return "average and max pool" if first == "average" else "max and average pool"


def _attention(layer: SqueezeExcite | EfficientChannelAttention | SpatialAttention) -> str:
    match layer:
        case EfficientChannelAttention(kernel=kernel):
            return f"eca {kernel}"
        case SpatialAttention(kernel=kernel, bias=bias, norm=norm, max_first=max_first):
            options = {"bias": bias, **_inner_norm(norm), "max first": max_first}
            return _with_options(f"spatial attention {kernel}", options)
        case SqueezeExcite(hidden=hidden, ratio=ratio, activation=act, gate=gate):
            options = {
                "fc": layer.fc,
                "no bias": not layer.bias,
                **_inner_norm(layer.norm),
                act: act != "relu",
                f"gate {gate}": gate != "sigmoid",
                "max pool": layer.max_pool,
            }
            return _with_options(f"se {hidden}" if ratio is None else f"se /{ratio}", options)


def _inner_norm(norm: Norm | None) -> dict[str, bool]:
    return {} if norm is None else {"norm": True, **_norm_numbers(norm)}


def _norm_numbers(norm: Norm) -> dict[str, bool]:
    momentum = norm.momentum
    shown = momentum if isinstance(momentum, str) else format_number(momentum or 0)
    return {
        f"eps {format_number(norm.eps or 0)}": norm.eps is not None,
        f"momentum {shown}": momentum is not None,
    }


def _norm(norm: Norm) -> str:
    if norm.kind is None:
        return "norm"
    return _with_options(
        f"{norm.kind} norm",
        {
            f"groups {norm.groups}": norm.groups is not None,
            **_norm_numbers(norm),
            "affine" if norm.affine else "no affine": norm.affine is not None,
        },
    )


def _conv_options(layer: Conv) -> list[str]:
    options = {
        f"C={layer.cardinality}": layer.cardinality > 1,
        f"/{layer.stride}": layer.stride is not None,
        f"dilation {layer.dilation}": layer.dilation is not None,
        f"pad {layer.padding}": layer.padding is not None,
        "bias" if layer.bias else "no bias": layer.bias is not None,
        "norm" if layer.norm else "no norm": layer.norm is not None,
    }
    return [*(o for o, given in options.items() if given), *_activation_option(layer.activation)]


def _activation_option(activation: Activation | str | None) -> list[str]:
    match activation:
        case None:
            return []
        case Activation():
            return [format_activation(activation)]
        case _:
            return [activation]


def _with_options(first: str, options: dict[str, bool]) -> str:
    return ", ".join([first, *(option for option, given in options.items() if given)])


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(map(format_number, values))
