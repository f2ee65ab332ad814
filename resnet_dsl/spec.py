"""The words of an author: what a page may say, and every default of the language.

These pydantic models check one field at a time. What relates fields (widths, strides, sizes) is
`resnet_dsl.elaborate`; where a value stands in a text is `resnet_dsl.reader`.

>>> Stage.model_validate("[[3x3, 64], [3x3, 64]] x 2").rows[0].repeats
2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import CoreSchema

from resnet_dsl.ir import ActKind
from resnet_dsl.notation import Conv, Pool, Row
from resnet_dsl.texts import HeadLayerText, InputText, Name, RowText, SidesText, StemLayerText

LARGEST_REPEATS: Final = 100_000
"""Blocks in a whole network: more is a slip, not a network."""

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
    """A convolution has a bias where no norm follows: a norm's own bias would make it idle."""
    return not normed


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Kind(_Words):
    """A kind of norm: its word alone, or a mapping with its numbers."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, data: object) -> object:
        return {"kind": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        whole = _model_schema(core, handler)
        return {"anyOf": [{"const": whole["properties"]["kind"]["const"]}, whole]}


class BatchNorm(_Kind):
    """Batch normalization, with PyTorch's eps and momentum unless said."""

    kind: Literal["batch"] = "batch"
    eps: Annotated[float, Field(ge=0, lt=1)] = 1e-5
    momentum: Annotated[float, Field(ge=0, le=1)] = 0.1


class GroupNorm(_Kind):
    """Group normalization, in 32 groups unless said."""

    kind: Literal["group"] = "group"
    groups: Annotated[int, Field(ge=1)] = 32
    eps: Annotated[float, Field(ge=0, lt=1)] = 1e-5


class EvoNorm(_Kind):
    """EvoNorm-S0, over the deviation of 32 groups unless said; it activates as well."""

    kind: Literal["evonorm"] = "evonorm"
    groups: Annotated[int, Field(ge=1)] = 32
    eps: Annotated[float, Field(ge=0, lt=1)] = 1e-5


class FilterResponseNorm(_Kind):
    """Filter response normalization with a thresholded linear unit; it activates as well."""

    kind: Literal["filter response"] = "filter response"
    eps: Annotated[float, Field(ge=0, lt=1)] = 1e-5


ActiveNorm: TypeAlias = EvoNorm | FilterResponseNorm


def _norm_kind(data: object) -> object:
    if isinstance(data, _Kind):
        return data.model_dump()["kind"]
    return data.get("kind", "batch") if isinstance(data, Mapping) else data


Norm = Annotated[
    Annotated[Literal["none"], Tag("none")]
    | Annotated[BatchNorm, Tag("batch")]
    | Annotated[GroupNorm, Tag("group")]
    | Annotated[EvoNorm, Tag("evonorm")]
    | Annotated[FilterResponseNorm, Tag("filter response")],
    Discriminator(
        _norm_kind,
        custom_error_type="refused",
        custom_error_message="a norm is batch, group, evonorm, filter response, none, "
        "or a mapping with kind and numbers",
    ),
]


Count = Annotated[int, Field(ge=1, le=10**15)]
StrideOn = Literal["spatial", "first"]
Shortcut = Literal["projection", "padding", "padding on both sides", "always", "none"]
Projection = Literal["1x1", "3x3", "average pool, 1x1"]
Order = Literal["post", "pre"]
Weights = Literal["plain", "standardized"]
Antialias = Literal["none", "blur", "average"]
FirstDilation = Literal["previous", "new"]
Scheme = Literal["resnet", "vgg", "googlenet", "pytorch"]


class BlockKeys(_Words):
    """What a stage, or `block:` for all of them, says of its blocks. Left out: see `DEFAULTS`."""

    stride_on: StrideOn | None = Field(
        None,
        description="the convolution that carries the stage's stride: the first one wider than 1x1 "
        "(v1.5), or the first one (v1: the paper's models)",
    )
    shortcut: Shortcut | None = Field(
        None,
        description="projection: option B of the paper; padding: A, with zeros behind the channels "
        "or on both sides of them; always: C; none: plain",
    )
    projection: Projection | None = Field(
        None,
        description="what a projecting shortcut is made of; where it does not stride, a 1x1 alone",
    )
    order: Order | None = Field(
        None,
        description="norm and activation behind each convolution (post), or in front of it (pre: "
        "ResNet v2)",
    )
    weights: Weights | None = Field(
        None, description="standardized: each filter is used with mean 0 and variance 1"
    )
    first_dilation: FirstDilation | None = Field(
        None,
        description="where a stage is dilated, the rate of the convolution that would have carried "
        "its stride: that of the stage before (torchvision, timm), or the new one (detectron2)",
    )
    antialias: Antialias | None = Field(
        None,
        description="how a strided convolution of a block is split: it strides no more, and a blur "
        "pool or an average pool behind its activation does",
    )
    norm: Norm | None = Field(None, description="what follows every convolution")
    activation: ActKind | None = Field(None, description="the nonlinearity")
    bias: bool | None = Field(
        None, description="biases of convolutions; left out, where no norm follows"
    )


class Settings(_Words):
    """Block keys with every question answered, but `bias`, which None leaves to the norm."""

    stride_on: StrideOn = "spatial"
    shortcut: Shortcut = "projection"
    projection: Projection = "1x1"
    order: Order = "post"
    weights: Weights = "plain"
    first_dilation: FirstDilation = "previous"
    antialias: Antialias = "none"
    norm: Norm = BatchNorm()
    activation: ActKind = "relu"
    bias: bool | None = None

    @property
    def projects(self) -> bool:
        """Whether shortcuts project where the shape changes."""
        return self.shortcut in {"projection", "always"}

    def under(self, keys: BlockKeys) -> Settings:
        """These settings where the keys say nothing, the keys where they speak."""
        said = {key: getattr(keys, key) for key in Settings.model_fields}
        return self.model_copy(update={k: v for k, v in said.items() if v is not None})


DEFAULTS: Final = Settings()
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "stride_on": get_args(StrideOn),
    "shortcut": get_args(Shortcut),
    "projection": get_args(Projection),
    "order": get_args(Order),
    "first_dilation": get_args(FirstDilation),
    "antialias": get_args(Antialias),
}
"""The keys with a closed list of values, the default first."""


class Stage(BlockKeys):
    """Blocks at one resolution: a row, a list of rows, or a mapping with `rows:` and keys."""

    rows: tuple[RowText, ...] = Field(min_length=1, strict=False)
    stride: int | None = Field(
        None, ge=1, le=64, description="of the first block: 2, but 1 in the first stage"
    )
    dilation: int | None = Field(
        None, ge=1, le=64, description="of its convolutions wider than 1x1; it takes stride: 1"
    )
    output: SidesText | None = Field(None, description="the size that the stage is held to")

    @model_validator(mode="before")
    @classmethod
    def _from_rows(cls, data: object) -> object:
        if isinstance(data, str | Row):
            return {"rows": [data]}
        if isinstance(data, list | tuple):
            return {"rows": data}
        if isinstance(data, Mapping) and isinstance(data.get("rows"), str | Row):
            return {**data, "rows": [data["rows"]]}
        return data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        whole = _model_schema(core, handler)
        rows = whole["properties"]["rows"]
        whole["properties"]["rows"] = {"anyOf": [rows["items"], rows]}
        return {"anyOf": [rows["items"], rows, whole]}


class Init(_Words):
    """How weights are drawn."""

    scheme: Scheme = Field(
        "resnet",
        description="resnet: convolutions from He et al.'s normal distribution; vgg: and a "
        "classifier of deviation 0.01, biases 0; googlenet: truncated normal, deviation 0.01; "
        "pytorch: PyTorch's own",
    )
    zero_init_residual: bool = Field(
        False, description="start the last norm of every residual block at zero"
    )


class Expect(_Words):
    """Facts that checking verifies: a page carries its own test."""

    layers: Count | None = Field(None, description="weighted layers, by the paper's rule")
    params: Count | None = Field(None, description="learnable scalars")
    macs: Count | None = Field(None, description="multiply-accumulates at the page's input")


StageName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
"""Stage names stand in module names, options and tables."""


BlockName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}\.[1-9][0-9]{0,5}$")]
"""Blocks are named as in He et al. 2015: the second of stage conv4_x is conv4_x.2."""


class Spec(_Words):
    """A whole network as its author wrote it. Two specs are equal when they say the same words."""

    name: Name | None = None
    input: InputText = Field(description="the size that sizes and MACs are counted at")
    stem: tuple[StemLayerText, ...] = Field(strict=False, description="before the first stage")
    block: BlockKeys = Field(
        default=BlockKeys(),
        description="keys for all stages; norm, activation and bias hold in stem and head as well",
    )
    stages: dict[StageName, Stage] = Field(min_length=1)
    head: tuple[HeadLayerText, ...] = Field(strict=False, description="pool and classifier")
    aux: dict[BlockName, Annotated[tuple[HeadLayerText, ...], Field(strict=False)]] = Field(
        default={}, description="classifiers behind blocks, in training only"
    )
    drop_path: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="probability to drop the last residual block; 0 for the first, linear between",
    )
    output_stride: Literal[8, 16, 32] | None = Field(
        default=None, description="dilate stages instead of striding further than this"
    )
    init: Init = Init()
    expect: Expect = Expect()

    def __eq__(self, other: object) -> bool:
        # dictionaries compare without order, and stages have one
        return (
            isinstance(other, Spec)
            and super().__eq__(other)
            and list(self.stages) == list(other.stages)
            and list(self.aux) == list(other.aux)
        )

    __hash__ = None  # type: ignore[assignment]  # as for every object with a mapping in it

    def settings(self, stage: Stage | None = None) -> Settings:
        """The settings of a stage; without one, those of stem and head."""
        common = DEFAULTS.under(self.block)
        return common.under(stage) if stage else common

    def stride(self, name: str) -> int:
        """The stride of a stage's first block, said or by default."""
        first = next(iter(self.stages))
        default = FIRST_STRIDE if name == first else STAGE_STRIDE
        return self.stages[name].stride or default


def _model_schema(core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return dict(handler.resolve_ref_schema(handler(core)))
