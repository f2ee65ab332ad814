"""Operations back to layers: every node of the algebra by what it computes, not by its name."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from resnet_dsl import ir
from resnet_dsl.folds.identity_cache import IdentityCache
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import Layer, Shape
from resnet_dsl.pytorch.lift.activations import activation
from resnet_dsl.pytorch.lift.attention import attention
from resnet_dsl.pytorch.lift.formulas import comes_from, dominators, pattern
from resnet_dsl.pytorch.lift.frozen import frozen_norm
from resnet_dsl.pytorch.lift.graph import Graph
from resnet_dsl.pytorch.lift.leaf_operations import Names, layers_of, zeros
from resnet_dsl.pytorch.lift.opened_blocks import opened
from resnet_dsl.pytorch.lift.refusals import cast_to, refused
from resnet_dsl.pytorch.lift.scales import scaled
from resnet_dsl.pytorch.lift.values import CASTS, Operation
from resnet_dsl.pytorch.lift.written_norms import written_layer_norm


class Reader:
    """Walks a graph backwards, from an operation to those that it reads.

    Each operation is read once: `origins` has the one that each layer was read from, and a map
    that two layers read in ways that no addition or concatenation joins is refused.
    """

    def __init__(self, names: Names, graph: Graph) -> None:
        self.names = names
        self.graph = graph
        self.origins = IdentityCache[Operation]()
        self._ways: dict[tuple[int, int], list[Layer]] = {}
        self._read_before: set[int] = set()

    def network(self, input: Shape) -> ir.Network:
        """All that leads from the image to the outputs; those after the first are auxiliary."""
        graph = self.graph
        output, *others = graph.outputs
        layers = opened(self.between(graph.image, output))
        trunk = {id(operation) for operation in dominators(output)}
        auxiliaries = []
        for other in others:
            fork = next(o for o in dominators(other) if id(o) in trunk)
            head = ir.network(input, *self.between(fork, other)).layers
            passed = len(self.between(graph.image, fork))
            position = sum(map(len, layers[:passed]))
            auxiliaries.append(ir.Auxiliary(position=position, layers=head))
        return ir.network(input, *chain(*layers), auxiliaries=tuple(auxiliaries))

    def length(self, stop: Operation) -> int:
        """How many layers of a network lead to an operation of its trunk."""
        passed = len(self.between(self.graph.image, stop))
        layers = opened(self.between(self.graph.image, self.graph.outputs[0]))
        return sum(map(len, layers[:passed]))

    def between(self, start: Operation, stop: Operation) -> list[Layer]:
        """What leads from one operation to a later one, in order."""
        way = id(start), id(stop)
        if way not in self._ways:
            self._ways[way] = self._between(start, stop)
        return self._ways[way]

    def _between(self, start: Operation, stop: Operation) -> list[Layer]:
        """Read from a later operation back; what leads to each on the way is known as well."""
        reversed_layers: list[Layer] = []
        passed: list[tuple[Operation, int]] = []
        here = stop
        while here is not start:
            passed.append((here, len(reversed_layers)))
            layers, before = self._read(here)
            if here.dtype != before.dtype:
                raise refused(here, cast_to(here.dtype))
            match layers, reversed_layers[-1:]:
                case [ir.Residual() as block], [ir.Act() | ir.PReLU() as act] if here.users == 1:
                    reversed_layers[-1] = replace(block, after=act)  # it alone reads the sum
                    self.origins.put(reversed_layers[-1], here)
                case _:
                    reversed_layers += reversed(layers)
            here = before
        for operation, after in passed:
            way = reversed_layers[after:][::-1]
            self._ways[id(start), id(operation)] = [x for x in way if x != ir.Identity()]
        return self._ways.get((id(start), id(stop)), [])

    def _read(self, here: Operation) -> tuple[list[Layer], Operation]:
        """The layers of one operation, or of all between it and where their branches part."""
        if id(here) in self._read_before:
            raise refused(here, "a map that is read again by a later layer")
        self._read_before.add(id(here))
        layers, before = self._layers(here)
        for layer in layers:
            self.origins.put(layer, here)
        return layers, before

    def _layers(self, here: Operation) -> tuple[list[Layer], Operation]:
        for read in (pattern, written_layer_norm, frozen_norm, attention, activation, scaled):
            if recognized := read(here, self.names):
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
            case "add" if {x.shape for x in here.inputs} == {here.shape}:
                return [self._residual(here, fork)], fork
            case "cat" if here["dim"] % len(here.shape) == 1:
                return self._concatenated(here, fork)
            case "mul" if len(here.inputs) == 2:
                raise refused(here, "a product that is not a known attention")
            case _:
                raise refused(here)

    def _concatenated(self, here: Operation, fork: Operation) -> tuple[list[Layer], Operation]:
        """Branches side by side; or one, and zeros on its sides; or one alone."""
        maps = [map_ for map_ in here["tensors"] if not zeros(map_)]
        if any(map_ not in here.inputs for map_ in maps):
            raise refused(here, "a map with constants beside it")
        if len(maps) != len(here["tensors"]):
            return self._with_zeros(here, maps)
        if len(maps) == 1:
            return [], maps[0]
        before, maps = self._after_concatenation(maps) or (fork, maps)
        branches = [self.between(before, map_) for map_ in maps]
        if all(map(_pools_to_vector, branches)):  # flattened one by one, or together
            pools = tuple(ir.sequence(*branch[:-1]) for branch in branches)
            return [ir.Parallel(pools), ir.Flatten()], before
        return [ir.Parallel(tuple(ir.sequence(*branch) for branch in branches))], before

    def _after_concatenation(
        self, maps: list[Operation]
    ) -> tuple[Operation, list[Operation]] | None:
        """An earlier concatenation of the first maps, from which the others come: each dense layer
        of DenseNet reads all maps before it."""
        for count in range(len(maps) - 1, 0, -1):
            earlier = self.graph.concatenations.get(tuple(map(id, maps[:count])))
            if earlier is not None and all(comes_from(map_, earlier) for map_ in maps[count:]):
                return earlier, [earlier, *maps[count:]]
        return None

    def _with_zeros(self, here: Operation, maps: list[Operation]) -> tuple[list[Layer], Operation]:
        if len(maps) != 1:
            raise refused(here, "branches with zeros beside them")
        channels = [map_.shape[1] for map_ in here["tensors"]]
        i = here["tensors"].index(maps[0])
        return [ir.PadChannels(before=sum(channels[:i]), after=sum(channels[i + 1 :]))], maps[0]

    def _residual(self, here: Operation, fork: Operation) -> Layer:
        """The branch with fewer convolutions is the shortcut; of two alike, the second left."""
        first, second = (self._term(here, branch, fork) for branch in here.inputs)
        body, shortcut = (first, second) if _convs(first) >= _convs(second) else (second, first)
        return ir.Residual(body=body, shortcut=shortcut)

    def _term(self, here: Operation, branch: Operation, fork: Operation) -> Layer:
        """A branch of a sum; with the factor that the sum has for it."""
        layers = self.between(fork, branch)
        factor = here["alpha"] if branch is here["other"] else 1
        scale = [] if factor == 1 else [ir.Scale(float(factor))]
        return ir.sequence(*layers, *scale)


def _pools_to_vector(branch: list[Layer]) -> bool:
    match branch:
        case [*_, ir.AdaptivePool(side=1), ir.Flatten()]:
            return True
        case _:
            return False


def _convs(layer: Layer) -> int:
    return sum(isinstance(leaf, ir.Conv) for _, leaf in leaves(layer))
