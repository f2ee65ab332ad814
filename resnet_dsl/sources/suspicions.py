"""What is legal in a spec, and surely not what its author meant? Warnings, at the place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import gcd
from typing import Final

from resnet_dsl.diagnostics import Diagnostic, Fix, Span, SpecPath, nearest
from resnet_dsl.elaboration import Elaboration
from resnet_dsl.folds.shape import Sizes
from resnet_dsl.ir import Residual, Shape
from resnet_dsl.language.part_names import meant_part
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.terms import Conv, Fc, RowLayer
from resnet_dsl.reader import ReadSpec
from resnet_dsl.reader.places import place
from resnet_dsl.reader.tree import Entries, Node, Scalar

_FEW: Final = 4
"""Channels of an image, at most, where sides are larger."""
_RECTIFIERS: Final = {"relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardswish"}
"""Activations that no classifier has; a sigmoid may be one of several labels."""
_USUAL: Final = (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Widths of networks whose widths all divide by 16."""
_READ_BY_PEOPLE: Final = 400
"""Convolutions of a spec that is written by hand."""
_REDUCED: Final = 4
"""How much smaller than the image a map is where a pool was to follow; classifiers of a course read
whole maps."""


def suspicions(read: ReadSpec, elaboration: Elaboration | None = None) -> list[Diagnostic]:
    """The warnings of a spec, in its order; of what it inherits, none.

    `elaboration` is there where the spec can be used.
    """
    suspicious = [*_of_input(read.spec.input), *_of_widths(read.spec), *_of_order(read.spec)]
    suspicious += [*_of_head(read.spec), *_of_strides(read.spec)]
    if elaboration is not None:
        suspicious += _of_whole_maps(elaboration)
    if read.base is not None:
        suspicious += [*_of_stage_names(read.own, read.base), *_of_expect(read.own, read.base)]
    placed = [place(read.tree, each) for each in suspicious]
    own = [each for each in placed if _is_own(each.span, read)]
    return sorted(own, key=lambda each: (each.line or 0, each.column or 0))


def _is_own(span: Span | None, read: ReadSpec) -> bool:
    return span is not None and span.source.name in (read.own.span.source.name, "--set")


def channels_last(size: Shape) -> str | None:
    """The size that was meant, where the last number is that of channels.

    >>> channels_last(Shape(224, 224, 3)), channels_last(Shape(3, 224, 224))
    ('3x224x224', None)
    """
    first, second, last = size
    # a square image, or one of three colours: 64x32x4 may be a spectrogram
    if last <= _FEW < min(first, second) and (first == second or last == 3):
        return f"{last}x{first}x{second}"
    return None


def _of_input(size: Shape) -> Iterator[Diagnostic]:
    if meant := channels_last(size):
        yield Diagnostic(
            code="suspicious-input",
            severity="warning",
            message=f"an image of {size.height}x{size.width} pixels and {size.channels} channels",
            path=("input",),
            help=f"channels come first: write {meant}",
            fix=Fix(meant),
        )


def _of_widths(spec: Spec) -> Iterator[Diagnostic]:
    """A width that is another one with two digits swapped, one doubled, or one left out."""
    convs = list(_convs(spec))
    if len(convs) > _READ_BY_PEOPLE:
        return
    counts = Counter(conv.channels for _, conv in convs)
    out_of_order = set(_out_of_order(spec))
    for path, conv in convs:
        width = conv.channels
        others = {other: n for other, n in counts.items() if other != width}
        is_plausible = width % _grain(others) == 0 and (path, width) not in out_of_order
        if counts[width] > 1 or len(convs) < 4 or is_plausible:
            continue
        known = {*others, *(_USUAL if gcd(16, *others) == 16 else ())}
        meant = [other for other in known if _is_slip(str(width), str(other))]
        if not meant:
            continue
        best = max(meant, key=lambda other: (counts[other], -abs(other - width)))
        yield Diagnostic(
            code="suspicious-width",
            severity="warning",
            message=f"{width} channels, where other layers have {best}",
            path=path,
            within=conv.at,
            help=f"write {best}, if that is meant",
        )


def _out_of_order(spec: Spec) -> Iterator[tuple[SpecPath, int]]:
    """The rows that end wider than the stage after them, and their widths."""
    ends = []
    for name, stage in spec.stages.items():
        rows = [(i, row) for i, row in enumerate(stage.rows) if row.is_block]
        if rows:
            i, row = rows[-1]
            widths = [layer.channels for layer in row.branches[0] if isinstance(layer, Conv)]
            ends.append((("stages", name, "rows", i), widths[-1] if widths else 0))
    for (path, width), (_, following) in pairwise(ends):
        if width > following:
            yield path, width


def _grain(widths: dict[int, int]) -> int:
    """The power of two, up to 8, that divides all widths; a width that it divides is plausible."""
    return gcd(8, *widths) if widths else 1


def _is_slip(typed: str, meant: str) -> bool:
    """Whether a text is another one with neighbours swapped, or a character doubled or missing."""
    if len(typed) == len(meant):
        differing = [i for i, (a, b) in enumerate(zip(typed, meant, strict=True)) if a != b]
        pair = len(differing) == 2 and differing[1] - differing[0] == 1
        return pair and sorted(typed) == sorted(meant)
    shorter, longer = sorted((typed, meant), key=len)
    return (
        len(longer) - len(shorter) == 1
        and len(longer) > 2
        and any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))
    )


def _convs(spec: Spec) -> Iterator[tuple[SpecPath, Conv]]:
    """The convolutions as they are written, each with its place."""
    for i, layer in enumerate(spec.stem):
        if isinstance(layer, Conv):
            yield ("stem", i), layer
    for name, stage in spec.stages.items():
        for i, row in enumerate(stage.rows):
            layers: list[RowLayer] = [layer for branch in row.branches for layer in branch]
            for layer in layers:
                if isinstance(layer, Conv):
                    yield ("stages", name, "rows", i), layer


def _of_order(spec: Spec) -> Iterator[Diagnostic]:
    """Stages that are numbered one after the other, and stand in another order.

    Numbers that run backwards all the way, or have gaps, are no order: res56, res28, res14.
    """
    numbers = [(name, int(n[1])) for name in spec.stages if (n := re.search(r"(\d+)", name))]
    order = [number for _, number in numbers]
    alike = len({re.sub(r"\d+", "", name) for name, _ in numbers}) == 1
    consecutive = sorted(order) == list(range(min(order, default=0), max(order, default=-1) + 1))
    if not alike or not consecutive or order == sorted(order, reverse=True) or len(order) < 3:
        return
    for (before, first), (name, second) in pairwise(numbers):
        if second < first:
            yield Diagnostic(
                code="suspicious-stage",
                severity="warning",
                message=f"{name} comes after {before}",
                path=("stages", name),
                on_key=True,
                help="stages run in the order of the text: move it up",
            )


def _of_strides(spec: Spec) -> Iterator[Diagnostic]:
    """A stride that is written in a row, and so made by each of its blocks."""
    for name, stage in spec.stages.items():
        residual = spec.settings(stage).shortcut != "none"
        for i, row in enumerate(stage.rows):
            written = [
                layer
                for layer in row.branches[0]
                if isinstance(layer, Conv) and layer.stride is not None and layer.stride > 1
            ]
            if residual and row.repeats > 1 and written:
                yield Diagnostic(
                    code="suspicious-stride",
                    severity="warning",
                    message=f"each of the {row.repeats} blocks strides by {written[0].stride}",
                    path=("stages", name, "rows", i),
                    within=written[0].at,
                    help="a stage's stride is its key, made by its first block: "
                    f"{{rows: ..., stride: {written[0].stride}}}",
                )


def _of_head(spec: Spec) -> Iterator[Diagnostic]:
    classifiers = [(i, layer) for i, layer in enumerate(spec.head) if isinstance(layer, Fc)]
    if not classifiers:
        return
    i, last = classifiers[-1]
    kind = (
        last.activation
        if isinstance(last.activation, str)
        else getattr(last.activation, "kind", "")
    )
    if len(classifiers) == 1 and kind in _RECTIFIERS and i == len(spec.head) - 1:
        yield _head_warning(i, last, "the classifier has an activation", "leave the activation out")
    before = spec.head[i - 1] if i else None
    if isinstance(before, Fc) and replace(before, at=last.at) == last and last.activation is None:
        message = f"two classifiers of {last.features} features, one after the other"
        yield _head_warning(i, last, message, "leave one out")


def _of_whole_maps(elaboration: Elaboration) -> Iterator[Diagnostic]:
    """A residual network whose pool was forgotten."""
    network, head = elaboration.network, elaboration.spec.head
    if not head or not isinstance(head[0], Fc):
        return
    body = network.layers[: elaboration.head.start]
    size = Sizes().after_all(body, network.input)
    residual = any(isinstance(layer, Residual) for layer in body)
    is_small = isinstance(size, Shape) and 1 < size.width <= network.input.width // _REDUCED
    if residual and is_small:
        message = f"the classifier reads each pixel of a map of {size}"
        yield _head_warning(0, head[0], message, "write average pool before it")


def _head_warning(i: int, layer: Fc, message: str, help: str) -> Diagnostic:
    return Diagnostic(
        code="suspicious-head",
        severity="warning",
        message=message,
        path=("head", i),
        within=layer.at,
        help=help,
    )


# ---------------------------------------------------------------- variants


def _keys(tree: Node | None, key: str) -> list[str]:
    node = tree.entries[key].node if isinstance(tree, Entries) and key in tree.entries else None
    return list(node.entries) if isinstance(node, Entries) else []


def _of_stage_names(own: Entries, base: Entries) -> Iterator[Diagnostic]:
    """A new stage whose name is nearly that of an inherited one, which it does not replace."""
    inherited = _keys(base, "stages")
    for name in _keys(own, "stages"):
        meant = None if name in inherited else _inherited_meant(name, inherited)
        if meant is not None:
            yield Diagnostic(
                code="suspicious-stage",
                severity="warning",
                message=f"{name} is a new stage after {inherited[-1]}, and changes none",
                path=("stages", name),
                on_key=True,
                help=f"did you mean {meant}?",
                fix=Fix(meant),
            )


def _inherited_meant(name: str, inherited: list[str]) -> str | None:
    if (meant := meant_part(name, inherited)) in inherited:
        return meant
    plain = {re.sub(r"[^a-z0-9]|x$", "", known.lower()): known for known in inherited}
    if (bare := re.sub(r"[^a-z0-9]|x$", "", name.lower())) in plain:
        return plain[bare]
    near = nearest(name, inherited)
    return near if near and re.findall(r"\d+", near) == re.findall(r"\d+", name) else None


def _of_expect(own: Entries, base: Entries) -> Iterator[Diagnostic]:
    """An `expect` that states a part of what the base states: the rest is checked nowhere."""
    stated, inherited = _keys(own, "expect"), _keys(base, "expect")
    missing = [key for key in inherited if key not in stated]
    given = own.entries["expect"].node if "expect" in own.entries else None
    if isinstance(given, Scalar) and given.value is None:
        yield Diagnostic(
            code="suspicious-expect",
            severity="warning",
            message="expect is never inherited: null removes nothing",
            path=("expect",),
            on_key=True,
            help="leave the line out",
            span=own.entries["expect"].key,
        )
    if stated and missing:
        are = "is" if len(missing) == 1 else "are"
        yield Diagnostic(
            code="suspicious-expect",
            severity="warning",
            message=f"expect is not inherited: {' and '.join(missing)} {are} checked nowhere",
            path=("expect",),
            on_key=True,
            help="state them too, or leave expect out: resnet-dsl summary prints them",
        )
