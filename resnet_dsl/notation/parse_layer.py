"""The text of one layer to its term: comma-separated texts, an anchored pattern for each form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from resnet_dsl.notation.parse_norm import parse_eca, parse_norm, parse_se, parse_spatial
from resnet_dsl.notation.parse_options import (
    NUMBER,
    NotationError,
    OptionText,
    parse_activation,
    positive,
    read_number,
    read_options,
    square,
)
from resnet_dsl.notation.terms import (
    AdaptivePool,
    Add,
    At,
    BlurPool,
    BothPools,
    Conv,
    Dropout,
    DropPath,
    Fc,
    Flatten,
    HeadLayer,
    Identity,
    L2Normalize,
    LearnedScale,
    Normalize,
    Pool,
    Scale,
    Softmax,
    ZeroChannels,
    ZeroPad,
)

LAYER_HELP = "a layer is written kernel, channels, options: 3x3, 64, /2"


def parse_layer(text: str) -> HeadLayer:
    """The layer of a line of a stem or a head; brackets around it are allowed.

    >>> parse_layer("fc 1000")
    Fc(features=1000, bias=True, activation=None)
    """
    whole = re.fullmatch(r"\s*(?:\[([^\[\]]*)\]|([^\[\]]*))\s*", text)
    if whole is None:
        raise NotationError("brackets that do not match", (0, len(text)), help=LAYER_HELP)
    group = 1 if whole[1] is not None else 2
    return parse_words(whole[group], whole.start(group))


def parse_words(text: str, offset: int) -> HeadLayer:
    """One layer from its comma-separated texts; `offset` is where they begin in the whole text."""
    words = [
        (m[0].strip(), _trimmed(m, offset))
        for m in re.finditer(r"[^,]+|(?<=,)(?=,|$)|^(?=,)", text)
    ]
    if not words or not words[0][0]:
        raise NotationError("the layer is empty", (offset, offset + len(text)), LAYER_HELP)
    (first, at), rest = words[0], words[1:]
    whole = (at[0], words[-1][1][1])
    for pattern, parse in FORMS:
        if match := re.fullmatch(pattern, first, re.IGNORECASE | re.ASCII):
            return parse(match, at, rest, whole)
    if activation := parse_activation(first, at):
        read_options(rest, ())
        return activation
    raise NotationError(f"{first!r} is not a layer", at, LAYER_HELP, unknown_layer=first)


# ---------------------------------------------------------------- convolutions and pools


def _parse_conv(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    kernel = square(match[1], match[2], at)
    channels = re.fullmatch(r"([0-9]+)(?:-?d)?", rest[0][0]) if rest else None
    if channels is None:
        stride = ", ".join(["", *(word for word, _ in rest if word.startswith("/"))])
        raise NotationError(
            "a convolution without its channels",
            rest[0][1] if rest else at,
            help=f"write {kernel}x{kernel}, 64{stride} (or {kernel}x{kernel} max pool{stride})",
        )
    allowed = ("C", "stride", "dilation", "pad", "bias", "norm", "activation")
    options = read_options(rest[1:], allowed)
    return _conv(kernel, positive(channels[1], rest[0][1], "channels"), options, whole)


def _parse_bare(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    kernel = square(match[2], match[3], at)
    options = read_options(rest, ("C", "stride", "dilation", "pad", "bias"))
    return _conv(kernel, positive(match[1], at, "channels"), options, whole, bare=True)


def _conv(
    kernel: int, channels: int, options: dict[str, Any], at: At, *, bare: bool = False
) -> Conv:
    return Conv(
        kernel=kernel,
        channels=channels,
        cardinality=options.get("C", 1),
        stride=options.get("stride"),
        dilation=options.get("dilation"),
        padding=options.get("pad"),
        bias=options.get("bias"),
        norm=options.get("norm"),
        activation=options.get("activation"),
        bare=bare,
        at=at,
    )


def _parse_pool(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    options = read_options(rest, ("stride", "pad", "ceil"))
    kernel = square(match[1], match[2], at)
    padding = options.get("pad")
    if padding is not None and padding > kernel // 2:
        raise NotationError(
            f"a {kernel}x{kernel} pool pads by {padding}, more than half its window",
            whole,
            help=f"pad by at most {kernel // 2}",
        )
    return Pool(
        kind="max" if match[3].lower() == "max" else "average",
        kernel=kernel,
        stride=options.get("stride"),
        padding=padding,
        ceil="ceil" in options,
        at=whole,
    )


def _parse_blur(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    options = read_options(rest, ("stride",))
    if "stride" not in options:
        raise NotationError(f"{match[0]!r} without a stride", at, help="write blur pool, /2")
    return BlurPool(stride=options["stride"], at=whole)


def _parse_global(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    options = read_options(rest, ("as window",))
    side = 1 if match[2] is None else square(match[2], match[3], at)
    if side > 1 and options:
        raise NotationError("only a pool over the whole map is a window", whole, "leave it out")
    kind: Any = "max" if match[1].lower() == "max" else "average"
    return AdaptivePool(side=side, kind=kind, window=options.get("as window"), at=whole)


def _parse_both(match: re.Match[str], _at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    read_options(rest, ())
    return BothPools(first="max" if match[1].lower() == "max" else "average", at=whole)


# ---------------------------------------------------------------- others


def _parse_fc(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    options = read_options(rest, ("bias", "activation"))
    return Fc(
        features=positive(match[1] or match[2], at, "features"),
        bias=options.get("bias", True),
        activation=options.get("activation"),
        at=whole,
    )


def _parse_dropout(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    read_options(rest, ())
    p, kind = float(match[3]), match[2].lower()
    if not 0 <= p < 1:
        raise NotationError(f"a {kind} of {match[3]}", at, help="a probability below 1: 0.5")
    if kind == "dropout":
        return Dropout(p=p, of_channels=bool(match[1]), at=whole)
    if match[1]:
        raise NotationError("a path has no channels", at, help=f"write drop path {match[3]}")
    return DropPath(p=p, at=whole)


def _parse_zeros(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    read_options(rest, ())
    first = read_number(match[2], at)
    second = None if match[3] is None else read_number(match[3], at)
    if first == 0 and not second:
        raise NotationError(f"{match[0]!r} adds nothing", at, help=f"write zero {match[1]} 1")
    if match[1].lower().startswith("ch"):
        before, after = (0, first) if second is None else (first, second)
        return ZeroChannels(before=before, after=after, at=whole)
    return ZeroPad(before=first, after=first if second is None else second, at=whole)


def _parse_scale(match: re.Match[str], at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    read_options(rest, ())
    if abs(float(match[1])) in (0, float("inf")):
        raise NotationError(f"a scale of {match[1]}", at, help="like scale 0.1")
    return Scale(factor=float(match[1]), at=whole)


def _parse_normalize(
    _match: re.Match[str], _at: At, rest: list[OptionText], whole: At
) -> HeadLayer:
    options = read_options(rest, ("mean", "std"))
    if set(options) != {"mean", "std"} or len(options["mean"]) != len(options["std"]):
        example = "normalize, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
        raise NotationError("a normalization without mean and std", whole, help=f"write {example}")
    if not all(options["std"]):
        raise NotationError("a std of 0", whole, help="it divides")
    return Normalize(mean=options["mean"], std=options["std"], at=whole)


def _parse_word(match: re.Match[str], _at: At, rest: list[OptionText], whole: At) -> HeadLayer:
    read_options(rest, ())
    word = re.sub(r"[\s_-]+", " ", match[0].lower())
    words: dict[str, HeadLayer] = {
        "flatten": Flatten(at=whole),
        "softmax": Softmax(at=whole),
        "log softmax": Softmax(log=True, at=whole),
        "learned scale": LearnedScale(at=whole),
        "l2 normalize": L2Normalize(at=whole),
        "identity": Identity(at=whole),
        "add": Add(at=whole),
    }
    return words[word]


_Parse: TypeAlias = Callable[[re.Match[str], At, list[OptionText], At], HeadLayer]
_POOL = r"[ -]?pool(?:ing)?"
FORMS: tuple[tuple[str, _Parse], ...] = (
    (r"(\d+)\s*[x×X*]\s*(\d+)(?:\s+conv(?:olution)?)?", _parse_conv),
    (r"(\d+)-?d\s+(\d+)\s*[x×X*]\s*(\d+)\s+conv(?:olution)?", _parse_bare),
    (rf"(\d+)\s*[x×X*]\s*(\d+)\s+(max|average|avg){_POOL}", _parse_pool),
    (rf"blur{_POOL}", _parse_blur),
    (r"se(?:\s+(/)?\s*(\d+))?", parse_se),
    (r"eca(?:\s+(\d+))?", parse_eca),
    (r"spatial[ -]attention(?:\s+(\d+))?", parse_spatial),
    (r"(?:(\d+)-?d\s+fc|fc\s+(\d+))", _parse_fc),
    (rf"(channel\s+)?(dropout|drop[ -]path)\s+({NUMBER})", _parse_dropout),
    (r"zero[ -]?(pad|padding|channels?)\s+(\d+)(?:\s+(\d+))?", _parse_zeros),
    (rf"scale\s+({NUMBER})", _parse_scale),
    (r"normali[sz]e", _parse_normalize),
    (r"(?:(batch|group|instance|layer|evonorm|filter\s+response)\s+)?norm", parse_norm),
    (rf"(average|avg|max)\s+and\s+(?:average|avg|max){_POOL}", _parse_both),
    (
        rf"(?:(?:global|adaptive)\s+)?(average|avg){_POOL}(?:\s+to\s+(\d+)\s*[x×X*]\s*(\d+))?",
        _parse_global,
    ),
    (rf"(?:global|adaptive)\s+(max){_POOL}(?:\s+to\s+(\d+)\s*[x×X*]\s*(\d+))?", _parse_global),
    (rf"(max){_POOL}\s+to\s+(\d+)\s*[x×X*]\s*(\d+)", _parse_global),
    (r"flatten|(?:log[ _-]?)?softmax|learned\s+scale|l2[ -]normalize|identity|add", _parse_word),
)


def _trimmed(match: re.Match[str], offset: int) -> At:
    """The place of a match without the blanks around it."""
    lead = len(match[0]) - len(match[0].lstrip())
    start = offset + match.start() + lead
    return start, start + len(match[0].strip())
