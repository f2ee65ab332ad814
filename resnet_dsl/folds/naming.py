"""The module tree of a network, and so the names of its weights.

A scheme is a function from a network to a tree of scopes. The order of a scope's children is the
order of registration (of `state_dict`, and of what is printed); its program is the order of
computation. Scopes stand where the library has modules; leaves keep their path in the network, by
which weights move between schemes. In torchvision's scheme the names go by role:

    conv1 bn1 relu maxpool | layer{stage}.{block}.conv{n}, .bn{n}, .downsample.{0,1} | avgpool fc
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal, TypeAlias, assert_never

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import Unit, anatomy
from resnet_dsl.ir import (
    Act,
    BatchNorm,
    BlurPool,
    Conv,
    Dropout,
    EfficientChannelAttention,
    Flatten,
    GlobalPool,
    GroupNorm,
    Identity,
    Layer,
    Leaf,
    Linear,
    Network,
    PadChannels,
    Parallel,
    Path,
    Pool,
    Residual,
    Softmax,
    SqueezeExcite,
)

Kind: TypeAlias = Literal[
    "ResNet",
    "PlainNet",
    "BasicBlock",
    "Bottleneck",
    "ResidualBlock",
    "PlainBlock",
    "Sequential",
]


@dataclass(frozen=True, slots=True)
class Call:
    """`x = child(x)`."""

    name: str


@dataclass(frozen=True, slots=True)
class Flat:
    """`x = flatten(x)`: no module, as in torchvision."""


@dataclass(frozen=True, slots=True)
class Add:
    """`x = body(x) + shortcut(x)`, the body first."""

    body: Program
    shortcut: Program


@dataclass(frozen=True, slots=True)
class Concat:
    """`x = concat(branch(x), ...)` along the channels."""

    branches: tuple[Program, ...]


Program: TypeAlias = tuple[Call | Flat | Add | Concat, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A module of one leaf. A block's activations share one module: it has several paths.

    `fresh` says that every value it gets was made for it alone, so that it may work in place.
    """

    leaf: Leaf
    paths: tuple[Path, ...]
    fresh: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """A module with children, in order of registration, and the program that runs them."""

    kind: Kind
    children: dict[str, Member | Scope]
    program: Program


def members(scope: Scope, prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Every leaf module with its dotted name, in order of registration."""
    for name, child in scope.children.items():
        match child:
            case Member():
                yield prefix + name, child
            case Scope():
                yield from members(child, f"{prefix}{name}.")


def torchvision(network: Network) -> Scope:
    """torchvision's module tree, and for what torchvision does not have, the like of it.

    >>> from resnet_dsl import elaborate, load
    >>> list(torchvision(elaborate(load("resnet18"))).children)[:5]
    ['conv1', 'bn1', 'relu', 'maxpool', 'layer1']
    """
    parts = anatomy(network)
    shift = _projection_shift(network)
    root = _Scope()
    _stem(root, network, parts.stem)
    residual = False
    for number, units in enumerate(parts.stages, 1):
        stage = _Scope()
        for i, unit in enumerate(units):
            residual = residual or isinstance(unit.first, Residual)
            _block(stage, str(i), network, unit, shift)
        root.enter(f"layer{number}", stage.close("Sequential"))
    _head(root, network, parts.head)
    return root.close("ResNet" if residual else "PlainNet")


@dataclass
class _Scope:
    """A scope that is being written."""

    children: dict[str, Member | Scope] = field(default_factory=dict)
    program: list[Call | Flat | Add | Concat] = field(default_factory=list)
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

    def enter(self, name: str, scope: Scope) -> None:
        name = self.free(name)
        self.children[name] = scope
        self.program.append(Call(name))

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
                    self.run(inner, (*path, i), fresh=fresh if i == 0 else _makes(layers[i - 1]))
            case Residual():
                self.enter("block", _residual(layer, path, shift=0))
            case Parallel(branches):
                programs = []
                for i, branch in enumerate(branches):
                    name = self.free(f"branch{i + 1}")
                    self.children[name] = _sequential(branch, (*path, i))
                    programs.append((Call(name),))
                self.program.append(Concat(tuple(programs)))
            case Flatten():
                self.program.append(Flat())
            case Identity():
                pass
            case _:
                self.convs += isinstance(layer, Conv)
                self.add(_role(layer, max(1, self.convs)), layer, path, fresh=fresh)

    def recorded(self) -> Program:
        """The program so far; a new one begins."""
        program, self.program = tuple(self.program), []
        return program

    def close(self, kind: Kind) -> Scope:
        return Scope(kind, self.children, tuple(self.program))


def _makes(layer: Layer) -> bool:
    """Whether a layer gives a new tensor that its own gradient does not need again."""
    return isinstance(layer, Conv | BatchNorm | GroupNorm | Linear)


def _fresh(network: Network, i: int) -> bool:
    """Whether a network's layer gets what was made for it alone."""
    return i > 0 and _makes(network.layers[i - 1])


def _role(leaf: Leaf, number: int) -> str:
    """A leaf's name by what it does; norms are numbered as the convolutions they follow."""
    match leaf:
        case Conv():
            return f"conv{number}"
        case BatchNorm() | GroupNorm():
            return f"bn{number}"
        case SqueezeExcite() | EfficientChannelAttention():
            return "se"
        case BlurPool():
            return "blurpool"
        case Act(kind=kind):
            return kind
        case Pool(kind="max"):
            return "maxpool"
        case Pool() | GlobalPool():
            return "avgpool"
        case Linear():
            return "fc"
        case Dropout():
            return "dropout"
        case Softmax():
            return "softmax"
        case PadChannels():
            return "pad"
        case Flatten() | Identity():
            raise AssertionError(f"{leaf} has no module")
        case _:
            assert_never(leaf)


def _stem(root: _Scope, network: Network, stem: Sequence[Unit]) -> None:
    """One convolution is `conv1`; several in a row are `conv1.0`, `conv1.1`, … up to the last one,
    whose norm is `bn1`; one in the pool's place is `maxpool`: timm's deep stems."""
    convs = list(takewhile(lambda unit: isinstance(unit.first, Conv), stem))
    pooling = convs.pop() if len(convs) == len(stem) and _pools_by_stride(convs) else None
    start = 0
    if len(convs) > 1:
        start = convs[-1].start + 1
        root.enter("conv1", _chain(network, range(start)))
        root.convs = 1
    stop = pooling.start if pooling else stem[-1].stop if stem else 0
    _leaves(root, network, range(start, stop))
    if pooling:
        root.enter("maxpool", _chain(network, range(pooling.start, pooling.stop)))


def _pools_by_stride(convs: Sequence[Unit]) -> bool:
    """A second strided convolution, the last of the stem: ResNet-RS."""
    strides = [unit.first.stride for unit in convs if isinstance(unit.first, Conv)]
    return len(strides) > 1 and strides[-1] > 1 and max(strides[:-1]) > 1


def _chain(network: Network, indices: range) -> Scope:
    """Layers of a network, numbered from 0."""
    scope = _Scope()
    for place, i in enumerate(indices):
        scope.add(str(place), _leaf(network, i), (i,), fresh=_fresh(network, i))
    return scope.close("Sequential")


def _leaf(network: Network, i: int) -> Leaf:
    leaf = network.layers[i]
    assert isinstance(leaf, Leaf), leaf
    return leaf


def _head(root: _Scope, network: Network, head: Sequence[Unit]) -> None:
    """`avgpool` and `fc`; a convolution that classifies is `fc` as well, several are numbered."""
    if not head:
        return
    indices = range(head[0].start, head[-1].stop)
    weighted = [i for i in indices if isinstance(network.layers[i], Conv | Linear)]
    for i in indices:
        layer = network.layers[i]
        if isinstance(layer, Conv | Linear):
            name = "fc" if len(weighted) == 1 else f"fc{weighted.index(i) + 1}"
            root.add(name, layer, (i,))
        else:
            root.run(layer, (i,), fresh=_fresh(network, i))


def _leaves(scope: _Scope, network: Network, indices: range) -> None:
    for i in indices:
        scope.run(network.layers[i], (i,), fresh=_fresh(network, i))


def _block(stage: _Scope, name: str, network: Network, unit: Unit, shift: int) -> None:
    """A unit of a stage: a residual block, or a plain layer with its norm and activation."""
    match unit.first:
        case Residual() as residual:
            stage.enter(name, _residual(residual, (unit.start,), shift))
        case Conv() | Parallel():
            plain = _Scope()
            _leaves(plain, network, range(unit.start, unit.stop))
            stage.enter(name, plain.close("PlainBlock"))
        case _:
            for i in range(unit.start, unit.stop):
                stage.add(name, _leaf(network, i), (i,))


def _projection_shift(network: Network) -> int:
    """Where a network's projections pool first, timm keeps place 0 for the pool in every stage."""
    shortcuts = (layer.shortcut for layer in network.layers if isinstance(layer, Residual))
    return int(any(map(_pools, shortcuts)))


def _pools(shortcut: Layer) -> bool:
    match ir.steps(shortcut):
        case (Pool(kind="average"), *_):
            return True
        case _:
            return False


def _residual(block: Residual, path: Path, shift: int) -> Scope:
    scope, kind = _Scope(), _block_kind(block)
    scope.run(block.body, (*path, "body"))
    body = scope.recorded()
    if kind == "Bottleneck":  # torchvision registers its activation behind the norms
        _move_last(scope, block.after)
    if not isinstance(block.shortcut, Identity):
        skipped = 0 if _pools(block.shortcut) else shift
        scope.enter("downsample", _sequential(block.shortcut, (*path, "shortcut"), skipped))
    scope.program = [Add(body, scope.recorded())]
    scope.run(block.after, (*path, "after"), fresh=True)
    return scope.close(kind)


def _move_last(scope: _Scope, act: Layer) -> None:
    if isinstance(act, Act) and act.kind in scope.children:
        scope.children[act.kind] = scope.children.pop(act.kind)


def _block_kind(block: Residual) -> Kind:
    """The two blocks of He et al. 2015, figure 5, by the kernels of the body."""
    kernels = [layer.kernel for layer in ir.steps(block.body) if isinstance(layer, Conv)]
    match kernels:
        case [_, _]:
            return "BasicBlock"
        case [1, _, 1]:
            return "Bottleneck"
        case _:
            return "ResidualBlock"


def _sequential(layer: Layer, path: Path, skipped: int = 0) -> Scope:
    """Leaves numbered as `nn.Sequential` does, behind a number of places that stay empty."""
    scope = _Scope()
    layers = ir.steps(layer)
    whole = isinstance(layer, ir.Sequence)
    for i, inner in enumerate(layers):
        step = (*path, i) if whole else path
        if isinstance(inner, ir.Sequence | Residual | Parallel):
            nested = _Scope()
            nested.run(inner, step)
            scope.enter(str(i + skipped), nested.close("PlainBlock"))
        else:
            scope.add(str(i + skipped), inner, step, fresh=i > 0 and _makes(layers[i - 1]))
    return scope.close("Sequential")
