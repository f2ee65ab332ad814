"""timm's `resnetv2`: pre-activated networks, as timm names them.

stem.conv | stages.{stage}.blocks.{block}.downsample.conv, .norm{n}, .conv{n} | norm | head.fc
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import Unit, anatomy, is_pre_activated, opening_length
from resnet_dsl.ir import (
    AdaptivePool,
    Conv,
    Identity,
    Layer,
    Leaf,
    Linear,
    Network,
    Norm,
    Path,
    Pool,
    Residual,
)
from resnet_dsl.naming.module_tree import Add, Call, Program, Scope
from resnet_dsl.naming.scope_names import (
    Draft,
    auxiliaries,
    is_fresh,
    leaf_at,
    makes,
    run_leaves,
)


def preact(network: Network, taps: Mapping[int, Program]) -> Scope:
    """timm's module tree, and for what timm does not have, the like of it."""
    parts = anatomy(network)
    root = Draft(taps=taps)
    if parts.stem:
        root.enter("stem", *_stem(network, parts.stem))
    stages = Draft()
    calls: list[tuple[str, int]] = []
    for number, units in enumerate(parts.stages):
        blocks = Draft()
        for i, unit in enumerate(units):
            found = _block(blocks, str(i), network, unit)
            calls += [(f"{number}.blocks.{name}", stop) for name, stop in found]
        stage = Draft()
        stage.enter("blocks", blocks.close("Sequential"))
        stages.enter(str(number), stage.close("Sequential"))
    root.enter("stages", stages.close("Sequential"), calls)
    auxiliaries(root, network)
    if parts.head:
        _head(root, network, range(parts.head[0].start, parts.head[-1].stop))
    return root.close("ResNet")


def _stem(network: Network, stem: Sequence[Unit]) -> tuple[Scope, list[tuple[str, int]]]:
    """`conv`, or `conv1`, `norm1`, `conv2`, ...; `pool`."""
    draft = Draft("norm")
    indices = range(stem[0].start, stem[-1].stop)
    several = sum(isinstance(network.layers[i], Conv) for i in indices) > 1
    calls = []
    for i in indices:
        leaf = leaf_at(network, i)
        draft.convs += isinstance(leaf, Conv)
        name = "pool" if isinstance(leaf, Pool) else draft.role(leaf)
        if isinstance(leaf, Conv | Norm) and not several:
            name = name.rstrip("1")
        draft.add(name, leaf, (i,), fresh=is_fresh(network, i))
        assert isinstance(draft.program[-1], Call)
        calls.append((draft.program[-1].name, i + 1))
    return draft.close("PlainBlock"), calls


def _block(blocks: Draft, name: str, network: Network, unit: Unit) -> list[tuple[str, int]]:
    """A block: its projection is registered first."""
    match unit.main:
        case Residual():
            blocks.enter(name, _residual(network, unit))
            return [(name, unit.stop)]
        case Conv() | ir.Parallel():
            plain = Draft("norm")
            run_leaves(plain, network, range(unit.start, unit.stop))
            blocks.enter(name, plain.close("PlainBlock"))
            return [(name, unit.stop)]
        case _:
            calls = []
            for i in range(unit.start, unit.stop):
                found = blocks.free(name)
                blocks.add(found, leaf_at(network, i), (i,), fresh=is_fresh(network, i))
                calls.append((found, i + 1))
            return calls


def _residual(network: Network, unit: Unit) -> Scope:
    block, path = unit.main, (unit.stop - 1,)
    assert isinstance(block, Residual)
    draft = Draft("norm", ahead=is_pre_activated(block))
    shortcut: Program = ()
    if not isinstance(block.shortcut, Identity):
        draft.enter("downsample", _downsample(block.shortcut, (*path, "shortcut")))
        shortcut = draft.recorded()
    run_leaves(draft, network, range(unit.start, unit.stop - 1))
    before = draft.recorded()
    draft.run(block.body, (*path, "body"))
    draft.program = [*before, Add(draft.recorded(), shortcut)]
    draft.run(block.after, (*path, "after"), fresh=True)
    return draft.close("PreActBlock" if draft.ahead else "ResidualBlock")


def _downsample(shortcut: Layer, path: Path) -> Scope:
    """`pool`, `conv`, `norm`."""
    draft = Draft()
    layers, whole = ir.steps(shortcut), isinstance(shortcut, ir.Sequence)
    for i, layer in enumerate(layers):
        if isinstance(layer, Leaf):
            names = ((Conv, "conv"), (Norm, "norm"), (Pool, "pool"))
            name = next((name for kind, name in names if isinstance(layer, kind)), None)
            fresh = i > 0 and makes(layers[i - 1])
            draft.add(name or draft.role(layer), layer, (*path, i) if whole else path, fresh=fresh)
    return draft.close("PlainBlock")


def _head(root: Draft, network: Network, indices: range) -> None:
    """What the last block leaves is `norm`; `head.global_pool` and `head.fc`."""
    start = indices.start
    opened = start + opening_length(network.layers[start : start + 2])
    for i in range(start, opened):
        leaf = leaf_at(network, i)
        name = "norm" if isinstance(leaf, Norm) else root.role(leaf)
        root.add(name, leaf, (i,), fresh=is_fresh(network, i))
    head = Draft("norm")
    weighted = [
        i for i in range(opened, indices.stop) if isinstance(network.layers[i], Conv | Linear)
    ]
    for i in range(opened, indices.stop):
        match network.layers[i]:
            case Conv() | Linear() as layer:
                head.add("fc" if len(weighted) == 1 else f"fc{weighted.index(i) + 1}", layer, (i,))
            case AdaptivePool() as pool:
                head.add("global_pool", pool, (i,))
            case layer:
                head.run(layer, (i,), fresh=is_fresh(network, i))
    if head.program:
        root.enter("head", head.close("PlainBlock"))
