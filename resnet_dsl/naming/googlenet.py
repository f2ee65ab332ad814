"""torchvision's GoogLeNet: names count as the paper's Table 1 does.

conv1 maxpool1 conv2 conv3 maxpool2 | inception3a inception3b maxpool3 ... | aux1 | avgpool fc
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Final

from resnet_dsl.folds.anatomy import Unit, anatomy, unit_length
from resnet_dsl.ir import (
    Conv,
    Layer,
    LayerPath,
    Leaf,
    Network,
    Parallel,
    Pool,
    Sequence,
    steps,
)
from resnet_dsl.naming.scope_names import (
    Names,
    ScopeNames,
    auxiliaries,
    by_role,
    classifier,
    conv_unit,
)

FIRST: Final = 3
"""The number of the first stage with branches: two stages of convolutions come before it."""


def googlenet(network: Network) -> Names:
    """Blocks are numbered by stage and lettered in it, convolutions and pools counted through."""
    names = Names()
    names.set_kind((), "PlainNet")
    parts = anatomy(network)
    root = ScopeNames(names)
    counts = {"conv": 0, "maxpool": 0}
    for stage, units in enumerate((parts.stem, *parts.stages), FIRST - 1):
        blocks = [unit for unit in units if isinstance(unit.main, Parallel)]
        for unit in units:
            if isinstance(unit.main, Parallel):
                name = f"inception{stage}{_letter(blocks.index(unit))}"
                _block(root.scope(name, "Inception"), unit.main, LayerPath((unit.start,)))
            else:
                _plain(root, network, unit, counts)
    auxiliaries(root, network)
    classifier(root, network)
    return names


def _letter(number: int) -> str:
    return ascii_lowercase[number] if number < len(ascii_lowercase) else f"_{number + 1}"


def _plain(root: ScopeNames, network: Network, unit: Unit, counts: dict[str, int]) -> None:
    match unit.main:
        case Conv():
            counts["conv"] += 1
            scope = root.scope(f"conv{counts['conv']}", "PlainBlock")
            conv_unit(scope, network.layers[unit.start : unit.stop], LayerPath(()), unit.start)
        case Pool(kind="max") as pool:
            counts["maxpool"] += 1
            root.leaf(f"maxpool{counts['maxpool']}", pool, LayerPath((unit.start,)))
        case _:
            by_role(root, network, range(unit.start, unit.stop))


def _block(scope: ScopeNames, block: Parallel, path: LayerPath) -> None:
    scope.home(path)
    for i, branch in enumerate(block.branches):
        _branch(scope, f"branch{i + 1}", branch, LayerPath((*path, i)))


def _branch(block: ScopeNames, name: str, branch: Layer, path: LayerPath) -> None:
    """A convolution alone is a module of its own; several layers are numbered."""
    layers = steps(branch)
    base, first = (path, 0) if isinstance(branch, Sequence) else (path[:-1], int(path[-1]))
    base = LayerPath(tuple(base))
    if layers and isinstance(layers[0], Conv) and unit_length(layers[:4]) == len(layers):
        conv_unit(block.scope(name, "PlainBlock"), layers, base, first)
        return
    scope = block.scope(name)
    start = place = 0
    while start < len(layers):
        stop = start + unit_length(layers[start : start + 4])
        if isinstance(layers[start], Conv):
            unit = scope.scope(str(place), "PlainBlock")
            conv_unit(unit, layers[start:stop], base, first + start)
        else:
            for i in range(start, stop):
                layer, inner = layers[i], LayerPath((*base, first + i))
                if isinstance(layer, Leaf):
                    scope.leaf(str(place), layer, inner)
                else:
                    scope.scope(str(place), "PlainBlock").by_role(layer, inner)
        start, place = stop, place + 1
