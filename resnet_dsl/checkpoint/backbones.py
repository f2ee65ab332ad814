"""A network among other layers: which weights of a scope are its own?

Heads, necks, queues and losses stand beside a backbone in many files. Its own layers are the
convolutions that lead from an image to the first block, the blocks that follow one another, their
norms, and one fully connected layer over what the last block gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from resnet_dsl.checkpoint.block_scopes import (
    IMAGE,
    Group,
    Scope,
    block_members,
    block_of,
    shared_scope,
)
from resnet_dsl.checkpoint.state_keys import Weights
from resnet_dsl.diagnostics import SpecError
from resnet_dsl.folds.weights import TensorShape


@dataclass(frozen=True, slots=True)
class Backbone:
    """Readings of a network's own layers, the likeliest first; whether more blocks are left.

    `scopes` are those of its blocks, and `scope` is the innermost one around all.
    """

    readings: tuple[tuple[Weights, ...], ...]
    leaves_blocks: bool
    scopes: tuple[Scope, ...]
    scope: Scope

    def continues(self, layer: Weights) -> bool:
        """Whether a layer that is left out belongs to the trunk: a convolution of an image beside
        the scope, or a scope that is numbered as those of the blocks are."""
        depth = len(self.scope)
        takes_image = layer.kind == "conv" and layer.incoming <= IMAGE
        if takes_image and depth and layer.scope == self.scope[: depth - 1]:
            return True
        if layer.path[:depth] != self.scope or len(layer.path) <= depth + 1:
            return False
        words = {scope[depth].rstrip("0123456789") for scope in self.scopes if len(scope) > depth}
        step = layer.path[depth]
        return step[-1:].isdecimal() and step.rstrip("0123456789") in words

    def uses(self, name: str, shape: TensorShape) -> bool:
        """Whether a tensor that belongs to no known layer would take part: one inside a block, or
        a slope or factor beside the stem."""
        path = tuple(name.split("."))
        inside = any(path[: len(scope)] == scope for scope in self.scopes)
        beside = path[:-2] == self.scope and path[-1] == "weight" and len(shape) == 1
        return inside or beside


def backbone_of(layers: Sequence[Weights], *, ordered: bool = True) -> Backbone | None:
    """The network among these layers; None where no image leads to blocks."""
    members, loose = block_members(layers)
    if not members:
        return None
    stem = _stem(next(iter(members)), loose)
    blocks = list(_blocks(members, stem, ordered=ordered))
    if not blocks or (not stem and min(c.incoming for c in blocks[0].convs) > IMAGE):
        return None
    own = [*stem, *chain.from_iterable(list(members.values())[: len(blocks)])]
    return Backbone(
        readings=tuple(_readings(own, stem, blocks, loose)),
        leaves_blocks=len(blocks) < len(members),
        scopes=tuple(list(members)[: len(blocks)]),
        scope=shared_scope(layer.scope for layer in own),
    )


def _stem(first: Scope, loose: Sequence[Weights]) -> list[Weights]:
    """Convolutions from an image on, in the innermost scope around the first block that has any."""
    convs = [layer for layer in loose if layer.kind == "conv"]
    for length in range(len(first) - 1, -1, -1):
        inside = [conv for conv in convs if conv.path[:length] == first[:length]]
        stem: list[Weights] = []
        for conv in inside:
            if stem and conv.incoming == stem[-1].out:
                stem.append(conv)
            elif not stem and conv.incoming <= IMAGE:
                stem = [conv]
        if stem:
            return stem
    return []


def _blocks(
    members: Mapping[Scope, Sequence[Weights]], stem: Sequence[Weights], *, ordered: bool
) -> Iterator[Group]:
    """Blocks as long as each takes what the one before gives."""
    channels = stem[-1].out if stem else 0
    for scope, inside in members.items():
        try:
            block = block_of(scope, inside, channels, ordered=ordered)
        except SpecError:
            return
        if channels and block.convs[0].incoming != channels:  # another network begins
            return
        yield block
        channels = block.convs[-1].out


def _readings(
    own: Sequence[Weights],
    stem: Sequence[Weights],
    blocks: Sequence[Group],
    loose: Sequence[Weights],
) -> Iterator[tuple[Weights, ...]]:
    """With the norms of the stem, a norm after all blocks, or both; with and without classifier.

    No norm of the stem's width beside the stem is left out, and no classifier is read after
    a norm that is left out.
    """
    last = blocks[-1].convs[-1].out
    scope = shared_scope(layer.scope for layer in own)
    norms = [n for n in loose if n.kind == "norm" and n.path[: len(scope)] == scope]
    of_stem: list[Weights] = []
    for conv in stem:
        of_stem += [n for n in norms if n.out == conv.out and n not in of_stem][:1]
    final = [n for n in norms if n.out == last and n not in of_stem][:1]
    heads = [layer for layer in loose if layer.kind == "linear" and layer.incoming == last]
    head = [layer for layer in heads if layer.path[: len(scope)] == scope]
    single = head if len(heads) == 1 and not _continues(head, loose) else []
    for classifier in [single, []] if single else [[]]:
        for more in ([*of_stem, *final], of_stem, final, []):
            left = [norm for norm in norms if norm not in more]
            before = any(n.out in {c.out for c in stem} and n.scope == scope for n in left)
            after = any(norm.out == last for norm in left)
            if not before and not (classifier and after):
                yield (*own, *more, *classifier)


def _continues(head: Sequence[Weights], loose: Sequence[Weights]) -> bool:
    """Whether a head has more layers than one: another one that takes what it gives, or stands
    beside it in a sequence."""
    return any(
        layer is not first
        and (
            (layer.kind == "linear" and layer.incoming == first.out)
            or (layer.scope == first.scope and layer.path[-1].isdecimal())
        )
        for first in head
        for layer in loose
    )
