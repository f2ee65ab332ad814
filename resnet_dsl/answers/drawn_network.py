"""A network as a diagram: the layers and blocks of each part, with their shortcuts and branches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, Literal, TypeAlias

from resnet_dsl import ir
from resnet_dsl.answers.block_runs import block_runs
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
from resnet_dsl.language.part_names import meant_part
from resnet_dsl.sources.resolve import Part, Resolved, part_named

Detail: TypeAlias = Literal["layers", "rows", "everything"]
"""The layers that figure 3 has; those of a block in one box; norms, activations and all others."""


_INSERTED: Final = (InsertedStride, InsertedDilation, AntiAliasing)
"""Why a layer is shown as one that the compiler changed."""


def column_of(
    resolved: Resolved,
    detail: Detail,
    name: str | None = None,
    settings: Sequence[str] = (),
) -> Column:
    """The figure of a network; with `rows`, blocks in a run that draw the same are one group."""
    with resolved.placing():
        sections = tuple(_sections(resolved, detail))
    return Column(
        name=name or resolved.name or "network",
        input=resolved.size,
        settings=tuple(settings),
        sections=sections,
    )


def block_column(
    resolved: Resolved, block: str, network: str | None = None, settings: Sequence[str] = ()
) -> Column:
    """The figure of one block, `conv2_x.1`, and of everything in it; names of libraries' modules,
    `layer1.0`, are understood.

    Raises `SpecError` where the network has no such block.
    """
    name = _block_name(resolved.parts, block)
    column = column_of(resolved, "everything", network, settings)
    sections = tuple(
        Section(section.name, tuple(group for group in section.groups if group.name == name))
        for section in column.sections
    )
    return replace(column, sections=sections)


def _block_name(parts: Sequence[Part], block: str) -> str:
    names = [part.name for part in parts]
    stage, _, number = block.rpartition(".")
    if stage not in names and (meant := meant_part(block, names[1:-1])):
        stage, _, number = meant.rpartition(".")
    part = part_named(parts, stage or block)
    count = len(part.blocks)
    if stage and re.fullmatch("[1-9][0-9]{0,5}", number) and int(number) <= count:
        return f"{part.name}.{int(number)}"
    known = f"{part.name}.1" + (f" to {part.name}.{count}" if count > 1 else "")
    if not count:
        others = [f"{other.name}.1" for other in parts if other.blocks]
        raise fail("value", f"{part.name} has no blocks", help=f"blocks: {', '.join(others)}, …")
    what = f"has no block {number[:20]!r}" if stage else "is a stage, not a block"
    raise fail("value", f"{part.name} {what}", help=known)


# ---------------------------------------------------------------- network to groups


def _sections(resolved: Resolved, detail: Detail) -> Iterator[Section]:
    groups: list[list[Group]] = [[] for _ in resolved.parts]
    size: Size = resolved.size
    sides, hidden = _sides(resolved, detail), tuple[str, ...]()
    for part, is_block, name, indices in _pieces(resolved.parts):
        items, before = tuple[Item, ...](), size
        for i in indices:
            read, size = _read(resolved, i, size)
            items += read
        if detail != "everything":
            items, hidden = _visible(items, hidden)
            if not items and groups[part]:
                groups[part][-1], hidden = _with_hidden(groups[part][-1], hidden), ()
        if detail == "rows" and is_block:
            items = _condensed(items)
        items += tuple(side for i in indices for side in sides.pop(i + 1, ()))
        if items:
            groups[part].append(Group(name=name, items=items, input=before, output=size))
    for each, own in zip(resolved.parts, groups, strict=True):
        yield Section(each.name, tuple(_runs(own) if detail == "rows" else own))


def _with_hidden(group: Group, texts: Sequence[str]) -> Group:
    """A group that is followed by layers that are not shown."""
    *first, last = group.items
    if isinstance(last, Side):
        return group
    after = (text.removesuffix(" before") for text in texts)
    return replace(group, items=(*first, replace(last, hidden=(*last.hidden, *after))))


def _pieces(parts: Sequence[Part]) -> Iterator[tuple[int, bool, str, range]]:
    """The layers of each block, and each layer between blocks: the number of their part, whether
    they are a block, and what they are called."""
    for place, part in enumerate(parts):
        for _, number, layers in block_runs([part]):
            if number is not None:
                yield place, True, f"{part.name}.{number}", layers
                continue
            for i in layers:
                yield place, False, part.name, range(i, i + 1)


def _read(resolved: Resolved, i: int, size: Size) -> tuple[Chain, Size]:
    """The items of a layer of the network, and the size that it gives."""
    layer = resolved.network.layers[i]
    _, after = sized_visits(layer, size, LayerPath((i,)))
    reasons = resolved.elaboration.reasons[i] if resolved.elaboration else NO_REASONS
    inserted = {
        (i, *path)
        for path, why in reasons.items()
        if any(isinstance(reason, _INSERTED) for reason in why)
    }
    return tuple(_items(layer, LayerPath((i,)), inserted)), after


def _sides(resolved: Resolved, detail: Detail) -> dict[int, Chain]:
    """The auxiliary classifiers by the number of layers before them."""
    sides: dict[int, Chain] = {}
    for number, auxiliary in enumerate(resolved.network.auxiliaries):
        path = LayerPath(("aux", number))
        chain = tuple(_items(ir.Sequence(auxiliary.layers), path, set()))
        if detail != "everything":
            chain, _ = _visible(chain)
        position = max(1, auxiliary.position)
        sides[position] = (*sides.get(position, ()), Side(path=path, chain=chain))
    return sides


def _visible(chain: Chain, before: tuple[str, ...] = ()) -> tuple[Chain, tuple[str, ...]]:
    """A chain without norms, activations and others, which are hidden in the item before them, or
    in the next one; and what is left over where there is none."""
    items: list[Item] = []
    for item in chain:
        match item:
            case Box(kind="norm" | "activation" | "other", lines=(line,)):
                if items and not isinstance(items[-1], Side):
                    items[-1] = replace(items[-1], hidden=(*items[-1].hidden, line.text))
                else:
                    before += (f"{line.text} before",)
                continue
            case Box():
                shown: Item = replace(item, hidden=before)
            case Skip(body=body, shortcut=shortcut):
                (body, left), (shortcut, right) = _visible(body), _visible(shortcut)
                hidden = (*before, *left, *right)
                shown = replace(item, body=body, shortcut=shortcut, hidden=hidden)
            case Fork(branches=branches):
                read = [_visible(branch) for branch in branches]
                hidden = (*before, *(text for _, rest in read for text in rest))
                shown = replace(item, branches=tuple(inner for inner, _ in read), hidden=hidden)
            case Side():
                shown = item
        items.append(shown)
        before = ()
    return tuple(items), before


def _items(layer: Layer, path: LayerPath, inserted: set[tuple[str | int, ...]]) -> Iterator[Item]:
    """Every layer as a box, and the additions and concatenations around them."""

    def inside(layer: Layer, *step: str | int) -> Chain:
        return tuple(_items(layer, LayerPath((*path, *step)), inserted))

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
            line = BoxLine(box_text(layer), path in inserted)
            yield Box(path=path, kind=_kind(layer), lines=(line,))


def _kind(leaf: Leaf) -> BoxKind:
    """The kind of a box; figure 3 leaves out norms, activations and others."""
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
            return "other"


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
        case ir.Pool(kernel=1, stride=stride):
            return "every other pixel" if stride == 2 else f"1 of {stride} pixels"
        case ir.Pool(kind=kind, kernel=k, stride=stride):
            return ", ".join([f"{k}x{k} {kind} pool", *([f"/{stride}"] if stride > 1 else [])])
        case ir.AdaptivePool(kind=kind, side=side):
            name = "global max pool" if (kind, side) == ("max", 1) else f"{kind} pool"
            return name + (f" to {side}x{side}" if side > 1 else "")
        case ir.BlurPool(stride=stride):
            return "blur pool" + (f", /{stride}" if stride > 1 else "")
        case ir.Linear(out_features=features):
            return f"fc {features}"
        case ir.BatchNorm() | ir.InstanceNorm() | ir.LayerNorm() | ir.FilterResponseNorm():
            return (leaf_terms(leaf).plural or "").removesuffix("s")
        case ir.GroupNorm(groups=groups) | ir.EvoNorm(groups=groups):
            return f"{(leaf_terms(leaf).plural or '').removesuffix('s')}, {groups} groups"
        case _:
            return _other_text(leaf)


def _other_text(leaf: Leaf) -> str:
    match leaf:
        case ir.PadChannels(before=before, after=after):
            return f"{before} + {after} zero channels" if before else f"{after} zero channels"
        case ir.ZeroPad(before=before, after=after):
            return f"zero pad {before}" if before == after else f"zero pad {before} {after}"
        case ir.DropPath(p=p):
            return f"drop path {p:.3g}"
        case ir.SpatialAttention(kernel=k):
            return f"spatial attention {k}"
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
                lines, hidden = (*before.lines, *item.lines), (*before.hidden, *item.hidden)
                items[-1] = replace(before, kind=kind, lines=lines, hidden=hidden)
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
            last = others[-1]  # with the highest rate of drop paths
            name = f"{first.name}-{last.name.rpartition('.')[2]}"
            yield replace(last, name=name, repeats=1 + len(others))
        else:
            yield first
            yield from others
