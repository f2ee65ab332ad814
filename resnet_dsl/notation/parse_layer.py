"""The text of one layer to its term: comma-separated words, an anchored pattern for each form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from resnet_dsl.diagnostics import Code, nearest
from resnet_dsl.notation.terms import (
    AdaptivePool,
    At,
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    Fc,
    Flatten,
    HeadLayer,
    Pool,
    Softmax,
    SqueezeExcite,
    ZeroPad,
)

LARGEST: Final = 1_000_000
"""No number of a row is larger."""


class NotationError(ValueError):
    """A text that is not a row or layer: what is wrong, at which characters, and the fix."""

    def __init__(
        self,
        message: str,
        at: At | None = None,
        help: str | None = None,
        code: Code = "row",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.help = help
        self.code = code


def parse_layer(text: str) -> HeadLayer:
    """The layer of a line of a stem or a head; brackets around it are allowed.

    >>> parse_layer("fc 1000")
    Fc(features=1000)
    """
    whole = re.fullmatch(r"\s*(?:\[([^\[\]]*)\]|([^\[\]]*))\s*", text)
    if whole is None:
        raise NotationError("brackets that do not match", (0, len(text)), help=LAYER_HELP)
    group = 1 if whole[1] is not None else 2
    return parse_words(whole[group], whole.start(group))


_Word: TypeAlias = tuple[str, At]
LAYER_HELP = "a layer is written kernel, channels, options: 3x3, 64, /2"


def parse_words(text: str, offset: int) -> HeadLayer:
    """One layer from its comma-separated words; `offset` is where they begin in the whole text."""
    words = [(m[0].strip(), _trimmed(m, offset)) for m in re.finditer(r"[^,]+|(?<=,)(?=,|$)", text)]
    if not words or not words[0][0]:
        raise NotationError("the layer is empty", (offset, offset + len(text)), LAYER_HELP)
    (first, at), rest = words[0], words[1:]
    whole = (at[0], words[-1][1][1])
    for pattern, parse in _FORMS:
        if match := re.fullmatch(pattern, first, re.IGNORECASE | re.ASCII):
            return parse(match, at, rest, whole)
    known = (
        "max pool",
        "average pool",
        "blur pool",
        "zero pad",
        "se",
        "eca",
        "flatten",
        "softmax",
        "dropout",
        "drop path",
        "fc",
    )
    guess = nearest(re.sub(r"[\d×xX*-]+d?\s*", "", first), known)
    raise NotationError(
        f"{first!r} is not a layer", at, help=f"did you mean {guess!r}?" if guess else LAYER_HELP
    )


def _parse_conv(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    kernel = _square(match[1], match[2], at)
    channels = re.fullmatch(r"(\d+)(?:-?d)?", rest[0][0]) if rest else None
    if channels is None:
        raise NotationError(
            "a convolution without its channels",
            rest[0][1] if rest else at,
            help=f"write {kernel}x{kernel}, 64 (or {kernel}x{kernel} max pool)",
        )
    return _conv(kernel, _positive(channels[1], rest[0][1], "channels"), rest[1:], whole)


def _parse_bare(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    kernel = _square(match[2], match[3], at)
    return _conv(kernel, _positive(match[1], at, "channels"), rest, whole, bare=True)


def _conv(kernel: int, channels: int, words: list[_Word], at: At, *, bare: bool = False) -> Conv:
    options = _read_options(words, ("C", "stride", "dilation", "pad", "bias"))
    return Conv(
        kernel=kernel,
        channels=channels,
        cardinality=options.get("C", 1),
        stride=options.get("stride"),
        dilation=options.get("dilation"),
        padding=options.get("pad"),
        bias=None if "bias" not in options else bool(options["bias"]),
        bare=bare,
        at=at,
    )


def _parse_pool(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    options = _read_options(rest, ("stride", "pad", "ceil"))
    kernel = _square(match[1], match[2], at)
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


def _parse_fc(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    return Fc(features=_positive(match[1] or match[2], at, "features"), at=whole)


def _parse_dropout(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    p = float(match[2])
    if not 0 <= p < 1:
        raise NotationError(
            f"a {match[1].lower()} of {match[2]}", at, help="a probability below 1: 0.5"
        )
    return Dropout(p=p, at=whole) if match[1][-1] in "tT" else DropPath(p=p, at=whole)


def _parse_zeros(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    before = read_number(match[1], at)
    after = before if match[2] is None else read_number(match[2], at)
    if before == after == 0:
        raise NotationError(f"{match[0]!r} adds nothing", at, help="write zero pad 1")
    return ZeroPad(before=before, after=after, at=whole)


def _parse_blur(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    options = _read_options(rest, ("stride",))
    if "stride" not in options:
        raise NotationError(f"{match[0]!r} without a stride", at, help="write blur pool, /2")
    return BlurPool(stride=options["stride"], at=whole)


def _parse_attention(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    if match[2] is None:
        raise NotationError(f"{match[0]!r} without its number", at, help="write se 16, or eca 5")
    if match[1].lower() == "se":
        return SqueezeExcite(hidden=_positive(match[2], at, "hidden channels"), at=whole)
    kernel = _positive(match[2], at, "channels in a kernel")
    if kernel % 2 == 0:
        raise NotationError(f"an eca kernel of {kernel}", at, help="its kernel is odd: eca 3")
    return EfficientChannelAttention(kernel=kernel, at=whole)


def _parse_word(match: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    match match[0][0].lower():
        case "f":
            return Flatten(at=whole)
        case "s":
            return Softmax(at=whole)
        case _:
            side = 1 if match[1] is None else _square(match[1], match[2], at)
            return AdaptivePool(side=side, at=whole)


_FORMS: tuple[tuple[str, Callable[[re.Match[str], At, list[_Word], At], HeadLayer]], ...] = (
    (r"(\d+)\s*[x×X*]\s*(\d+)(?:\s+conv(?:olution)?)?", _parse_conv),
    (r"(\d+)-?d\s+(\d+)\s*[x×X*]\s*(\d+)\s+conv(?:olution)?", _parse_bare),
    (r"(\d+)\s*[x×X*]\s*(\d+)\s+(max|average|avg)[ -]?pool(?:ing)?", _parse_pool),
    (r"blur[ -]?pool(?:ing)?", _parse_blur),
    (r"(se|eca)(?:\s+(\d+))?", _parse_attention),
    (r"(?:(\d+)-?d\s+fc|fc\s+(\d+))", _parse_fc),
    (r"(dropout|drop[ -]path)\s+(\d*\.?\d+(?:e-?\d+)?)", _parse_dropout),
    (r"zero[ -]?pad(?:ding)?\s+(\d+)(?:\s+(\d+))?", _parse_zeros),
    (
        r"flatten|softmax|(?:(?:global|adaptive)\s+)?(?:average|avg)[ -]?pool(?:ing)?"
        r"(?:\s+to\s+(\d+)\s*[x×X*]\s*(\d+))?",
        _parse_word,
    ),
)
_OPTIONS: tuple[tuple[str, str], ...] = (
    ("C", r"C\s*=\s*(\d+)"),
    ("stride", r"(?:/|stride\s+)\s*(\d+)"),
    ("dilation", r"dilation\s+(\d+)"),
    ("pad", r"pad(?:ding)?\s+(\d+)"),
    ("bias", r"bias"),
    ("no bias", r"no\s+bias"),
    ("ceil", r"ceil"),
)


def _read_options(words: list[_Word], allowed: tuple[str, ...]) -> dict[str, int]:
    """The options after a layer's first words; flags are 1, negated flags 0."""
    options: dict[str, int] = {}
    for word, at in words:
        for name, pattern in _OPTIONS:
            flags = re.ASCII if name == "C" else re.ASCII | re.IGNORECASE  # c=32 is a slip
            if match := re.fullmatch(pattern, word, flags):
                break
        else:
            raise NotationError(
                f"{word!r} is not an option of a layer", at, help=_option_help(word)
            )
        key = name.removeprefix("no ")
        if key not in allowed:
            raise NotationError(f"this layer takes no {key!r}", at, help=_listed(allowed))
        if key in options:
            raise NotationError(f"{key!r} is given twice", at, help="give it once")
        if not match.groups():
            options[key] = int(name == key)
        elif name == "pad":
            options[key] = read_number(match[1], at)
        else:
            options[key] = _positive(match[1], at, key)
    return options


def _option_help(word: str) -> str:
    if slip := re.fullmatch(r"(?:S|s|stride)\s*[=:]?\s*(\d+)", word):
        return f"a stride is written /{slip[1]}"
    if slip := re.fullmatch(r"(?:c|G|g|groups)\s*[=:]\s*(\d+)", word):
        return f"a cardinality is written C={slip[1]}"
    if slip := re.fullmatch(r"(?:P|p|pad|padding)\s*[=:]\s*(\d+)", word):
        return f"a padding is written pad {slip[1]}"
    if slip := re.fullmatch(r"(?:D|d|dilation)\s*[=:]\s*(\d+)", word):
        return f"a dilation is written dilation {slip[1]}"
    return "options are C=32, /2, dilation 2, pad 3, bias, no bias and, for pools, ceil"


def _listed(allowed: tuple[str, ...]) -> str:
    return f"it takes {', '.join(allowed)}" if allowed else "it takes no options"


def _square(height: str, width: str, at: At) -> int:
    if int(height[:9]) != int(width[:9]):
        raise NotationError(
            f"a kernel of {height[:9]}x{width[:9]}", at, help="kernels are square: 3x3"
        )
    return _positive(height, at, "pixels in a kernel")


def _positive(digits: str, at: At, what: str) -> int:
    number = read_number(digits, at)
    if number == 0:
        raise NotationError(
            f"0 is not a number of {what}" if what != "stride" else "a stride of 0", at
        )
    return number


def read_number(digits: str, at: At) -> int:
    if len(digits) > 9 or int(digits) > LARGEST:
        shown = digits if len(digits) < 12 else f"{digits[:9]}..."
        raise NotationError(f"{shown} is too large", at, f"at most {LARGEST:,}", code="limit")
    return int(digits)


def _trimmed(match: re.Match[str], offset: int) -> At:
    """The place of a match without the blanks around it."""
    lead = len(match[0]) - len(match[0].lstrip())
    start = offset + match.start() + lead
    return start, start + len(match[0].strip())
