"""How layers are written elsewhere: names and options of PyTorch, Keras, timm and papers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

EXAMPLES: Final = {
    "max pool": "3x3 max pool, /2",
    "average pool": "average pool, or 2x2 average pool, /2",
    "blur pool": "blur pool, /2",
    "global max pool": "global max pool",
    "zero pad": "zero pad 1",
    "zero channels": "zero channels 16",
    "se": "se 16",
    "eca": "eca 3",
    "spatial attention": "spatial attention 7",
    "norm": "norm, or batch norm",
    "batch norm": "batch norm",
    "group norm": "group norm, groups 32",
    "layer norm": "layer norm",
    "flatten": "flatten",
    "softmax": "softmax",
    "dropout": "dropout 0.5",
    "drop path": "drop path 0.1",
    "scale": "scale 0.1",
    "learned scale": "learned scale",
    "normalize": "normalize, mean 0.5, std 0.5",
    "identity": "identity",
    "fc": "1000-d fc",
}
"""Each layer by its name, and how it is written whole."""

_RATE: Final = "write {0} 0.5: the probability to drop"
MISSING_PARTS: Final = (
    (
        r"max[ -]?pool(?:ing)?",
        "a max pool without its window",
        "write 3x3 max pool, /2; over the whole map, in a head: global max pool",
    ),
    (
        r"(?:\d+\s*[x×X*]\s*\d+\s+)?pool(?:ing)?",
        "a pool is a max pool or an average pool",
        "write 3x3 max pool, /2, or 2x2 average pool, /2",
    ),
    (r"(channel\s+)?dropout", "a dropout without its rate", _RATE.format("dropout")),
    (r"drop[ -]?path|stochastic depth", "a drop path without its rate", "write drop path 0.1"),
    (r"scale", "a scale without its factor", "write scale 0.1, or learned scale"),
    (r"zero[ -]?pad(?:ding)?|pad(?:ding)?", "a padding without its pixels", "write zero pad 1"),
    (r"zero[ -]?channels?", "zero channels without their number", "write zero channels 16"),
    (
        r"fc|dense|linear|fully[ -]connected|classifier",
        "an fc without its width",
        "write 1000-d fc, with the number of classes",
    ),
    (
        r"conv(?:olution)?(?:2d)?",
        "a convolution without its kernel and channels",
        "write 3x3, 64",
    ),
    (
        r"\d+(?:-?d)?",
        "a number alone is not a layer",
        "write 3x3, 64 for a convolution, 1000-d fc for a classifier",
    ),
    (r"cbam|bam", "cbam is two layers here", "write se 16, max pool and then spatial attention 7"),
    (r"res(?:idual)?[ -]?block|bottleneck|basic ?block", "a block is a row of a stage",
     'write it under stages: "[[3x3, 64], [3x3, 64]] x 2"'),
)  # fmt: skip
"""Texts that lack a part: a pattern, what is missing, and what to write."""

_Repl = str | Callable[[re.Match[str]], str]


def _percent(match: re.Match[str]) -> str:
    return f"dropout {int(match[1]) / 100:g}"


def _ratio(match: re.Match[str]) -> str:
    return f"se /{round(1 / float(match[1]))}" if float(match[1]) else match[0]


_COUNT_WORDS: Final = {"two": "2", "four": "4", "one": "1", "three": "3"}
_K = r"(?P<side>\d+)\s*[x×X*]\s*(?P=side)(?!\d)"

_SPELLINGS: Final[tuple[tuple[str, _Repl], ...]] = (
    (r"\bnn\.|\btorch\.|\blayers\.|\(\)", ""),
    (r"(?<![\d.])(\d{1,3})[,_'](\d{3})(?!\d)", r"\1\2"),
    (r"(?<=\d)o(?=\d|\b)|(?<=[\s,])o(?=\d)", "0"),
    (r"\b[li|](?=\s*[x×]\s*\d)|(?<=\d[x×])[li|](?=\b|,)|(?<=\d)l(?=\d)", "1"),
    (r"\b0,(?=\d)", "0."),
    (r"^(dropout|drop path) 1\s*/\s*([2-9])$", lambda m: f"{m[1]} {1 / int(m[2]):.3g}"),
    (r"\bpad(?:ding)?\s*[= ]\s*[\"']?valid[\"']?", "pad 0"),
    (r"\((\d+),\s*\1\)", r"\1x\1"),
    (r"\b(\d+) by (\d+)\b", r"\1x\2"),
    (r"\b(one|two|three|four)\b", lambda match: _COUNT_WORDS[match[1]]),
    # pools
    (
        r"^adaptive[ _-]*(?:avg|average)[ _-]?pool(?:_?2d)?[\s(]*(?:1|output_size=1)\)?$",
        "average pool",
    ),
    (
        r"^adaptive[ _-]*(?:avg|average)[ _-]?pool(?:_?2d)?[\s(]*\(?(\d+)(?:, ?\d+)?\)*$",
        r"average pool to \1x\1",
    ),
    (r"\bglobal[ _-]*max[ _-]?pool\w*", "global max pool"),
    (r"\bgap\b|\b(?:global|adaptive)[ _-]*(?:(?:avg|average|mean)[ _-]?)?pool\w*", "average pool"),
    (r"\bmax[ _-]?pool(?:ing)?(?:_?2d)?\b", "max pool"),
    (r"\b(?:avg|average|mean)[ _-]?pool(?:ing)?(?:_?2d)?\b", "average pool"),
    (rf"^(max|average) pool[\s,(=k]*{_K}\)?", r"\2x\2 \1 pool"),
    (r"^(max|average) pool[\s,(=k]*(\d+)\b(?!\s*[x×])\)?", r"\2x\2 \1 pool"),
    (r"^(\d+) (max|average) pool", r"\1x\1 \2 pool"),
    (r"(pool),? (\d)$", r"\1, /\2"),
    # classifiers
    (r"^(?:dense|linear)[\s(]*\d+[\s,]+(\d+)\)?$", r"\1-d fc"),
    (
        r"^(?:dense|linear|fully[ -]connected|fc|classifier|logits)[\s:=,(-]*(\d+)\)?$",
        r"\1-d fc",
    ),
    (
        r"^(\d+)\s*-?d?[\s,-]*(?:dense|linear|fully[ -]connected|classes|units|class|fc)(?=,|$| )",
        r"\1-d fc",
    ),
    # norms and activations
    (r"\b(?:bn|batch[ _-]?norm(?:alization)?(?:_?2d)?)\b", "batch norm"),
    (r"\b(?:gn|group[ _-]?norm(?:alization)?)\b", "group norm"),
    (r"\b(?:ln|layer[ _-]?norm(?:alization)?(?:_?2d)?)\b", "layer norm"),
    (r"\binstance[ _-]?norm(?:alization)?(?:_?2d)?\b", "instance norm"),
    (r"^(evonorm|filter response)(?=,|$)", r"\1 norm"),
    (r"(group norm)[\s,(]*(\d+)\)?$", r"\1, groups \2"),
    (r"((?:batch|layer|instance) norm),?\s*(\d*\.\d+|\d+e-\d+)$", r"\1, eps \2"),
    (r"\bl(?:eaky)?[ -]?relu\b", "leaky_relu"),
    (r"\brectified linear(?: unit)?\b", "relu"),
    (r"\bhard[ -](swish|sigmoid)\b", r"hard\1"),
    # dropout, attention
    (
        r"^dropout[\s:=,(]*(\d{1,2})\s*%\)?$|^(?=\d+% dropout$)(\d+)% dropout$",
        lambda m: _percent(re.match(r"\D*(\d+)", m[0]) or m),
    ),
    (r"^(?:dropout|drop)[\s:=,(p]*(0?\.\d+)\)?$", r"dropout \1"),
    (r"^(0?\.\d+) dropout$", r"dropout \1"),
    (r"^(?:drop[ _-]?path|droppath|stochastic depth)[\s:=,(p]*(0?\.\d+)\)?$", r"drop path \1"),
    (
        r"^(?:se|squeeze[ -](?:and[ -])?excit\w*)[\s:=,(]*(?:r\s*=\s*|ratio\s*=?\s*|1/)(\d+)\)?",
        r"se /\1",
    ),
    (r"^(?:se|squeeze[ -](?:and[ -])?excit\w*)[\s:=,(]*(0?\.\d+)\)?", _ratio),
    (r"^(?:se|squeeze[ -](?:and[ -])?excit\w*)(?:[\s:=,(]+|$)(\d*)\)?", r"se \1"),
    (r"^eca[\s:=,(k]*(\d+)\)?", r"eca \1"),
    (r"^scale[\s:=,(]*(\d*\.?\d+)\)?$", r"scale \1"),
    (r"^(?:zero[ _-]?pad(?:ding)?(?:_?2d)?|pad(?:ding)?)[\s:=,(]*(\d+)\)?$", r"zero pad \1"),
    # convolutions
    (r"^(\d+x\d+) (?:depthwise|dw)(?:[ -]?conv\w*)?, (\d+)", r"\1, \2, C=\2"),
    (r"^(?:depthwise|dw)(?:[ -]?conv\w*)? (\d+x\d+), (\d+)", r"\1, \2, C=\2"),
    (rf"^conv(?:olution)?(?:_?2d)?[\s(:,]*{_K}\)?", r"\1x\1"),
    (r"^conv(?:_?2d)?\s*(\d+)[\s,-]+(\d+)", r"\1x\1, \2"),
    (rf"^(\d+),?\s+{_K}(?:\s+conv\w*)?(?=,|$)", r"\2x\2, \1"),
    (rf"^{_K}\s*[x×*@,/(-]\s*(\d+)\)?(?=,|$| )", r"\1x\1, \2"),
    (r"^k\s*=?\s*(\d+),", r"\1x\1,"),
    (r"^([1-9]|11), (\d+)(?=,|$)", r"\1x\1, \2"),
    (r"(?<=, )(\d+) (?:channels|filters|maps|ch)\b", r"\1"),
    (r"\b(?:channels|filters|out|out_channels)\s*=?\s*(\d+)\b", r"\1"),
    # options
    (r"\b(?:strides?|s)\s*[=: ]\s*\(?(\d+)\)?|\bs(\d)\b", lambda m: f"/{m[1] or m[2]}"),
    (r"÷\s*(\d+)", r"/\1"),
    (r"\\\s*(\d+)", r"/\1"),
    (r"\b(?:padding|pad|p)\s*[=:]\s*(\d+)|\bp(\d)\b", lambda m: f"pad {m[1] or m[2]}"),
    (r"\b(?:groups|g|c|cardinality)\s*[=:]?\s*(\d+)\b", r"C=\1"),
    (r"\b(?:dilation|dilated|dilate|rate|d)\s*[=:]\s*(\d+)\b", r"dilation \1"),
    (r"\b(?:dilated|dilate|rate|atrous)\s+(\d+)\b", r"dilation \1"),
    (r"\b(?:use_)?bias\s*[=:]\s*(?:false|no|off|0)\b|\bbias[ -]?free\b|\bnobias\b", "no bias"),
    (r"\b(?:use_)?bias\s*[=:]\s*(?:true|yes|on|1)\b", "bias"),
    (r"\b(eps|epsilon)\s*[=:]\s*", "eps "),
    (r"\bmomentum\s*[=:]\s*", "momentum "),
    (rf"^({_K}, \d+), ([1-4])$", r"\1, /\3"),
    (r"\b(?:act|activation)\s*[=:]\s*", ""),
    (r"\bno (?:act|relu|nonlinearity)\b", "linear"),
    (r"\bno (?:bn|batch norm)\b", "no norm"),
)


def respelled(text: str) -> Iterator[str]:
    """The text in this notation, by more and more of the rules that apply.

    >>> list(respelled("Conv2d 3x3, 64, stride=2"))[-1]
    '3x3, 64, /2'
    """
    current = re.sub(r"\bC\s*=", "\x00", text).lower().replace("\x00", "C=")
    for pattern, replacement in _SPELLINGS:
        after = re.sub(pattern, replacement, current)
        if after != current:
            current = re.sub(r"\s+", " ", after).strip(" ,")
            yield current
