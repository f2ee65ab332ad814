"""torchvision's GoogLeNet: names count as the paper's Table 1 does.

conv1 maxpool1 conv2 conv3 maxpool2 | inception3a inception3b maxpool3 ... | aux1 | avgpool fc
"""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase

from resnet_dsl.folds.anatomy import Unit, anatomy, unit_length
from resnet_dsl.ir import Conv, Layer, Leaf, Network, Parallel, Path, Pool, Sequence, steps
from resnet_dsl.naming.module_tree import Call, Concat, Program, Scope
from resnet_dsl.naming.scope_names import (
    Draft,
    auxiliaries,
    classifier,
    conv_unit,
    makes,
    run_leaves,
)

FIRST = 3
"""The number of the first stage with branches: two stages of convolutions come before it."""


def inception(network: Network, taps: Mapping[int, Program]) -> Scope:
    """Blocks are numbered by stage and lettered in it, convolutions and pools counted through."""
    parts = anatomy(network)
    root = Draft(taps=taps)
    counts = {"conv": 0, "maxpool": 0}
    for stage, units in enumerate((parts.stem, *parts.stages), FIRST - 1):
        letter = 0
        for unit in units:
            if isinstance(unit.main, Parallel):
                block = _block(unit.main, (unit.start,))
                root.enter(f"inception{stage}{_letter(letter)}", block)
                root.reach(unit.stop)
                letter += 1
            else:
                _plain(root, network, unit, counts)
    auxiliaries(root, network)
    if parts.head:
        classifier(root, network, range(parts.head[0].start, parts.head[-1].stop))
    return root.close("PlainNet")


def _letter(number: int) -> str:
    return ascii_lowercase[number] if number < len(ascii_lowercase) else f"_{number + 1}"


def _plain(root: Draft, network: Network, unit: Unit, counts: dict[str, int]) -> None:
    match unit.main:
        case Conv():
            counts["conv"] += 1
            layers = network.layers[unit.start : unit.stop]
            root.enter(f"conv{counts['conv']}", conv_unit(layers, (), unit.start))
            root.reach(unit.stop)
        case Pool(kind="max") as pool:
            counts["maxpool"] += 1
            root.add(f"maxpool{counts['maxpool']}", pool, (unit.start,))
            root.reach(unit.stop)
        case _:
            run_leaves(root, network, range(unit.start, unit.stop))


def _block(block: Parallel, path: Path) -> Scope:
    draft = Draft()
    programs = []
    for i, branch in enumerate(block.branches):
        name = f"branch{i + 1}"
        draft.children[name] = _branch(branch, (*path, i))
        programs.append((Call(name),))
    draft.program.append(Concat(tuple(programs)))
    return draft.close("Inception")


def _branch(branch: Layer, path: Path) -> Scope:
    """A convolution alone is a module of its own; several layers are numbered."""
    layers = steps(branch)
    base, first = (path, 0) if isinstance(branch, Sequence) else (path[:-1], int(path[-1]))
    if layers and isinstance(layers[0], Conv) and unit_length(layers[:4]) == len(layers):
        return conv_unit(layers, base, first)
    draft = Draft()
    start = place = 0
    while start < len(layers):
        stop = start + unit_length(layers[start : start + 4])
        if isinstance(layers[start], Conv):
            draft.enter(str(place), conv_unit(layers[start:stop], base, first + start))
        else:
            for i in range(start, stop):
                leaf = layers[i]
                assert isinstance(leaf, Leaf), leaf
                fresh = i > 0 and makes(layers[i - 1])
                draft.add(str(place), leaf, (*base, first + i), fresh=fresh)
        start, place = stop, place + 1
    return draft.close("Sequential")
