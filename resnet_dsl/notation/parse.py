"""Texts to rows and layers: a cursor, and an anchored pattern a token."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from resnet_dsl.diagnostics import Code, nearest
from resnet_dsl.notation.terms import (
    AdaptivePool,
    At,
    BlurPool,
    Branch,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    Fc,
    Flatten,
    HeadLayer,
    Pool,
    Row,
    RowLayer,
    Softmax,
    SqueezeExcite,
    ZeroPad,
    format_layer,
)

LARGEST: Final = 1_000_000
"""No number of a row is larger."""


class NotationError(ValueError):
    """A text that is no row or layer: what is wrong, at which characters, and the mend."""

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


def parse_row(text: str) -> Row:
    """The row that a text says.

    >>> parse_row("[[3x3, 64]] x 2").repeats
    2
    >>> parse_row("[[3x3, 64]] x 0")
    Traceback (most recent call last):
        ...
    resnet_dsl.notation.parse.NotationError: a block is repeated 0 times
    """
    scan = _Scanner(text)
    if not scan.take(r"\["):
        raise scan.error("a row begins with a bracket", help='like "[[3x3, 64], [3x3, 64]] x 2"')
    branches = [_parse_path(scan)]
    while scan.take(r"\|"):
        branches.append(_parse_path(scan))
    if not scan.take(r"\]"):
        raise scan.error("the row's last bracket is missing", help="close the block with ]")
    repeats = 1
    if not scan.done:
        times = scan.take(r"[x×X*]?\s*(\d+)(?!\w)")
        if not times or times[0].strip()[0].isdigit():
            raise scan.error(
                "a row ends with its count" if not times else "an x is missing before the count",
                at=times.span() if times else None,
                help='like "] x 3"',
            )
        repeats = _number(times[1], times.span(1))
        if repeats == 0:
            raise NotationError(
                "a block is repeated 0 times",
                times.span(1),
                help="leave the stage out, or repeat the block once or more",
                code="repeats",
            )
        if not scan.done:
            raise scan.error("the row has ended, and more follows", help="one row, one count")
    return Row(branches=tuple(branches), repeats=repeats)


def parse_layer(text: str) -> HeadLayer:
    """The layer that a line of a stem or a head says; brackets around it are welcome.

    >>> parse_layer("fc 1000")
    Fc(features=1000)
    """
    whole = re.fullmatch(r"\s*(?:\[([^\[\]]*)\]|([^\[\]]*))\s*", text)
    if whole is None:
        raise NotationError("brackets that do not match", (0, len(text)), help=_LAYER_HELP)
    group = 1 if whole[1] is not None else 2
    return _parse_words(whole[group], whole.start(group))


def _parse_path(scan: _Scanner) -> Branch:
    """Layers up to the end of the block or of the branch."""
    layers: list[RowLayer] = []
    while True:
        if words := scan.take(r"\[([^\[\]]*)\]"):
            layer = _parse_words(words[1], words.start(1))
        elif words := scan.take(r"[^\[\]|;]*[^\[\]|;\s]"):
            layer = _parse_words(words[0], words.start())
        elif not layers and scan.peek("]|"):
            raise scan.error("a block without layers", help='like "[[3x3, 64], [3x3, 64]]"')
        else:
            raise scan.error("a layer is missing here", help=_LAYER_HELP)
        if not isinstance(layer, RowLayer):
            raise NotationError(
                f"{format_layer(layer)!r} belongs to the head",
                layer.at,
                help="write it under head:",
            )
        if isinstance(layer, Conv) and layer.bare:
            raise NotationError(
                "a classifier belongs to the head",
                layer.at,
                help=f"in a row write {layer.kernel}x{layer.kernel}, {layer.channels}",
            )
        layers.append(layer)
        separated = scan.take("[,;]")
        if scan.peek("]|") and not separated:
            return tuple(layers)
        if scan.done:
            raise scan.error("the row's last bracket is missing", help="close the block with ]")


_Word: TypeAlias = tuple[str, At]
_LAYER_HELP = "a layer is written kernel, channels, options: 3x3, 64, /2"


def _parse_words(text: str, offset: int) -> HeadLayer:
    """One layer from its comma-separated words; `offset` is where they begin in the whole text."""
    words = [(m[0].strip(), _trimmed(m, offset)) for m in re.finditer(r"[^,]+|(?<=,)(?=,|$)", text)]
    if not words or not words[0][0]:
        raise NotationError("a layer without words", (offset, offset + len(text)), _LAYER_HELP)
    (first, at), rest = words[0], words[1:]
    whole = (at[0], words[-1][1][1])
    for pattern, parse in _FORMS:
        if found := re.fullmatch(pattern, first, re.IGNORECASE | re.ASCII):
            return parse(found, at, rest, whole)
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
        f"{first!r} is no layer", at, help=f"did you mean {guess!r}?" if guess else _LAYER_HELP
    )


def _parse_conv(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    kernel = _square(found[1], found[2], at)
    channels = re.fullmatch(r"(\d+)(?:-?d)?", rest[0][0]) if rest else None
    if channels is None:
        raise NotationError(
            "a convolution without its channels",
            rest[0][1] if rest else at,
            help=f"write {kernel}x{kernel}, 64 (or {kernel}x{kernel} max pool)",
        )
    return _conv(kernel, _positive(channels[1], rest[0][1], "channels"), rest[1:], whole)


def _parse_bare(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    kernel = _square(found[2], found[3], at)
    return _conv(kernel, _positive(found[1], at, "channels"), rest, whole, bare=True)


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


def _parse_pool(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    options = _read_options(rest, ("stride", "pad", "ceil"))
    kernel = _square(found[1], found[2], at)
    padding = options.get("pad")
    if padding is not None and padding > kernel // 2:
        raise NotationError(
            f"a {kernel}x{kernel} pool pads by {padding}, more than half its window",
            whole,
            help=f"pad by at most {kernel // 2}",
        )
    return Pool(
        kind="max" if found[3].lower() == "max" else "average",
        kernel=kernel,
        stride=options.get("stride"),
        padding=padding,
        ceil="ceil" in options,
        at=whole,
    )


def _parse_fc(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    return Fc(features=_positive(found[1] or found[2], at, "features"), at=whole)


def _parse_dropout(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    p = float(found[2])
    if not 0 <= p < 1:
        raise NotationError(
            f"a {found[1].lower()} of {found[2]}", at, help="a probability below 1: 0.5"
        )
    return Dropout(p=p, at=whole) if found[1][-1] in "tT" else DropPath(p=p, at=whole)


def _parse_zeros(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    before = _number(found[1], at)
    after = before if found[2] is None else _number(found[2], at)
    if before == after == 0:
        raise NotationError(f"{found[0]!r} adds nothing", at, help="write zero pad 1")
    return ZeroPad(before=before, after=after, at=whole)


def _parse_blur(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    options = _read_options(rest, ("stride",))
    if "stride" not in options:
        raise NotationError(f"{found[0]!r} without a stride", at, help="write blur pool, /2")
    return BlurPool(stride=options["stride"], at=whole)


def _parse_attention(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    if found[2] is None:
        raise NotationError(f"{found[0]!r} without its number", at, help="write se 16, or eca 5")
    if found[1].lower() == "se":
        return SqueezeExcite(hidden=_positive(found[2], at, "hidden channels"), at=whole)
    kernel = _positive(found[2], at, "channels in a kernel")
    if kernel % 2 == 0:
        raise NotationError(f"an eca kernel of {kernel}", at, help="its kernel is odd: eca 3")
    return EfficientChannelAttention(kernel=kernel, at=whole)


def _parse_word(found: re.Match[str], at: At, rest: list[_Word], whole: At) -> HeadLayer:
    _read_options(rest, ())
    match found[0][0].lower():
        case "f":
            return Flatten(at=whole)
        case "s":
            return Softmax(at=whole)
        case _:
            side = 1 if found[1] is None else _square(found[1], found[2], at)
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
    """The options behind a layer's first words; flags are 1, their denial 0."""
    options: dict[str, int] = {}
    for word, at in words:
        for name, pattern in _OPTIONS:
            flags = re.ASCII if name == "C" else re.ASCII | re.IGNORECASE  # c=32 is a slip
            if found := re.fullmatch(pattern, word, flags):
                break
        else:
            raise NotationError(f"{word!r} is no option of a layer", at, help=_option_help(word))
        key = name.removeprefix("no ")
        if key not in allowed:
            raise NotationError(f"this layer takes no {key!r}", at, help=_listed(allowed))
        if key in options:
            raise NotationError(f"{key!r} is said twice", at, help="say it once")
        if not found.groups():
            options[key] = int(name == key)
        elif name == "pad":
            options[key] = _number(found[1], at)
        else:
            options[key] = _positive(found[1], at, key)
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
    number = _number(digits, at)
    if number == 0:
        raise NotationError(
            f"0 is no number of {what}" if what != "stride" else "a stride of 0", at
        )
    return number


def _number(digits: str, at: At) -> int:
    if len(digits) > 9 or int(digits) > LARGEST:
        shown = digits if len(digits) < 12 else f"{digits[:9]}..."
        raise NotationError(f"{shown} is too large", at, f"at most {LARGEST:,}", code="limit")
    return int(digits)


def _trimmed(found: re.Match[str], offset: int) -> At:
    """The place of a match without the blanks around it."""
    lead = len(found[0]) - len(found[0].lstrip())
    start = offset + found.start() + lead
    return start, start + len(found[0].strip())


class _Scanner:
    """A cursor over a text: an anchored pattern at a time, blanks skipped."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._skip()

    @property
    def done(self) -> bool:
        return self.position == len(self.text)

    def take(self, pattern: str) -> re.Match[str] | None:
        """What the pattern matches here; the cursor moves behind it."""
        found = re.compile(pattern).match(self.text, self.position)
        if found:
            self.position = found.end()
            self._skip()
        return found

    def peek(self, characters: str) -> bool:
        return not self.done and self.text[self.position] in characters

    def error(self, message: str, *, help: str, at: At | None = None) -> NotationError:
        return NotationError(message, at or (self.position, len(self.text)), help=help)

    def _skip(self) -> None:
        while not self.done and self.text[self.position].isspace():
            self.position += 1
