"""Operations back to layers: every node of the algebra by what it computes, not by its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain

from resnet_dsl import ir
from resnet_dsl.folds.anatomy import opening_length
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import Layer, Shape
from resnet_dsl.pytorch.lift.formulas import dominators, ordered, pattern
from resnet_dsl.pytorch.lift.frozen import frozen_norm
from resnet_dsl.pytorch.lift.graph import CASTS, Graph, Operation, cast_to, refused
from resnet_dsl.pytorch.lift.leaf_operations import Names, layers_of, zeros


@dataclass(frozen=True, slots=True)
class Reader:
    """Walks a graph backwards, from an operation to those that it reads."""

    names: Names

    def network(self, graph: Graph, input: Shape) -> ir.Network:
        """All that leads from the image to the outputs; those after the first are auxiliary."""
        if not graph.outputs:
            raise refused(graph.image, "a model whose output does not depend on its input")
        output, *others = graph.outputs
        if others and not self.names.training:
            raise refused(others[0], "a second output in evaluation")
        layers = _opened(self.between(graph.image, output))
        trunk = {id(operation) for operation in dominators(output)}
        auxiliaries = []
        for other in others:
            fork = next(o for o in dominators(other) if id(o) in trunk)
            head = ir.network(input, *self.between(fork, other)).layers
            passed = len(self.between(graph.image, fork))
            position = sum(map(len, layers[:passed]))
            auxiliaries.append(ir.Auxiliary(position=position, layers=head))
        return ir.network(input, *chain(*layers), auxiliaries=tuple(auxiliaries))

    def between(self, start: Operation, stop: Operation) -> list[Layer]:
        """What leads from one operation to a later one, in order."""
        reversed_layers: list[Layer] = []
        here = stop
        while here is not start:
            layers, before = self._read(here)
            if here.dtype != before.dtype:
                raise refused(here, cast_to(here.dtype))
            match layers, reversed_layers[-1:]:
                case [ir.Residual() as block], [ir.Act() as act] if here.users == 1:
                    reversed_layers[-1] = replace(block, after=act)  # it alone reads the sum
                case _:
                    reversed_layers += reversed(layers)
            here = before
        return [layer for layer in reversed_layers[::-1] if layer != ir.Identity()]

    def _read(self, here: Operation) -> tuple[list[Layer], Operation]:
        """The layers of one operation, or of all between it and where their branches part."""
        if recognized := pattern(here, self.names) or frozen_norm(here, self.names):
            layer, before = recognized
            return list(ir.steps(layer)), before
        if len(here.inputs) > 1 or here.name == "cat":
            return self._joined(here)
        (before,) = here.inputs
        if here.name in CASTS and here.dtype != before.dtype:
            return self._upcast(here)
        return layers_of(here, self.names), before

    def _upcast(self, here: Operation) -> tuple[list[Layer], Operation]:
        """A norm that computes in a wider type than its input's, and comes back."""
        (norm,) = here.inputs
        widened = norm.name in {"batch_norm", "group_norm"} and len(norm.inputs) == 1
        cast = norm.inputs[0] if widened else here
        if cast.name not in CASTS or cast.inputs[0].dtype != here.dtype:
            raise refused(here, cast_to(here.dtype))
        return layers_of(norm, self.names), cast.inputs[0]

    def _joined(self, here: Operation) -> tuple[list[Layer], Operation]:
        """Branches that meet."""
        fork = here.dominator
        assert fork is not None
        match here.name:
            case "add" if here["alpha"] == 1 and {x.shape for x in here.inputs} == {here.shape}:
                return [self._residual(here, fork)], fork
            case "cat" if here["dim"] % len(here.shape) == 1:
                return self._concatenated(here, fork)
            case "mul" if len(here.inputs) == 2:
                return [self._squeeze_excite(here, fork)], fork
            case _:
                raise refused(here)

    def _concatenated(self, here: Operation, fork: Operation) -> tuple[list[Layer], Operation]:
        """Branches side by side; or one, and zeros on its sides."""
        maps = [map_ for map_ in here["tensors"] if not zeros(map_)]
        if any(map_ not in here.inputs for map_ in maps):
            raise refused(here, "a map with constants beside it")
        if len(maps) == len(here["tensors"]):
            branches = (ir.sequence(*self.between(fork, map_)) for map_ in maps)
            return [ir.Parallel(tuple(branches))], fork
        if len(maps) != 1:
            raise refused(here, "branches with zeros beside them")
        channels = [map_.shape[1] for map_ in here["tensors"]]
        i = here["tensors"].index(maps[0])
        return [ir.PadChannels(before=sum(channels[:i]), after=sum(channels[i + 1 :]))], maps[0]

    def _residual(self, here: Operation, fork: Operation) -> Layer:
        """The branch with fewer convolutions is the shortcut; of two alike, the second left."""
        left, right = (ir.sequence(*self.between(fork, branch)) for branch in here.inputs)
        body, shortcut = (left, right) if _convs(left) >= _convs(right) else (right, left)
        return ir.Residual(body=body, shortcut=shortcut)

    def _squeeze_excite(self, here: Operation, fork: Operation) -> Layer:
        """`x * sigmoid(...)`, the gate computed from the means of `x`."""
        x, gate = ordered(*here.inputs)
        if x is not fork or here.shape != x.shape:
            raise refused(here, "a product of two branches")
        match self.between(x, gate):
            case [
                ir.AdaptivePool(side=1),
                ir.Conv(bias=True) as squeeze,
                ir.Act("relu"),
                ir.Conv(bias=True) as excite,
                ir.Act("sigmoid"),
            ] if _weighs(squeeze) and _weighs(excite):
                se = ir.SqueezeExcite(channels=squeeze.in_channels, hidden=squeeze.out_channels)
                parts = (("fc1", squeeze), ("fc2", excite))
                names = {
                    f"{part}.{key}": name
                    for part, conv in parts
                    for key, name in self.names.of(conv).items()
                }
                return self.names.named(se, names)
            case _:
                raise refused(here, "a product that is not a known attention")


def _opened(layers: list[Layer]) -> list[tuple[Layer, ...]]:
    """Layers, each with the activation after it where that is not part of it, but opens what
    follows: a pre-activated block.

    Without norms, `relu(x + y)` may be the end of a block or the opening of the next. It opens
    where the next block projects what is activated and has nothing after its own addition, or
    where the block itself is pre-activated: by its first layer, or by an activation before it
    that belongs to no convolution.
    """
    pre = {i for i, layer in enumerate(layers) if _ends_bare(layer) or _opens(layer)}
    pre |= {i for i, layer in enumerate(layers) if _projects(layer) and _is_opened(layers[:i])}
    for i in reversed(range(len(layers) - 1)):
        if i + 1 in pre and _projects(layers[i + 1]) and _after(layers[i]):
            pre.add(i)
    for i in range(len(layers) - 1):
        if i in pre and _after(layers[i]) and _projects(layers[i + 1]):
            pre.add(i + 1)
    return [_parted(layer) if i in pre else (layer,) for i, layer in enumerate(layers)]


def _is_opened(before: list[Layer]) -> bool:
    """Whether an activation that belongs to no convolution ends the layers before a block."""
    match before[-2:]:
        case [ir.Conv() | ir.BatchNorm() | ir.GroupNorm(), ir.Act()]:
            return False
        case [*_, ir.Act()]:
            return True
        case _:
            return False


def _parted(layer: Layer) -> tuple[Layer, ...]:
    assert isinstance(layer, ir.Residual), layer
    return replace(layer, after=ir.Identity()), *ir.steps(layer.after)


def _after(layer: Layer) -> bool:
    return isinstance(layer, ir.Residual) and layer.after != ir.Identity()


def _ends_bare(layer: Layer) -> bool:
    return isinstance(layer, ir.Residual) and layer.after == ir.Identity()


def _opens(block: Layer) -> bool:
    """Whether a block's body begins with norm or activation."""
    return isinstance(block, ir.Residual) and opening_length(ir.steps(block.body)) > 0


def _projects(layer: Layer) -> bool:
    """Whether a block may be a pre-activated one that projects: no norm ends its shortcut."""
    if not isinstance(layer, ir.Residual) or _opens(layer):
        return False
    return any(isinstance(last, ir.Conv) for last in ir.steps(layer.shortcut)[-1:])


def _convs(layer: Layer) -> int:
    return sum(isinstance(leaf, ir.Conv) for _, leaf in leaves(layer))


def _weighs(conv: ir.Conv) -> bool:
    """Whether a convolution is a matrix, on one pixel."""
    return conv == ir.Conv(
        in_channels=conv.in_channels, out_channels=conv.out_channels, kernel=1, bias=True
    )
