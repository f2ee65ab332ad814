"""A scope that is being written: names by role, and the steps that run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import unit_length
from resnet_dsl.ir import (
    Act,
    AdaptivePool,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    DropPath,
    EfficientChannelAttention,
    EvoNorm,
    FilterResponseNorm,
    Flatten,
    GroupNorm,
    Identity,
    Layer,
    Leaf,
    Linear,
    Network,
    Norm,
    PadChannels,
    Parallel,
    Path,
    Pool,
    Softmax,
    SqueezeExcite,
    ZeroPad,
)
from resnet_dsl.naming.module_tree import (
    Add,
    Aside,
    Call,
    Concat,
    Flat,
    Keep,
    Kind,
    Member,
    Program,
    Scope,
)


@dataclass
class Draft:
    """A scope that is being written.

    `norms` is what norms are called, numbered as the convolutions that they follow or, where
    `ahead`, that they precede. `taps` are steps to run behind so many layers of the network.
    """

    norms: str = "bn"
    ahead: bool = False
    taps: Mapping[int, Program] = field(default_factory=dict)
    children: dict[str, Member | Scope] = field(default_factory=dict)
    program: list[Call | Flat | Add | Concat | Keep | Aside] = field(default_factory=list)
    convs: int = 0

    def add(self, name: str, leaf: Leaf, path: Path, *, fresh: bool = False) -> None:
        """Run a leaf under a name; an activation joins its equal, others are numbered."""
        known = self.children.get(name)
        if isinstance(known, Member) and isinstance(leaf, Act) and known.leaf == leaf:
            self.children[name] = Member(leaf, (*known.paths, path), known.fresh and fresh)
        else:
            name = self.free(name)
            self.children[name] = Member(leaf, (path,), fresh)
        self.program.append(Call(name))

    def enter(self, name: str, scope: Scope, calls: Sequence[tuple[str, int]] = ()) -> None:
        """Run a scope under a name: as a whole or, where there are taps inside, call by call.

        `calls` are the dotted names of what runs in it, each with how many layers have run then.
        """
        name = self.free(name)
        self.children[name] = scope
        if any(count in self.taps for _, count in calls[:-1]):
            for inner, count in calls:
                self.program.append(Call(f"{name}.{inner}"))
                self.reach(count)
        else:
            self.program.append(Call(name))
            for _, count in calls[-1:]:
                self.reach(count)

    def reach(self, count: int) -> None:
        """So many layers of the network have run."""
        self.program += self.taps.get(count, ())

    def free(self, name: str) -> str:
        """The name, or with a number behind it where it is taken."""
        number, found = 1, name
        while found in self.children:
            number += 1
            found = f"{name}_{number}"
        return found

    def run(self, layer: Layer, path: Path, *, fresh: bool = False) -> None:
        """Run a layer, leaf by leaf, under the names of their roles."""
        match layer:
            case ir.Sequence(layers):
                for i, inner in enumerate(layers):
                    self.run(inner, (*path, i), fresh=fresh if i == 0 else makes(layers[i - 1]))
            case ir.Residual(body=body, shortcut=shortcut, after=after):
                nested = Draft(self.norms)
                nested.run(body, (*path, "body"))
                left = nested.recorded()
                if shortcut != Identity():
                    nested.enter("downsample", sequential(shortcut, (*path, "shortcut")))
                nested.program = [Add(left, nested.recorded())]
                nested.run(after, (*path, "after"), fresh=True)
                self.enter("block", nested.close("ResidualBlock"))
            case Parallel(branches):
                programs = []
                for i, branch in enumerate(branches):
                    name = self.free(f"branch{i + 1}")
                    self.children[name] = sequential(branch, (*path, i))
                    programs.append((Call(name),))
                self.program.append(Concat(tuple(programs)))
            case Flatten():
                self.program.append(Flat())
            case Identity():
                pass
            case _:
                self.convs += isinstance(layer, Conv)
                self.add(self.role(layer), layer, path, fresh=fresh)

    def role(self, leaf: Leaf) -> str:
        """A leaf's name by what it does."""
        match leaf:
            case Conv():
                return f"conv{self.convs}"
            case BatchNorm() | GroupNorm() | EvoNorm() | FilterResponseNorm():
                return f"{self.norms}{self.convs + 1 if self.ahead else max(1, self.convs)}"
            case SqueezeExcite() | EfficientChannelAttention():
                return "se"
            case BlurPool():
                return "blurpool"
            case Act(kind=kind):
                return kind
            case Pool(kind="max"):
                return "maxpool"
            case Pool() | AdaptivePool():
                return "avgpool"
            case ZeroPad() | PadChannels():
                return "pad"
            case Linear():
                return "fc"
            case Dropout():
                return "dropout"
            case DropPath():
                return "drop_path"
            case Softmax():
                return "softmax"
            case Flatten() | Identity():
                raise AssertionError(f"{leaf} has no module")
            case _:
                assert_never(leaf)

    def recorded(self) -> Program:
        """The program so far; a new one begins."""
        program, self.program = tuple(self.program), []
        return program

    def close(self, kind: Kind) -> Scope:
        return Scope(kind, self.children, tuple(self.program))


def makes(layer: Layer) -> bool:
    """Whether a layer gives a new tensor that its own gradient does not need again."""
    return isinstance(layer, Conv | BatchNorm | GroupNorm | Linear)


def is_fresh(network: Network, i: int) -> bool:
    """Whether a network's layer gets what was made for it alone."""
    return i > 0 and makes(network.layers[i - 1])


def leaf_at(network: Network, i: int) -> Leaf:
    leaf = network.layers[i]
    assert isinstance(leaf, Leaf), leaf
    return leaf


def run_leaves(draft: Draft, network: Network, indices: range) -> None:
    """Run layers of a network, one by one."""
    for i in indices:
        draft.run(network.layers[i], (i,), fresh=is_fresh(network, i))
        draft.reach(i + 1)


def chain(network: Network, indices: Sequence[int]) -> tuple[Scope, list[tuple[str, int]]]:
    """Layers of a network, numbered from 0; how many layers have run behind each."""
    draft = Draft()
    for place, i in enumerate(indices):
        draft.add(str(place), leaf_at(network, i), (i,), fresh=is_fresh(network, i))
    return draft.close("Sequential"), [(str(place), i + 1) for place, i in enumerate(indices)]


def sequential(layer: Layer, path: Path, skipped: int = 0) -> Scope:
    """Leaves numbered as `nn.Sequential` does, behind a number of places that stay empty.

    Zeros around a map take no place: they belong to the layer behind them.
    """
    draft = Draft()
    layers = ir.steps(layer)
    whole = isinstance(layer, ir.Sequence)
    place = skipped
    for i, inner in enumerate(layers):
        step = (*path, i) if whole else path
        if isinstance(inner, ir.Sequence | ir.Residual | Parallel):
            nested = Draft()
            nested.run(inner, step)
            draft.enter(str(place), nested.close("PlainBlock"))
        elif isinstance(inner, ZeroPad):
            draft.add("pad", inner, step)
            place -= 1
        else:
            draft.add(str(place), inner, step, fresh=i > 0 and makes(layers[i - 1]))
        place += 1
    return draft.close("Sequential")


def classifier(draft: Draft, network: Network, indices: range) -> None:
    """`avgpool` and `fc`; a convolution that classifies is `fc` as well, several are numbered."""
    weighted = [i for i in indices if isinstance(network.layers[i], Conv | Linear)]
    for i in indices:
        layer = network.layers[i]
        if isinstance(layer, Conv | Linear):
            name = "fc" if len(weighted) == 1 else f"fc{weighted.index(i) + 1}"
            draft.add(name, layer, (i,))
        else:
            draft.run(layer, (i,), fresh=is_fresh(network, i))


def conv_unit(layers: Sequence[Layer], path: Path, start: int = 0) -> Scope:
    """A convolution with its norm and activation: `conv`, `bn`, as torchvision's BasicConv2d."""
    draft = Draft()
    for i, layer in enumerate(layers, start):
        assert isinstance(layer, Leaf), layer
        name = "conv" if isinstance(layer, Conv) else "bn" if isinstance(layer, Norm) else None
        fresh = i > start and makes(layers[i - start - 1])
        draft.add(name or draft.role(layer), layer, (*path, i), fresh=fresh)
    return draft.close("PlainBlock")


def auxiliaries(root: Draft, network: Network) -> None:
    """`aux1`, `aux2`, ...: `conv.conv`, `conv.bn`, `fc1`, `fc2`, as in torchvision's GoogLeNet."""
    for number, aux in enumerate(network.auxiliaries):
        root.children[f"aux{number + 1}"] = _auxiliary(aux.layers, ("aux", number))


def _auxiliary(layers: tuple[Layer, ...], path: Path) -> Scope:
    draft = Draft()
    start = 0
    while start < len(layers):
        stop = start + unit_length(layers[start : start + 4])
        match layers[start]:
            case Conv():
                name = _numbered("conv", layers, start)
                draft.enter(name, conv_unit(layers[start:stop], path, start))
            case Linear() as linear:
                draft.add(_numbered("fc", layers, start), linear, (*path, start))
            case _:
                for i in range(start, stop):
                    fresh = i > 0 and makes(layers[i - 1])
                    draft.run(layers[i], (*path, i), fresh=fresh)
        start = stop
    return draft.close("PlainBlock")


def _numbered(name: str, layers: Sequence[Layer], i: int) -> str:
    """A name, with its number among its kind where there are several."""
    alike = [j for j, layer in enumerate(layers) if type(layer) is type(layers[i])]
    return name if len(alike) == 1 else f"{name}{alike.index(i) + 1}"
