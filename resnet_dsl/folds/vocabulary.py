"""What leaves are called: in a trace, in a message, in a count, as a module."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from resnet_dsl.folds.walk import Node
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    AnyNorm,
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
    Parallel,
    Pool,
    PReLU,
    Residual,
    Scale,
    Softmax,
    SpatialAttention,
    SqueezeExcite,
    ZeroPad,
)


class LeafTerms(NamedTuple):
    """The terms for a leaf.

    `op` is one word for what it does, `noun` stands in messages, `plural` in counts of layers
    (None: it is not counted), `role` is the usual name of its module, and `submodules` counts the
    modules inside that.
    """

    op: str
    noun: str
    plural: str | None
    role: str
    submodules: int = 0


def leaf_terms(leaf: Leaf) -> LeafTerms:
    """The terms for a leaf.

    >>> leaf_terms(BlurPool(stride=2)).noun
    'a blur pool'
    """
    match leaf:
        case Conv():
            return LeafTerms("conv", "a convolution", "convolutions", "conv")
        case Linear():
            return LeafTerms("fc", "a fully connected layer", "fully connected layers", "fc")
        case Norm():
            op, plural = _norm_terms(leaf)
            return LeafTerms(op, "a norm", plural, "norm")
        case Act(kind=kind):
            return LeafTerms(kind, "an activation", "activations", kind)
        case Pool(kind=kind):
            op = "maxpool" if kind == "max" else "avgpool"
            return LeafTerms(op, "a pool", "pools", op)
        case PReLU():
            return LeafTerms("prelu", "an activation", "activations", "prelu")
        case AdaptivePool(kind="average"):
            return LeafTerms("avgpool", "an average pool", "pools", "avgpool")
        case AdaptivePool():
            return LeafTerms("maxpool", "a global max pool", "pools", "maxpool")
        case BlurPool():
            return LeafTerms("blurpool", "a blur pool", "pools", "blurpool")
        case SqueezeExcite():
            return LeafTerms("se", "an attention", "attentions", "se", submodules=3)
        case EfficientChannelAttention():
            return LeafTerms("eca", "an attention", "attentions", "se", submodules=1)
        case SpatialAttention():
            return LeafTerms("spatial", "an attention", "attentions", "spatial", submodules=1)
        case _:
            return _other_terms(leaf)


def _other_terms(
    leaf: ZeroPad
    | PadChannels
    | Scale
    | LearnedScale
    | Normalize
    | L2Normalize
    | Dropout
    | DropPath
    | Flatten
    | Softmax
    | Identity,
) -> LeafTerms:
    """The terms for leaves that scale, pad, drop or reshape."""
    match leaf:
        case ZeroPad():
            return LeafTerms("zeropad", "a padding", None, "pad")
        case PadChannels():
            return LeafTerms("padchannels", "a padding shortcut", None, "pad")
        case Scale():
            return LeafTerms("scale", "a scale", None, "scale")
        case LearnedScale():
            return LeafTerms("scale", "a learned scale", None, "scale")
        case Normalize():
            return LeafTerms("normalize", "a normalization", None, "normalize")
        case L2Normalize():
            return LeafTerms("l2norm", "an L2 normalization", None, "normalize")
        case Dropout():
            return LeafTerms("dropout", "a dropout", "dropouts", "dropout")
        case DropPath():
            return LeafTerms("droppath", "a drop path", None, "drop_path")
        case Flatten() | Softmax() | Identity():
            word = type(leaf).__name__.lower()
            return LeafTerms(word, f"a {word}", None, word)
        case _:
            assert_never(leaf)


def _norm_terms(norm: AnyNorm) -> tuple[str, str]:
    match norm:
        case BatchNorm():
            return "batchnorm", "batch norms"
        case GroupNorm():
            return "groupnorm", "group norms"
        case InstanceNorm():
            return "instancenorm", "instance norms"
        case LayerNorm():
            return "layernorm", "layer norms"
        case EvoNorm():
            return "evonorm", "EvoNorms"
        case FilterResponseNorm():
            return "frn", "filter response norms"
        case _:
            assert_never(norm)


def node_op(node: Node) -> str:
    """One word for what a node does."""
    match node:
        case Residual():
            return "add"
        case Parallel():
            return "concat"
        case _:
            return leaf_terms(node).op
