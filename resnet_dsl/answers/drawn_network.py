"""A network as a diagram: the layers and blocks of each part, with their shortcuts and branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, Literal, TypeAlias

from resnet_dsl import ir
from resnet_dsl.answers.diagrams import (
    Box,
    BoxKind,
    BoxLine,
    Chain,
    Column,
    Fork,
    Group,
    Item,
    Section,
    Side,
    Skip,
    signature,
)
from resnet_dsl.answers.layer_text import layer_text
from resnet_dsl.diagnostics import fail
from resnet_dsl.elaboration.draft import NO_REASONS
from resnet_dsl.elaboration.reasons import AntiAliasing, InsertedDilation, InsertedStride
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.folds.vocabulary import leaf_terms
from resnet_dsl.ir import Layer, LayerPath, Leaf, Size
from resnet_dsl.sources.resolve import Part, Resolved, part_named

Detail: TypeAlias = Literal["layers", "rows", "everything"]
"""The layers that figure 3 has; those of a block in one box; norms, activations and all others."""


_INSERTED: Final = (InsertedStride, InsertedDilation, AntiAliasing)
"""Why a layer is shown as one that the compiler changed."""


def column_of(resolved: Resolved, detail: Detail, name: str | None = None) -> Column:
    """The figure of a network; with `rows`, equal blocks in a run are one group."""
    with resolved.placing():
        sections = tuple(_sections(resolved, detail))
    return Column(name=name or resolved.name or "network", input=resolved.size, sections=sections)


def block_column(resolved: Resolved, block: str, network: str | None = None) -> Column:
    """The figure of one block, `conv2_x.1`, and of everything in it.

    Raises `SpecError` where the network has no such block.
    """
    stage, dot, number = block.rpartition(".")
    part = part_named(resolved.parts, stage if dot else block)
    if not dot or not number.isdecimal() or not 1 <= int(number) <= len(part.blocks):
        count = len(part.blocks)
        help = f"{part.name}.1" + (f" to {part.name}.{count}" if count > 1 else "")
        what = "has no blocks" if not count else f"has no block {number!r}" if dot else "is a stage"
        raise fail("value", f"{part.name} {what}", help=help if count else "blocks are in stages")
    column = column_of(resolved, "everything", network)
    name = f"{part.name}.{int(number)}"
    sections = tuple(
        Section(section.name, tuple(group for group in section.groups if group.name == name))
        for section in column.sections
    )
    return replace(column, sections=sections)


# ---------------------------------------------------------------- network to groups


def _sections(resolved: Resolved, detail: Detail) -> Iterator[Section]:
    groups: dict[str, list[Group]] = {part.name: [] for part in resolved.parts}
    size: Size = resolved.size
    sides = _sides(resolved, detail)
    for part, name, indices in _pieces(resolved.parts):
        items: list[Item] = []
        for i in indices:
            read, size = _read(resolved, i, size, detail)
            items += read
        if detail == "rows" and name != part:
            items = list(_condensed(items))
        items += sides.pop(indices.stop, ()) if len(indices) else ()
        if items:
            groups[part].append(Group(name=name, items=tuple(items), output=size))
    for part, own in groups.items():
        yield Section(part, tuple(_runs(own) if detail == "rows" else own))


def _pieces(parts: Sequence[Part]) -> Iterator[tuple[str, str, range]]:
    """The layers of each block, and each layer between blocks; the part, and what they are."""
    for part in parts:
        position = part.layers.start
        for number, block in enumerate(part.blocks, 1):
            yield from (
                (part.name, part.name, range(i, i + 1)) for i in range(position, block.start)
            )
            yield part.name, f"{part.name}.{number}", block
            position = block.stop
        yield from (
            (part.name, part.name, range(i, i + 1)) for i in range(position, part.layers.stop)
        )


def _read(resolved: Resolved, i: int, size: Size, detail: Detail) -> tuple[Chain, Size]:
    """The items of a layer of the network, and the size that it gives."""
    _, after = sized_visits(resolved.network.layers[i], size, LayerPath((i,)))
    reasons = resolved.elaboration.reasons[i] if resolved.elaboration else NO_REASONS
    inserted = {
        (i, *path)
        for path, why in reasons.items()
        if any(isinstance(reason, _INSERTED) for reason in why)
    }
    layer = resolved.network.layers[i]
    return tuple(_items(layer, LayerPath((i,)), inserted, detail == "everything")), after


def _sides(resolved: Resolved, detail: Detail) -> dict[int, Chain]:
    """The auxiliary classifiers by the number of layers before them."""
    sides: dict[int, Chain] = {}
    for number, auxiliary in enumerate(resolved.network.auxiliaries):
        path = LayerPath(("aux", number))
        layer = ir.Sequence(auxiliary.layers)
        chain = tuple(_items(layer, path, set(), detail == "everything"))
        sides[auxiliary.position] = (Side(path=path, chain=chain),)
    return sides


def _items(
    layer: Layer, path: LayerPath, inserted: set[tuple[str | int, ...]], everything: bool
) -> Iterator[Item]:
    def inside(layer: Layer, *step: str | int) -> Chain:
        return tuple(_items(layer, LayerPath((*path, *step)), inserted, everything))

    match layer:
        case ir.Sequence(layers):
            for i, inner in enumerate(layers):
                yield from inside(inner, i)
        case ir.Residual(body=body, shortcut=shortcut, after=after):
            yield Skip(
                path=path,
                body=inside(body, "body"),
                shortcut=inside(shortcut, "shortcut"),
                projects=shortcut != ir.Identity(),
            )
            yield from inside(after, "after")
        case ir.Parallel(branches):
            inner_chains = (inside(branch, i) for i, branch in enumerate(branches))
            yield Fork(path=path, branches=tuple(inner_chains))
        case ir.Identity():
            return
        case _:
            kind = _kind(layer)
            if everything or kind in {"layer", "pool", "attention"}:
                line = BoxLine(box_text(layer), path in inserted)
                yield Box(path=path, kind=kind or "layer", lines=(line,))


def _kind(leaf: Leaf) -> BoxKind | None:
    """The kind of a box; None for what figure 3 leaves out beside norms and activations."""
    match leaf:
        case ir.Conv() | ir.Linear():
            return "layer"
        case ir.Pool() | ir.AdaptivePool() | ir.BlurPool() | ir.Padding():
            return "pool"
        case ir.Attention():
            return "attention"
        case ir.Norm():
            return "norm"
        case ir.Activation():
            return "activation"
        case _:
            return None


def box_text(leaf: Leaf) -> str:
    """A layer as figures of papers write it.

    >>> box_text(ir.Conv(in_channels=64, out_channels=128, kernel=3, stride=2, padding=1))
    '3x3 conv, 128, /2'
    >>> box_text(ir.Linear(in_features=512, out_features=1000))
    'fc 1000'
    """
    match leaf:
        case ir.Conv(kernel=k, out_channels=channels):
            options = {
                f"C={leaf.groups}": leaf.groups > 1,
                f"/{leaf.stride}": leaf.stride > 1,
                f"dilation {leaf.dilation}": leaf.dilation > 1,
            }
            given = [text for text, is_given in options.items() if is_given]
            return ", ".join([f"{k}x{k} conv", str(channels), *given])
        case ir.Pool(kind=kind, kernel=k, stride=stride):
            return ", ".join([f"{k}x{k} {kind} pool", *([f"/{stride}"] if stride > 1 else [])])
        case ir.AdaptivePool(kind=kind, side=side):
            return f"{kind} pool" + (f" to {side}x{side}" if side > 1 else "")
        case ir.BlurPool(stride=stride):
            return "blur pool" + (f", /{stride}" if stride > 1 else "")
        case ir.PadChannels(before=before, after=after):
            return f"{before} + {after} zero channels" if before else f"{after} zero channels"
        case ir.ZeroPad(before=before, after=after):
            return f"zero pad {before}" if before == after else f"zero pad {before} {after}"
        case ir.Linear(out_features=features):
            return f"fc {features}"
        case ir.BatchNorm() | ir.InstanceNorm() | ir.LayerNorm() | ir.FilterResponseNorm():
            return (leaf_terms(leaf).plural or "").removesuffix("s")
        case ir.GroupNorm(groups=groups) | ir.EvoNorm(groups=groups):
            return f"{(leaf_terms(leaf).plural or '').removesuffix('s')}, {groups} groups"
        case _:
            return layer_text(leaf)


# ---------------------------------------------------------------- rows


def _condensed(chain: Iterable[Item]) -> Chain:
    """Boxes one after the other as one box with their lines."""
    items: list[Item] = []
    for item in chain:
        match item:
            case Box() if items and isinstance(before := items[-1], Box):
                kind = item.kind if item.kind == "layer" else before.kind
                items[-1] = replace(before, kind=kind, lines=(*before.lines, *item.lines))
            case Skip(body=body, shortcut=shortcut):
                items.append(replace(item, body=_condensed(body), shortcut=_condensed(shortcut)))
            case Fork(branches=branches):
                items.append(replace(item, branches=tuple(map(_condensed, branches))))
            case Box() | Side():
                items.append(item)
    return tuple(items)


def _runs(groups: Sequence[Group]) -> Iterator[Group]:
    """Groups that draw the same thing, as one."""

    def drawn(group: Group) -> object:
        return signature(group.items), group.output, "." in group.name

    for _, run in groupby(groups, key=drawn):
        first, *others = run
        if others and "." in first.name:
            last = others[-1].name.rpartition(".")[2]
            yield replace(first, name=f"{first.name}-{last}", repeats=1 + len(others))
        else:
            yield first
            yield from others
