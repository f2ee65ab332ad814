"""The parts of a residual network, by the names and shapes of its weights.

A block is the innermost numbered scope with two convolutions in it. Its body is the convolutions
whose channels follow one another; one beside them that leads from the block's input to its output
is the projection.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from resnet_dsl.checkpoint.layer_order import beside_convs, chain
from resnet_dsl.checkpoint.state_keys import Kind, Weights
from resnet_dsl.diagnostics import fail

Scope: TypeAlias = tuple[str, ...]
_NUMBERED: Final = re.compile(r"(?!conv|stem|branch)[\w-]*\d", re.IGNORECASE)
_BESIDE: Final = re.compile(r"down|short|skip|proj|ident|match|(?:^|[._])right", re.IGNORECASE)
IMAGE: Final = 4
"""Channels of an image, at most."""


@dataclass(frozen=True, slots=True)
class Group:
    """A block, or all that is in none: its layers by kind, in the order of computation."""

    convs: tuple[Weights, ...] = ()
    norms: tuple[Weights, ...] = ()
    attention: tuple[Weights, ...] = ()
    projection: tuple[Weights, ...] = ()
    projection_norms: tuple[Weights, ...] = ()
    linears: tuple[Weights, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """A network: the stem's convolutions and the classifier, the blocks, and the other norms."""

    stem: tuple[Weights, ...]
    blocks: tuple[Group, ...]
    norms: tuple[Weights, ...]
    head: tuple[Weights, ...]

    @property
    def loose(self) -> Group:
        """All that is in no block."""
        convs = tuple(layer for layer in self.head if layer.kind == "conv")
        linears = tuple(layer for layer in self.head if layer.kind == "linear")
        return Group(convs=(*self.stem, *convs), norms=self.norms, linears=linears)


def parts_of(layers: Sequence[Weights], *, ordered: bool = True) -> Parts | None:
    """The parts of a network, None where it has no blocks.

    `ordered` says that the layers stand in the order in which they were created.

    Raises `SpecError` where a block's channels do not follow one another.
    """
    members, loose = block_members(layers)
    if not members:
        return None
    convs = _of(loose, "conv")
    first, last = next(iter(members)), list(members)[-1]
    if not convs and _first_incoming(members[first]) <= IMAGE and len(members) > 1:
        loose += members.pop(first)
        convs = _of(loose, "conv")
    head = _of(loose, "linear") or [conv for conv in convs if _classifies(conv, members[last])]
    stem = chain([c for c in convs if c not in head], 0, grouped=False, ordered=ordered)
    if stem is None:
        raise fail(
            "weights", f"{convs[0].name}: the channels of the stem's convolutions do not match"
        )
    blocks: list[Group] = []
    for scope, inside in members.items():
        channels = blocks[-1].convs[-1].out if blocks else stem[-1].out if stem else 0
        blocks.append(block_of(scope, inside, channels, ordered=ordered))
    strange = [layer.name for layer in loose if layer.kind in {"se", "eca"}]
    if strange:
        raise fail("weights", f"{strange[0]}: attention outside a block")
    return Parts(tuple(stem), tuple(blocks), tuple(_of(loose, "norm")), tuple(head))


def shared_scope(scopes: Iterable[Scope]) -> Scope:
    """The innermost scope around all of these.

    >>> shared_scope([("net", "layer1", "0"), ("net", "layer2")])
    ('net',)
    """
    first, *others = scopes
    length = 0
    while length < len(first) and all(first[: length + 1] == o[: length + 1] for o in others):
        length += 1
    return first[:length]


def _of(layers: Sequence[Weights], kind: Kind) -> list[Weights]:
    return [layer for layer in layers if layer.kind == kind]


def _first_incoming(layers: Sequence[Weights]) -> int:
    return min(conv.incoming for conv in _of(layers, "conv"))


def _classifies(conv: Weights, last: Sequence[Weights]) -> bool:
    """A convolution with biases over what the last block gives."""
    outs = {layer.out for layer in _of(last, "conv")}
    return conv.kernel == 1 and conv.has_bias and conv.incoming in outs


# ---------------------------------------------------------------- where blocks are


def block_members(
    layers: Sequence[Weights],
) -> tuple[dict[Scope, list[Weights]], list[Weights]]:
    """The layers of each block, and those of none."""
    scopes = _block_scopes(layers)
    members: dict[Scope, list[Weights]] = {}
    loose: list[Weights] = []
    for layer in layers:
        above = (layer.path[:n] for n in range(len(layer.path), 0, -1))
        scope = next((s for s in above if s in scopes), None)
        (loose if scope is None else members.setdefault(scope, [])).append(layer)
    return members, loose


def _block_scopes(layers: Sequence[Weights]) -> set[Scope]:
    under: dict[Scope, list[Weights]] = defaultdict(list)
    for layer in layers:
        for n in range(1, len(layer.path)):
            under[layer.path[:n]].append(layer)
    blocks = {scope for scope, inside in under.items() if _is_block(scope, inside)}
    used = set()
    for conv in _of(layers, "conv"):
        above = (conv.path[:n] for n in range(len(conv.path) - 1, 0, -1))
        scope = next((scope for scope in above if scope in blocks), None)
        if scope is not None:
            used.add(scope)
    return _outermost(used)


def _is_block(scope: Scope, inside: Sequence[Weights]) -> bool:
    convs = _of(inside, "conv")
    return bool(_NUMBERED.fullmatch(scope[-1])) and len(convs) > 1 and not _is_attention(inside)


def _outermost(scopes: set[Scope]) -> set[Scope]:
    """A block with one numbered part is one block; what holds several blocks is none."""
    inner: dict[Scope, set[Scope]] = defaultdict(set)
    for scope in scopes:
        for n in range(1, len(scope)):
            if scope[:n] in scopes:
                inner[scope[:n]].add(scope)
    wholes = {scope for scope in scopes if len(inner[scope]) == 1}
    parts = {part for scope in wholes for part in inner[scope]}
    return {scope for scope in scopes - parts if len(inner[scope]) <= 1}


# ---------------------------------------------------------------- what is in a block


def block_of(
    scope: Scope, inside: Sequence[Weights], channels: int, *, ordered: bool = True
) -> Group:
    """The layers of a block that takes so many channels, 0 for any number.

    Raises `SpecError` where no order of its convolutions does.
    """
    attention, layers = _attention(inside)
    convs, norms = _of(layers, "conv"), _of(layers, "norm")
    if strange := _of(layers, "linear"):
        raise fail("weights", f"{strange[0].name}: a fully connected layer in a block")
    reading = next(_readings(scope, convs, channels, ordered=ordered), None)
    if reading is None:
        place = ".".join(scope)
        raise fail("weights", f"{place}: the channels of its convolutions do not match")
    body, projection = reading
    beside = [norm for norm in norms if projection and _is_beside(scope, norm, projection[0])]
    return Group(
        convs=tuple(body),
        norms=tuple(beside_convs([norm for norm in norms if norm not in beside], body)),
        attention=tuple(attention),
        projection=tuple(projection),
        projection_norms=tuple(beside),
    )


def _readings(
    scope: Scope, convs: Sequence[Weights], channels: int, *, ordered: bool
) -> Iterator[tuple[list[Weights], list[Weights]]]:
    """Bodies and projections, the likeliest first: by name; without groups; with groups."""
    hinted = [conv for conv in convs if _BESIDE.search(_relative(scope, conv))]
    tries: list[tuple[Weights | None, bool]] = [(conv, True) for conv in hinted]
    for grouped in (False, True):
        tries += [(None, grouped), *((conv, grouped) for conv in reversed(convs))]
    for projection, grouped in tries:
        rest = [conv for conv in convs if conv is not projection]
        body = chain(rest, channels, grouped=grouped, ordered=ordered)
        if not body:
            continue
        start = channels or body[0].incoming
        if projection is None:
            yield body, []
        elif (projection.incoming, projection.out) == (start, body[-1].out):
            yield body, [projection]


def _relative(scope: Scope, layer: Weights) -> str:
    return ".".join(layer.path[len(scope) :])


def _is_beside(scope: Scope, norm: Weights, projection: Weights) -> bool:
    """Whether a norm is the projection's: by where it stands, or by its name."""
    shared = projection.scope == norm.scope != scope
    inside = norm.path[: len(projection.path)] == projection.path
    return shared or inside or bool(_BESIDE.search(_relative(scope, norm)))


# ---------------------------------------------------------------- attention


def _attention(inside: Sequence[Weights]) -> tuple[list[Weights], list[Weights]]:
    """What weighs channels, and the other layers of a block."""
    scopes: dict[Scope, list[Weights]] = defaultdict(list)
    for layer in inside:
        scopes[layer.scope].append(layer)
    squeezes = {scope: pair for scope, pair in scopes.items() if _is_attention(pair)}
    attentions = [_squeeze(scope, pair) for scope, pair in squeezes.items()]
    rest = [layer for layer in inside if layer.scope not in squeezes and layer.kind != "eca"]
    return attentions + _of(inside, "eca"), rest


def _is_attention(inside: Sequence[Weights]) -> bool:
    """Two 1x1 convolutions with biases, to fewer channels and back, alone in their scope."""
    if [layer.kind for layer in inside] != ["conv", "conv"]:
        return False
    first, second = inside
    plain = all(conv.kernel == 1 and conv.has_bias for conv in inside)
    return plain and (first.incoming, first.out) == (second.out, second.incoming)


def _squeeze(scope: Scope, pair: Sequence[Weights]) -> Weights:
    first, second = sorted(pair, key=lambda conv: conv.out)
    if pair[0].out == pair[1].out:
        first, second = pair
    named = [
        (f"{name}.{key}", conv, key)
        for name, conv in zip(("fc1", "fc2"), (first, second), strict=True)
        for key in conv.keys
    ]
    shapes = {name: conv.shapes[key] for name, conv, key in named}
    keys = {name: conv.keys[key] for name, conv, key in named}
    return Weights(".".join(scope), "se", shapes, keys)
