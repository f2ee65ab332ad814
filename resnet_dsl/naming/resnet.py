"""torchvision's ResNets, and timm's: the names go by role.

conv1 bn1 relu maxpool | layer{stage}.{block}.conv{n}, .bn{n}, .downsample.{0,1} | avgpool fc
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import Unit, anatomy, is_bottleneck, is_pre_activated
from resnet_dsl.ir import Act, Conv, Identity, Layer, Network, Parallel, Pool, Residual
from resnet_dsl.naming.module_tree import Add, Kind, Program, Scope
from resnet_dsl.naming.scope_names import (
    Draft,
    auxiliaries,
    chain,
    classifier,
    is_fresh,
    leaf_at,
    run_leaves,
    sequential,
)


def residual(network: Network, taps: Mapping[int, Program]) -> Scope:
    """torchvision's module tree, and for what torchvision does not have, the like of it."""
    parts = anatomy(network)
    shift = _projection_shift(network)
    root = Draft(taps=taps)
    _stem(root, network, parts.stem)
    for number, units in enumerate(parts.stages, 1):
        stage = Draft()
        calls: list[tuple[str, int]] = []
        for i, unit in enumerate(units):
            calls += _block(stage, str(i), network, unit, shift)
        root.enter(f"layer{number}", stage.close("Sequential"), calls)
    auxiliaries(root, network)
    if parts.head:
        classifier(root, network, range(parts.head[0].start, parts.head[-1].stop))
    return root.close("ResNet")


def _stem(root: Draft, network: Network, stem: Sequence[Unit]) -> None:
    """One convolution is `conv1`; several in a row are `conv1.0`, `conv1.1`, … up to the last one,
    whose norm is `bn1`; one in the pool's place is `maxpool`: timm's deep stems."""
    convs = list(takewhile(lambda unit: isinstance(unit.main, Conv), stem))
    pooling = convs.pop() if len(convs) == len(stem) and _pools_by_stride(convs) else None
    start = 0
    if len(convs) > 1:
        start = convs[-1].start + 1
        root.enter("conv1", *chain(network, range(start)))
        root.convs = 1
    stop = pooling.start if pooling else stem[-1].stop if stem else 0
    run_leaves(root, network, range(start, stop))
    if pooling:
        root.enter("maxpool", *chain(network, range(pooling.start, pooling.stop)))


def _pools_by_stride(convs: Sequence[Unit]) -> bool:
    """A second strided convolution, the last of the stem: ResNet-RS."""
    strides = [unit.main.stride for unit in convs if isinstance(unit.main, Conv)]
    return len(strides) > 1 and strides[-1] > 1 and max(strides[:-1]) > 1


def _block(
    stage: Draft, name: str, network: Network, unit: Unit, shift: int
) -> list[tuple[str, int]]:
    """A unit of a stage: a residual block, or a plain layer with its norm and activation."""
    match unit.main:
        case Residual():
            stage.enter(name, _residual(network, unit, shift))
        case Conv() | Parallel():
            plain = Draft()
            run_leaves(plain, network, range(unit.start, unit.stop))
            stage.enter(name, plain.close("PlainBlock"))
        case _:
            calls = []
            for i in range(unit.start, unit.stop):
                found = stage.free(name)
                stage.add(found, leaf_at(network, i), (i,), fresh=is_fresh(network, i))
                calls.append((found, i + 1))
            return calls
    return [(name, unit.stop)]


def _projection_shift(network: Network) -> int:
    """Where a network's projections pool first, timm keeps place 0 for the pool in every stage."""
    shortcuts = (layer.shortcut for layer in network.layers if isinstance(layer, Residual))
    return int(any(map(_pools, shortcuts)))


def _pools(shortcut: Layer) -> bool:
    return any(isinstance(layer, Pool) and layer.kind == "average" for layer in ir.steps(shortcut))


def _residual(network: Network, unit: Unit, shift: int) -> Scope:
    """A block, and what its body and its projection share in front of it."""
    block, path = unit.main, (unit.stop - 1,)
    assert isinstance(block, Residual)
    kind = _block_kind(block)
    draft = Draft(ahead=kind == "PreActBlock")
    run_leaves(draft, network, range(unit.start, unit.stop - 1))
    before = draft.recorded()
    draft.run(block.body, (*path, "body"))
    body = draft.recorded()
    if kind == "Bottleneck":  # torchvision registers its activation behind the norms
        _move_last(draft, block.after)
    if not isinstance(block.shortcut, Identity):
        skipped = 0 if _pools(block.shortcut) else shift
        draft.enter("downsample", sequential(block.shortcut, (*path, "shortcut"), skipped))
    draft.program = [*before, Add(body, draft.recorded())]
    draft.run(block.after, (*path, "after"), fresh=True)
    return draft.close(kind)


def _move_last(draft: Draft, act: Layer) -> None:
    if isinstance(act, Act) and act.kind in draft.children:
        draft.children[act.kind] = draft.children.pop(act.kind)


def _block_kind(block: Residual) -> Kind:
    """The two blocks of He et al. 2015, figure 5, by the kernels of the body."""
    if is_pre_activated(block):
        return "PreActBlock"
    kernels = [layer.kernel for layer in ir.steps(block.body) if isinstance(layer, Conv)]
    match kernels:
        case [_, _]:
            return "BasicBlock"
        case _ if is_bottleneck(kernels):
            return "Bottleneck"
        case _:
            return "ResidualBlock"
