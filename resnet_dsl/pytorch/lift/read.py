"""Operations back to layers: every node of the algebra by what it computes, not by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import torch
from torch.fx import Node

from resnet_dsl import ir
from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.folds.count import leaves
from resnet_dsl.ir import Layer, Leaf, Shape
from resnet_dsl.pytorch.lift.graph import Graph, Operation, Weight

_SKIPPED: Final = {"to", "_to_copy", "alias", "detach", "contiguous", "clone", "lift_fresh_copy"}
_SPREADS: Final = {
    "view",
    "reshape",
    "expand",
    "expand_as",
    "squeeze",
    "unsqueeze",
    "transpose",
    "permute",
}
_ACTS: Final[dict[str, ir.ActKind]] = {
    "relu": "relu",
    "relu6": "relu6",
    "elu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


@dataclass
class Layers:
    """Layers that were read, and for each leaf with weights the names of these in the model."""

    names: dict[int, dict[str, str]] = field(default_factory=dict)
    kept: list[Leaf] = field(default_factory=list)

    def weighing(self, leaf: Leaf, **weights: Weight | None) -> Leaf:
        """A leaf whose weights are known by name."""
        self.kept.append(leaf)  # alive: ids stay true
        self.names[id(leaf)] = {key: w.name for key, w in weights.items() if w is not None}
        return leaf

    def network(self, graph: Graph, input: Shape) -> ir.Network:
        """All that leads from the image to the outputs; those behind the first are auxiliary."""
        output, *asides = graph.outputs
        layers = self.between(graph.image, output)
        trunk = {id(operation) for operation in _dominators(output)}
        auxiliaries = []
        for aside in asides:
            fork = next(found for found in _dominators(aside) if id(found) in trunk)
            head = ir.network(input, *self.between(fork, aside)).layers
            behind = len(ir.network(input, *self.between(graph.image, fork)).layers)
            auxiliaries.append(ir.Auxiliary(behind=behind, layers=head))
        auxiliaries.sort(key=lambda aux: aux.behind)
        return ir.network(input, *layers, auxiliaries=tuple(auxiliaries))

    def between(self, start: Operation, stop: Operation) -> list[Layer]:
        """What leads from one operation to a later one, in order."""
        found: list[Layer] = []
        here = stop
        while here is not start:
            layers, before = self._read(here)
            match layers, found[-1:]:
                case [ir.Residual() as block], [ir.Act() as act] if here.users == 1:
                    found[-1] = replace(block, after=act)  # it alone reads the sum
                case _:
                    found += reversed(layers)
            here = before
        return found[::-1]

    def _read(self, here: Operation) -> tuple[list[Layer], Operation]:
        """The layers of one operation, or of all between it and where their branches part."""
        if found := self._active_norm(here):
            return found
        if len(here.inputs) > 1 or here.name in {"mul", "add"}:
            return self._joined(here)
        (before,) = here.inputs
        if here.name in _SKIPPED:
            return [], before
        if (stride := _pixels(here, before)) is not None:
            return [ir.Pool(kind="max", kernel=1, stride=stride)], before.inputs[0]
        if here.name == "conv2d" and self._is_blur(here):
            return [ir.BlurPool(stride=_one(here, "stride"))], before.inputs[0]
        return self._single(here, before), before

    # ------------------------------------------------------------ one input

    def _single(self, here: Operation, before: Operation) -> list[Layer]:
        match here.name:
            case "conv2d":
                return [self._conv(here)]
            case "batch_norm":
                return [self._batch_norm(here)]
            case "group_norm":
                return [self._group_norm(here)]
            case "gelu" if here["approximate"] != "none":
                raise refused(here, "an approximated gelu")
            case "elu" if (here["alpha"], here["scale"], here["input_scale"]) != (1, 1, 1):
                raise refused(here, "a scaled elu")
            case name if name in _ACTS:
                return [ir.Act(_ACTS[name])]
            case "hardtanh" if (here["min_val"], here["max_val"]) == (0, 6):
                return [ir.Act("relu6")]
            case "leaky_relu" if here["negative_slope"] == 0.01:
                return [ir.Act("leaky_relu")]
            case "max_pool2d" | "avg_pool2d":
                return [_pool(here)]
            case "adaptive_avg_pool2d":
                return [ir.AdaptivePool(side=_one(here, "output_size"))]
            case "mean" if sorted(d % 4 for d in here["dim"]) == [2, 3]:
                flat = [] if here["keepdim"] else [ir.Flatten()]
                return [ir.AdaptivePool(), *flat]
            case "flatten" | "view" | "reshape" | "squeeze":
                return _flattened(here, before)
            case "linear":
                return [self._linear(here)]
            case "dropout":
                return [ir.Dropout(here["p"])] if here["p"] else []
            case "softmax" if len(here.shape) == 2 and here["dim"] % 2 == 1:
                return [ir.Softmax()]
            case "pad" | "constant_pad_nd":
                return [_padded(here)]
            case "slice" if here.shape == before.shape:
                return []
            case _:
                raise refused(here)

    def _group_norm(self, here: Operation) -> Layer:
        weight, bias = _weights(here, "weight", "bias")
        if weight is None or bias is None:
            raise refused(here, "a group norm without weights")
        norm = ir.GroupNorm(channels=here.shape[1], groups=here["num_groups"], eps=here["eps"])
        return self.weighing(norm, weight=weight, bias=bias)

    def _conv(self, here: Operation) -> Layer:
        weight, bias = here["weight"], here["bias"]
        if not isinstance(weight, Weight) or not isinstance(bias, Weight | None):
            raise refused(here, "a convolution whose filters are computed")
        out_channels, _, height, width = weight.value.shape
        if height != width:
            raise refused(here, f"a kernel of {height}x{width}")
        padding = here["padding"]
        if padding == "same":
            padding = _one(here, "dilation") * (height - 1) // 2
        elif padding == "valid":
            padding = 0
        conv = ir.Conv(
            in_channels=here.inputs[0].shape[1],
            out_channels=out_channels,
            kernel=height,
            stride=_one(here, "stride"),
            padding=padding if isinstance(padding, int) else _one(here, "padding"),
            dilation=_one(here, "dilation"),
            groups=here["groups"],
            bias=bias is not None,
            standardized=weight.standardized,
        )
        return self.weighing(conv, weight=weight, bias=bias)

    def _is_blur(self, here: Operation) -> bool:
        """The binomial filter over each channel of a reflected map."""
        weight, (before,) = here["weight"], here.inputs
        if before.name not in {"pad", "reflection_pad2d"} or not isinstance(weight, Weight):
            return False
        reflected = before["mode"] in {None, "reflect"} and list(before["pad"] or before["padding"])
        if reflected != [1, 1, 1, 1] or here["groups"] != here.shape[1]:
            return False
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        binomial = line[:, None] * line[None, :]
        value = weight.value.cpu().float()
        return value.shape[1:] == (1, 3, 3) and bool((value == binomial).all())

    def _batch_norm(self, here: Operation) -> Layer:
        names = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, var = _weights(here, *names)
        if None in (weight, bias, mean, var):
            raise refused(here, "a batch norm without weights or statistics")
        norm = ir.BatchNorm(channels=here.shape[1], eps=here["eps"], momentum=here["momentum"])
        return self.weighing(norm, weight=weight, bias=bias, running_mean=mean, running_var=var)

    def _linear(self, here: Operation) -> Layer:
        weight, bias = _weights(here, "weight", "bias")
        if weight is None or bias is None:
            raise refused(here, "a fully connected layer without biases")
        out_features, in_features = weight.value.shape
        linear = ir.Linear(in_features=in_features, out_features=out_features)
        return self.weighing(linear, weight=weight, bias=bias)

    # ------------------------------------------------------------ several inputs

    def _joined(self, here: Operation) -> tuple[list[Layer], Operation]:
        fork = here.dominator
        assert fork is not None
        match here.name:
            case "add" if len(here.inputs) == 2 and here["alpha"] == 1:
                return [self._residual(here, fork)], fork
            case "cat" if here["dim"] % len(here.shape) == 1:
                branches = [ir.sequence(*self.between(fork, found)) for found in here["tensors"]]
                return [ir.Parallel(tuple(branches))], fork
            case "mul" if (p := _drop_path(here)) is not None:
                return [ir.DropPath(p)], fork
            case "mul" if len(here.inputs) == 2:
                return self._attention(here, fork), fork
            case _:
                raise refused(here)

    def _residual(self, here: Operation, fork: Operation) -> Layer:
        """The branch with fewer convolutions is the shortcut; of two alike, the second one."""
        one, other = (ir.sequence(*self.between(fork, found)) for found in here.inputs)
        body, shortcut = (one, other) if _convs(one) >= _convs(other) else (other, one)
        return ir.Residual(body=body, shortcut=shortcut)

    def _active_norm(self, here: Operation) -> tuple[list[Layer], Operation] | None:
        """EvoNorm-S0 and filter response normalization, by their formulas."""
        match here.name:
            case "add":
                return self._evo_norm(here)
            case "max" | "maximum":
                return self._filter_response_norm(here)
            case _:
                return None

    def _evo_norm(self, here: Operation) -> tuple[list[Layer], Operation] | None:
        affine = _affine(here)
        if affine is None or affine[0].name != "div" or len(affine[0].inputs) != 2:
            return None
        ratio, weight, bias = affine
        gated, deviation = ratio["self"], _past_views(ratio["other"])
        if gated.name != "mul" or len(gated.inputs) != 2 or deviation.name != "sqrt":
            return None
        x, gate = _ordered(*gated.inputs)
        v = next((a for a in gate.inputs[0].arguments.values() if isinstance(a, Weight)), None)
        variance = _past_views(deviation.inputs[0].inputs[0])
        if gate.name != "sigmoid" or variance.name != "var" or variance["unbiased"] or v is None:
            return None
        eps, grouped = deviation.inputs[0]["other"], variance.inputs[0].shape
        if not isinstance(eps, float) or len(grouped) != 5 or variance["dim"] != [2, 3, 4]:
            return None
        groups = grouped[1]
        norm = ir.EvoNorm(channels=here.shape[1], groups=groups, eps=eps)
        return [self.weighing(norm, weight=weight, bias=bias, v=v)], x

    def _filter_response_norm(self, here: Operation) -> tuple[list[Layer], Operation] | None:
        tau = here["other"]
        affine = _affine(here.inputs[0]) if isinstance(tau, Weight) else None
        if affine is None or affine[0].name != "mul" or len(affine[0].inputs) != 2:
            return None
        product, weight, bias = affine
        x, factor = _ordered(*product.inputs)
        root = _past_views(factor)
        mean = _past_views(root.inputs[0].inputs[0]) if root.name == "rsqrt" else root
        power = _past_views(mean.inputs[0])
        squared = power.name == "square" or (power.name == "pow" and power["exponent"] == 2)
        eps = root.inputs[0]["other"]
        if mean.name != "mean" or not squared or not isinstance(eps, float):
            return None
        norm = ir.FilterResponseNorm(channels=here.shape[1], eps=eps)
        return [self.weighing(norm, weight=weight, bias=bias, tau=tau)], x

    def _attention(self, here: Operation, fork: Operation) -> list[Layer]:
        """`x * sigmoid(...)`, the gate computed from the means of `x`."""
        x, gate = _ordered(*here.inputs)
        if x is not fork:
            raise refused(here, "a product of two branches")
        kernel = _eca(gate, x)
        if kernel is not None:
            conv, weight = kernel
            eca = ir.EfficientChannelAttention(kernel=conv)
            return [self.weighing(eca, **{"conv.weight": weight})]
        match self.between(x, gate):
            case [
                ir.AdaptivePool(side=1),
                ir.Conv(bias=True) as squeeze,
                ir.Act("relu"),
                ir.Conv(bias=True) as excite,
                ir.Act("sigmoid"),
            ] if squeeze.kernel == excite.kernel == 1 == squeeze.groups == excite.groups:
                names = {
                    f"{part}.{key}": name
                    for part, conv in (("fc1", squeeze), ("fc2", excite))
                    for key, name in self.names[id(conv)].items()
                }
                se = ir.SqueezeExcite(channels=squeeze.in_channels, hidden=squeeze.out_channels)
                self.kept.append(se)
                self.names[id(se)] = names
                return [se]
            case _:
                raise refused(here, "a product that is no attention known here")


def _dominators(operation: Operation) -> Iterator[Operation]:
    """An operation, and those that all ways to it go through, backwards."""
    here: Operation | None = operation
    while here is not None:
        yield here
        here = here.dominator


def _convs(layer: Layer) -> int:
    return sum(isinstance(leaf, ir.Conv) for _, leaf in leaves(layer))


def _reaches(later: Operation, earlier: Operation) -> bool:
    """Whether one operation is computed from another."""
    here: Operation | None = later
    while here is not None and here.depth >= earlier.depth:
        if here is earlier:
            return True
        here = here.dominator
    return False


def _ordered(one: Operation, other: Operation) -> tuple[Operation, Operation]:
    """Two operations, the one first that the other is computed from."""
    return (one, other) if _reaches(other, one) else (other, one)


def _past_views(here: Operation) -> Operation:
    """What is cast, reshaped and spread out."""
    while here.name in _SKIPPED | _SPREADS:
        here = here["self"] if isinstance(here["self"], Operation) else here.inputs[0]
    return here


def _affine(here: Operation) -> tuple[Operation, Weight, Weight] | None:
    """`x * weight + bias`, by channels."""
    if here.name != "add" or len(here.inputs) != 1 or not isinstance(here["other"], Weight):
        return None
    (product,) = here.inputs
    if product.name != "mul" or len(product.inputs) != 1:
        return None
    weight = product["other"]
    return (product.inputs[0], weight, here["other"]) if isinstance(weight, Weight) else None


def _drop_path(here: Operation) -> float | None:
    """The probability of a product with noise that is the same for a whole image."""
    for argument in here.arguments.values():
        kept = _survival(argument)
        if kept is not None:
            return 1 - kept
    return None


def _survival(noise: object) -> float | None:
    """The probability that noise is drawn with: `bernoulli(p)`, or that over `p`."""
    if isinstance(noise, Operation):
        name, inputs = noise.name, [noise["self"]]
        probability = noise["p"]
    elif isinstance(noise, Node) and noise.op == "call_function":
        name = noise.target._schema.name.removeprefix("aten::").rstrip("_")  # type: ignore[union-attr]
        inputs, probability = list(noise.args[:1]), noise.args[1] if len(noise.args) > 1 else None
    else:
        return None
    if name == "bernoulli":
        return float(probability) if isinstance(probability, float) else None
    return _survival(inputs[0]) if name == "div" and inputs else None


def _eca(gate: Operation, x: Operation) -> tuple[int, Weight] | None:
    """The kernel of a one-dimensional convolution over the means of channels."""
    found: list[Operation] = []
    here = gate
    while (here := _past_views(here)) is not x and len(here.inputs) == 1:
        found.append(here)
        here = here.inputs[0]
    pools = {"mean", "adaptive_avg_pool2d"}
    names = [operation.name for operation in found]
    if here is not x or names[:2] != ["sigmoid", "conv1d"] or not pools.issuperset(names[2:]):
        return None
    conv = found[1]
    weight = conv["weight"]
    if not isinstance(weight, Weight) or weight.value.shape[:2] != (1, 1) or conv["bias"]:
        return None
    return weight.value.shape[2], weight


def _weights(here: Operation, *names: str) -> list[Weight | None]:
    return [found if isinstance(found := here[name], Weight) else None for name in names]


def _one(here: Operation, argument: str) -> int:
    """The one number of a square argument."""
    value = here[argument]
    values = set(value) if isinstance(value, Sequence) else {value}
    if len(values) != 1:
        raise refused(here, f"{argument.replace('_', ' ')} {tuple(value)}")
    return int(values.pop())


def _pool(here: Operation) -> Layer:
    kind: ir.PoolKind = "max" if here.name == "max_pool2d" else "average"
    if here["dilation"] and set(here["dilation"]) != {1}:
        raise refused(here, "a dilated pool")
    padding = _one(here, "padding")
    if here["divisor_override"] or (
        kind == "average" and padding and not here["count_include_pad"]
    ):
        raise refused(here, "an average pool that does not count the zeros around the map")
    kernel = _one(here, "kernel_size")
    stride = _one(here, "stride") if here["stride"] else kernel
    return ir.Pool(
        kind=kind,
        kernel=kernel,
        stride=stride,
        padding=padding,
        ceil=here["ceil_mode"] and stride > 1,  # side by side, no window is partial
    )


def _flattened(here: Operation, before: Operation) -> list[Layer]:
    if here.shape == before.shape:
        return []
    if len(here.shape) == 2 and len(before.shape) == 4:
        return [ir.Flatten()]
    if here.shape[2:] == (1, 1) and len(before.shape) == 2:
        raise refused(here, "a vector that becomes a map")
    raise refused(here)


def _padded(here: Operation) -> Layer:
    pad = list(here["pad"])
    if here["mode"] not in {None, "constant"} or here["value"] not in {None, 0}:
        raise refused(here, "a map padded by other than zeros")
    left, right, top, bottom = pad[:4]
    if pad[4:] and pad[:4] == [0, 0, 0, 0] and pad[4] == 0 and not any(pad[6:]):
        return ir.PadChannels(extra=pad[5])
    if pad[4:] or (left, right) != (top, bottom):
        raise refused(here, f"a map padded by {pad}")
    return ir.ZeroPad(before=left, after=right)


def _pixels(here: Operation, before: Operation) -> int | None:
    """The stride of every n-th pixel: a strided slice of the height, and the same of the width."""
    slices = here.name == before.name == "slice" and (before["dim"], here["dim"]) == (2, 3)
    if not slices or here["step"] != before["step"] or here["step"] == 1:
        return None
    size = before.inputs[0].shape
    ends = (before["end"] or size[2]) >= size[2] and (here["end"] or size[3]) >= size[3]
    return int(here["step"]) if ends and not before["start"] and not here["start"] else None


def refused(here: Operation, what: str | None = None) -> SpecError:
    """The language has no words for an operation: an error that names its module."""
    place = f"{here.module}: " if here.module else ""
    named = what or f"torch.{here.name}"
    message = f"{place}{named} is no layer of this language"
    return SpecError([Diagnostic(code="unsayable", message=message)])
