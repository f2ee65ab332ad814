"""In which order do the layers of a block compute? By their channels, kernels and names.

Where a file keeps the order in which layers were created, that order is taken if channels allow it.
Others, as safetensors sorts them, are put in the likeliest order: groups at 3x3 convolutions alone,
1x1 3x3 1x1 for bottlenecks, and words such as `reduce` and `expand` where nothing else tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final, TypeAlias

from resnet_dsl.checkpoint.state_keys import Weights
from resnet_dsl.folds.anatomy import is_bottleneck

_LARGEST_BODY: Final = 5  # whose convolutions are put in order by their channels
_FIRST: Final = re.compile(r"reduc|squeeze|first|_in\b|\bin\b|pre", re.IGNORECASE)
_LAST: Final = re.compile(r"expan|last|_out\b|\bout\b|post|increas", re.IGNORECASE)
_KIND: Final = re.compile(r"conv(?:olution)?2?d?|batch_?norm|norm(?:alization)?|bn|weight|layer")

Rank: TypeAlias = tuple[int, ...]


def chain(
    convs: Sequence[Weights], channels: int, *, grouped: bool, ordered: bool = True
) -> list[Weights] | None:
    """Convolutions in an order in which each takes what the one before gives; 0 is any number."""
    possible = _chains(convs, channels, grouped=grouped)
    if ordered or not convs:
        return next(possible, None)
    return min(possible, key=lambda order: _rank(order, channels), default=None)


def _chains(convs: Sequence[Weights], channels: int, *, grouped: bool) -> Iterator[list[Weights]]:
    orders = permutations(convs) if len(convs) <= _LARGEST_BODY else iter([tuple(convs)])
    return (list(order) for order in orders if _follow(order, channels, grouped))


def _follow(convs: Sequence[Weights], channels: int, grouped: bool) -> bool:
    for conv in convs:
        channels = channels or conv.incoming
        groups, rest = divmod(channels, conv.incoming)
        if rest or conv.out % groups or (groups > 1 and not grouped):
            return False
        channels = conv.out
    return True


def _rank(convs: Sequence[Weights], channels: int) -> Rank:
    """How unlikely an order is; the first of equal ones stands in the order of names."""
    incoming = [channels or convs[0].incoming, *(conv.out for conv in convs[:-1])]
    grouped = [conv for conv, c in zip(convs, incoming, strict=True) if conv.incoming != c]
    kernels = [conv.kernel for conv in convs]
    bottleneck = is_bottleneck(kernels) or len(set(kernels)) == 1
    return (
        sum(conv.kernel == 1 for conv in grouped),
        not bottleneck,
        len(grouped),
        *(_place_of_word(conv.path[-1]) for conv in convs),
    )


def _place_of_word(name: str) -> int:
    return 0 if _FIRST.search(name) else 2 if _LAST.search(name) else 1


def beside_convs(norms: Sequence[Weights], convs: Sequence[Weights]) -> list[Weights]:
    """Norms in the order of the convolutions that they are called like, as `bn_reduce` and
    `conv_reduce`; as they stand where names or sizes do not agree."""
    labelled = {_label(norm): norm for norm in norms}
    matching = [labelled.get(_label(conv)) for conv in convs]
    paired = [norm for norm in matching if norm is not None]
    if len(labelled) < len(norms) or len(paired) < len(convs) or len(norms) != len(convs):
        return list(norms)
    agree = all(norm.out == conv.out for norm, conv in zip(paired, convs, strict=True))
    return paired if agree else list(norms)


def _label(layer: Weights) -> tuple[str, ...]:
    """What is left of a layer's path without the words for its kind."""
    return tuple(filter(None, (_KIND.sub("", step.lower()).strip("_") for step in layer.path)))
