"""The keys of a spec: what they may hold, and every default of the language, in one place.

The dataclasses are validated by pydantic's core, from their annotations: see
`resnet_dsl.language.validation`. How keys relate to each other (widths, strides, sizes) is checked
by `resnet_dsl.elaboration`. Annotations are values here: no `from __future__ import annotations`.

>>> Settings().under(BlockKeys(activation="silu")).activation
'silu'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Final, Literal

from resnet_dsl.language.activations import ActivationField, ActivationValue, AfterField
from resnet_dsl.language.choices import CHOICES as CHOICES
from resnet_dsl.language.choices import Antialias as Antialias
from resnet_dsl.language.choices import ByLetter
from resnet_dsl.language.choices import FirstDilation as FirstDilation
from resnet_dsl.language.choices import Order as Order
from resnet_dsl.language.choices import Projection as Projection
from resnet_dsl.language.choices import ProjectionInput as ProjectionInput
from resnet_dsl.language.choices import Scheme as Scheme
from resnet_dsl.language.choices import Shortcut as Shortcut
from resnet_dsl.language.choices import StrideOn as StrideOn
from resnet_dsl.language.fields import (
    HeadLayerText,
    InputText,
    NameText,
    RowText,
    SidesText,
    StemLayerText,
)
from resnet_dsl.language.norms import NORMS as NORMS
from resnet_dsl.language.norms import ActiveNorm as ActiveNorm
from resnet_dsl.language.norms import AnyNorm as AnyNorm
from resnet_dsl.language.norms import BatchNorm as BatchNorm
from resnet_dsl.language.norms import EvoNorm as EvoNorm
from resnet_dsl.language.norms import FilterResponseNorm as FilterResponseNorm
from resnet_dsl.language.norms import GroupNorm as GroupNorm
from resnet_dsl.language.norms import InstanceNorm as InstanceNorm
from resnet_dsl.language.norms import LayerNorm as LayerNorm
from resnet_dsl.language.norms import Norm as Norm
from resnet_dsl.language.norms import NormField, WeightsField
from resnet_dsl.language.norms import Standardized as Standardized
from resnet_dsl.language.norms import Weights as Weights
from resnet_dsl.language.validation import (
    AtLeast,
    Between,
    Description,
    Matching,
    ShortForm,
)
from resnet_dsl.notation.terms import Conv, Pool, Row
from resnet_dsl.notebooks import Written

LARGEST_REPEATS: Final = 20_000
"""Blocks in a whole network: more is a slip, not a network."""
LARGEST_LAYERS: Final = 4_000
"""Layers that a spec writes, each once however often its row is repeated."""

FIRST_STRIDE: Final = 1
STAGE_STRIDE: Final = 2
"""The stride of a stage's first block: the stem has pooled before the first stage."""


def default_padding(layer: Conv | Pool) -> int:
    """Half the window, so that stride 1 keeps the size; average pools pad nothing."""
    match layer:
        case Pool(kind="average"):
            return 0
        case Pool(kernel=kernel):
            return (kernel - 1) // 2
        case Conv(kernel=kernel, dilation=dilation):
            return (dilation or 1) * (kernel - 1) // 2


def default_pool_stride(pool: Pool) -> int:
    """Windows side by side."""
    return pool.kernel


def default_bias(*, normed: bool) -> bool:
    """A convolution has a bias where no norm follows: the bias of the norm makes it redundant."""
    return not normed


Count = Annotated[int, Between(ge=1, le=10**15)]
DEFAULT_NORM: Final = BatchNorm()
_NotEmpty: Final = AtLeast(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKeys:
    """Keys of a stage, or of `block:` for all stages; those left out are as in `DEFAULTS`."""

    stride_on: Annotated[
        StrideOn | None,
        Description(
            "the convolution that has the stage's stride: the first one wider than 1x1 "
            "(v1.5), or the first one (v1: the paper's models)"
        ),
    ] = None
    shortcut: Annotated[
        Annotated[Shortcut, ByLetter()] | None,
        Description(
            "projection: option B of the paper; padding: A, with zeros after the channels "
            "or on both sides of them, or after an average pool; always: C; none: plain"
        ),
    ] = None
    projection: Annotated[
        Projection | None,
        Description("what a projecting shortcut is made of; where it does not stride, a 1x1 alone"),
    ] = None
    projection_input: Annotated[
        ProjectionInput | None,
        Description(
            "what a projection of a pre-activated block reads: the activated input (ResNet v2), "
            "or the input itself"
        ),
    ] = None
    order: Annotated[
        Order | None,
        Description(
            "norm and activation after each convolution (post), or before it (pre: ResNet v2)"
        ),
    ] = None
    final_norm: Annotated[
        bool | None,
        Description("whether norm and activation follow the last pre-activated block"),
    ] = None
    weights: Annotated[
        WeightsField | None,
        Description("standardized: each filter is used with mean 0 and variance 1"),
    ] = None
    first_dilation: Annotated[
        FirstDilation | None,
        Description(
            "where a stage is dilated, the rate of the convolution that would have had "
            "its stride: that of the stage before (torchvision, timm), or the new one (detectron2)"
        ),
    ] = None
    antialias: Annotated[
        Antialias | None,
        Description(
            "how a strided convolution of a block is split: the stride moves to a blur pool or "
            "an average pool after its activation"
        ),
    ] = None
    norm: Annotated[NormField | None, Description("what follows every convolution")] = None
    activation: Annotated[ActivationField | None, Description("the nonlinearity")] = None
    after: Annotated[
        AfterField | None,
        Description("what follows the addition of a block, if it is not pre-activated"),
    ] = None
    bias: Annotated[
        bool | None, Description("biases of convolutions; left out, where no norm follows")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of all block keys; a `bias` of None depends on the norm, an `after` of None is the
    activation."""

    stride_on: StrideOn = "spatial"
    shortcut: Shortcut = "projection"
    projection: Projection = "1x1"
    projection_input: ProjectionInput = "activated"
    order: Order = "post"
    final_norm: bool = True
    weights: Weights = "plain"
    first_dilation: FirstDilation = "previous"
    antialias: Antialias = "none"
    norm: Norm = DEFAULT_NORM
    activation: ActivationValue = "relu"
    after: ActivationValue | Literal["none"] | None = None
    bias: bool | None = None

    @property
    def after_addition(self) -> ActivationValue | Literal["none"]:
        """What follows the addition of a block."""
        if self.order == "pre":
            return "none"
        return self.activation if self.after is None else self.after

    @property
    def projects(self) -> bool:
        """Whether shortcuts project where the shape changes."""
        return self.shortcut in {"projection", "always"}

    def under(self, keys: BlockKeys) -> "Settings":
        """These settings, with the keys that are given in their place."""
        given = {key: value for key in _KEYS if (value := getattr(keys, key)) is not None}
        return replace(self, **given) if given else self


_KEYS: Final = tuple(key.name for key in fields(Settings))
DEFAULTS: Final = Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(BlockKeys):
    """Blocks at one resolution: a row, a list of rows, or a mapping with `rows:` and keys."""

    rows: Annotated[tuple[RowText, ...], _NotEmpty]
    stride: Annotated[
        Annotated[int, Between(ge=1, le=64)] | None,
        Description("of the first block: 2, but 1 in the first stage"),
    ] = None
    dilation: Annotated[
        Annotated[int, Between(ge=1, le=64)] | None,
        Description("of its convolutions wider than 1x1; it takes stride: 1"),
    ] = None
    output: Annotated[
        SidesText | None, Description("the expected output size of the stage, which is checked")
    ] = None


def _with_rows(data: object) -> object:
    """A stage that is a row or a list of rows, as a mapping."""
    match data:
        case str() | Row():
            return {"rows": [data]}
        case list() | tuple():
            return {"rows": data}
        case Mapping() if isinstance(data.get("rows"), str | Row):
            return {**data, "rows": [data["rows"]]}
        case _:
            return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """How weights are drawn."""

    scheme: Annotated[
        Scheme,
        Description(
            "resnet: convolutions from He et al.'s normal distribution; vgg: and a "
            "classifier of deviation 0.01, biases 0; googlenet: truncated normal, deviation 0.01; "
            "pytorch: PyTorch's own"
        ),
    ] = "resnet"
    zero_init_residual: Annotated[
        bool, Description("start the last norm of every residual block at zero")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Facts that checking verifies: a spec carries its own test."""

    layers: Annotated[Count | None, Description("weighted layers, by the paper's rule")] = None
    params: Annotated[Count | None, Description("learnable scalars")] = None
    macs: Annotated[Count | None, Description("multiply-accumulates at the spec's input")] = None


StageName = Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9_-]{0,63}")]
"""Stage names appear in options, tables and names of features."""

BlockName = Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9_-]{0,63}\.[1-9][0-9]{0,5}")]
"""Blocks are named as in He et al. 2015: the second of stage conv4_x is conv4_x.2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Spec(Written):
    """A whole network as its author wrote it.

    A spec built in Python is validated where it is used. Specs are equal when all their keys are,
    and the order of their stages.
    """

    name: NameText | None = None
    input: Annotated[InputText, Description("the size that sizes and MACs are counted at")]
    stem: Annotated[tuple[StemLayerText, ...], Description("before the first stage")]
    block: Annotated[
        BlockKeys,
        Description("keys for all stages; norm, activation and bias hold in stem and head as well"),
    ] = BlockKeys()
    stages: Annotated[dict[StageName, Annotated[Stage, ShortForm(_with_rows)]], _NotEmpty]
    head: Annotated[tuple[HeadLayerText, ...], Description("pool and classifier")]
    aux: Annotated[
        dict[BlockName, tuple[HeadLayerText, ...]],
        Description("classifiers after blocks, in training only"),
    ] = field(default_factory=dict)
    drop_path: Annotated[
        float,
        Between(ge=0, lt=1),
        Description("probability to drop the last residual block; 0 for the first, linear between"),
    ] = 0.0
    output_stride: Annotated[
        Literal[8, 16, 32] | None,
        Description("dilate stages instead of striding further than this"),
    ] = None
    init: Init = Init()
    expect: Expect = Expect()

    def __eq__(self, other: object) -> bool:
        # dictionaries compare without order, and stages have one
        return (
            isinstance(other, Spec)
            and all(getattr(self, f.name) == getattr(other, f.name) for f in fields(Spec))
            and list(self.stages) == list(other.stages)
            and list(self.aux) == list(other.aux)
        )

    __hash__ = None  # type: ignore[assignment]  # as for every object with a mapping in it

    def settings(self, stage: Stage | None = None) -> Settings:
        """The settings of a stage; without one, those of stem and head."""
        common = DEFAULTS.under(self.block)
        return common.under(stage) if stage else common

    def stride(self, name: str) -> int:
        """The stride of a stage's first block, given or by default."""
        first = next(iter(self.stages))
        default = FIRST_STRIDE if name == first else STAGE_STRIDE
        return self.stages[name].stride or default
