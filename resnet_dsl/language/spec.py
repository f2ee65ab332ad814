"""The words of an author: what a page may say, and every default of the language.

pydantic validates plain data by these classes (`resnet_dsl.language.validation` says how), one field at a time.
What relates fields (widths, strides, sizes) is `resnet_dsl.elaboration`; where a value stands in a
text is `resnet_dsl.reader`. Annotations are values here, read when a page is: no `from __future__`.

>>> take(Stage, "[[3x3, 64], [3x3, 64]] x 2").rows[0].repeats
2
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args

from resnet_dsl.ir import ActKind
from resnet_dsl.language.fields import (
    HeadLayerText,
    InputText,
    NameText,
    RowText,
    SidesText,
    StemLayerText,
)
from resnet_dsl.language.validation import (
    Between,
    DoubtError,
    Listed,
    Matching,
    Reader,
    Says,
    Words,
    take,
)
from resnet_dsl.notation import Conv, Pool, Row

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core.core_schema import CoreSchema

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(Words):
    """Batch normalization, with PyTorch's eps and momentum unless said."""

    kind: Literal["batch"] = "batch"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5
    momentum: Annotated[float, Between(ge=0, le=1)] = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm(Words):
    """Group normalization, in 32 groups unless said."""

    kind: Literal["group"] = "group"
    groups: Annotated[int, Between(ge=1)] = 32
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class EvoNorm(Words):
    """EvoNorm-S0, over the deviation of 32 groups unless said; it activates as well."""

    kind: Literal["evonorm"] = "evonorm"
    groups: Annotated[int, Between(ge=1)] = 32
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterResponseNorm(Words):
    """Filter response normalization with a thresholded linear unit; it activates as well."""

    kind: Literal["filter response"] = "filter response"
    eps: Annotated[float, Between(ge=0, lt=1)] = 1e-5


ActiveNorm: TypeAlias = EvoNorm | FilterResponseNorm
Norm: TypeAlias = Literal["none"] | BatchNorm | GroupNorm | ActiveNorm
NORMS: Final[dict[str, type[Words]]] = {
    "batch": BatchNorm,
    "group": GroupNorm,
    "evonorm": EvoNorm,
    "filter response": FilterResponseNorm,
}
"""The kinds of norms with numbers: a word alone, or a mapping with its numbers."""


class _NormText:
    """The mark of a norm."""

    def take(self, data: Any, _inner: Reader) -> Any:
        kind = self._kind(data)
        if data == "none" or isinstance(data, Words):
            return data
        if isinstance(kind, str) and kind in NORMS:
            return take(NORMS[kind], {"kind": data} if isinstance(data, str) else data)
        raise DoubtError

    @staticmethod
    def _kind(data: Any) -> Any:
        if isinstance(data, Mapping):
            return data.get("kind", "batch")
        return getattr(data, "kind", data)

    def __get_pydantic_core_schema__(
        self, _source: object, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema

        def whole(kind: str) -> "CoreSchema":
            def from_word(data: object) -> object:
                return {"kind": data} if isinstance(data, str) else data

            schema = handler.generate_schema(NORMS[kind])
            return core_schema.no_info_before_validator_function(from_word, schema)

        return core_schema.tagged_union_schema(
            {"none": core_schema.literal_schema(["none"]), **{kind: whole(kind) for kind in NORMS}},
            self._kind,
            custom_error_type="refused",
            custom_error_message="a norm is batch, group, evonorm, filter response, none, "
            "or a mapping with kind and numbers",
        )

    def __get_pydantic_json_schema__(
        self, core: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["none", *NORMS]}, *handler(core)["oneOf"][1:]]}


NormText = Annotated[Norm, _NormText()]
Count = Annotated[int, Between(ge=1, le=10**15)]
StrideOn = Literal["spatial", "first"]
Shortcut = Literal["projection", "padding", "padding on both sides", "always", "none"]
Projection = Literal["1x1", "3x3", "average pool, 1x1"]
Order = Literal["post", "pre"]
Weights = Literal["plain", "standardized"]
Antialias = Literal["none", "blur", "average"]
FirstDilation = Literal["previous", "new"]
Scheme = Literal["resnet", "vgg", "googlenet", "pytorch"]
_Some: Final = Listed(least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKeys(Words):
    """What a stage, or `block:` for all of them, says of its blocks. Left out: see `DEFAULTS`."""

    stride_on: Annotated[
        StrideOn | None,
        Says(
            "the convolution that carries the stage's stride: the first one wider than 1x1 "
            "(v1.5), or the first one (v1: the paper's models)"
        ),
    ] = None
    shortcut: Annotated[
        Shortcut | None,
        Says(
            "projection: option B of the paper; padding: A, with zeros behind the channels "
            "or on both sides of them; always: C; none: plain"
        ),
    ] = None
    projection: Annotated[
        Projection | None,
        Says("what a projecting shortcut is made of; where it does not stride, a 1x1 alone"),
    ] = None
    order: Annotated[
        Order | None,
        Says(
            "norm and activation behind each convolution (post), or in front of it (pre: ResNet v2)"
        ),
    ] = None
    weights: Annotated[
        Weights | None, Says("standardized: each filter is used with mean 0 and variance 1")
    ] = None
    first_dilation: Annotated[
        FirstDilation | None,
        Says(
            "where a stage is dilated, the rate of the convolution that would have carried "
            "its stride: that of the stage before (torchvision, timm), or the new one (detectron2)"
        ),
    ] = None
    antialias: Annotated[
        Antialias | None,
        Says(
            "how a strided convolution of a block is split: it strides no more, and a blur "
            "pool or an average pool behind its activation does"
        ),
    ] = None
    norm: Annotated[NormText | None, Says("what follows every convolution")] = None
    activation: Annotated[ActKind | None, Says("the nonlinearity")] = None
    bias: Annotated[
        bool | None, Says("biases of convolutions; left out, where no norm follows")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
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

    def under(self, keys: BlockKeys) -> "Settings":
        """These settings where the keys say nothing, the keys where they speak."""
        said = {key: value for key in _KEYS if (value := getattr(keys, key)) is not None}
        return replace(self, **said) if said else self


_KEYS: Final = tuple(key.name for key in fields(Settings))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(BlockKeys):
    """Blocks at one resolution: a row, a list of rows, or a mapping with `rows:` and keys."""

    rows: Annotated[tuple[RowText, ...], _Some]
    stride: Annotated[
        Annotated[int, Between(ge=1, le=64)] | None,
        Says("of the first block: 2, but 1 in the first stage"),
    ] = None
    dilation: Annotated[
        Annotated[int, Between(ge=1, le=64)] | None,
        Says("of its convolutions wider than 1x1; it takes stride: 1"),
    ] = None
    output: Annotated[SidesText | None, Says("the size that the stage is held to")] = None

    @classmethod
    def long_form(cls, data: object) -> object:
        """A row or a list of rows as a mapping."""
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
class Init(Words):
    """How weights are drawn."""

    scheme: Annotated[
        Scheme,
        Says(
            "resnet: convolutions from He et al.'s normal distribution; vgg: and a "
            "classifier of deviation 0.01, biases 0; googlenet: truncated normal, deviation 0.01; "
            "pytorch: PyTorch's own"
        ),
    ] = "resnet"
    zero_init_residual: Annotated[
        bool, Says("start the last norm of every residual block at zero")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect(Words):
    """Facts that checking verifies: a page carries its own test."""

    layers: Annotated[Count | None, Says("weighted layers, by the paper's rule")] = None
    params: Annotated[Count | None, Says("learnable scalars")] = None
    macs: Annotated[Count | None, Says("multiply-accumulates at the page's input")] = None


StageName = Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9_-]{0,63}")]
"""Stage names stand in module names, options and tables."""

BlockName = Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9_-]{0,63}\.[1-9][0-9]{0,5}")]
"""Blocks are named as in He et al. 2015: the second of stage conv4_x is conv4_x.2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spec(Words):
    """A whole network as its author wrote it. Two specs are equal when they say the same words."""

    name: NameText | None = None
    input: Annotated[InputText, Says("the size that sizes and MACs are counted at")]
    stem: Annotated[tuple[StemLayerText, ...], Listed(), Says("before the first stage")]
    block: Annotated[
        BlockKeys,
        Says("keys for all stages; norm, activation and bias hold in stem and head as well"),
    ] = BlockKeys()
    stages: Annotated[dict[StageName, Stage], _Some]
    head: Annotated[tuple[HeadLayerText, ...], Listed(), Says("pool and classifier")]
    aux: Annotated[
        dict[BlockName, Annotated[tuple[HeadLayerText, ...], Listed()]],
        Says("classifiers behind blocks, in training only"),
    ] = field(default_factory=dict)
    drop_path: Annotated[
        float,
        Between(ge=0, lt=1),
        Says("probability to drop the last residual block; 0 for the first, linear between"),
    ] = 0.0
    output_stride: Annotated[
        Literal[8, 16, 32] | None, Says("dilate stages instead of striding further than this")
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
        """The stride of a stage's first block, said or by default."""
        first = next(iter(self.stages))
        default = FIRST_STRIDE if name == first else STAGE_STRIDE
        return self.stages[name].stride or default
