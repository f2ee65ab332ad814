"""What else could an undetermined choice be? Other specs with the same weights, by choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from operator import ne
from typing import Any, Final

from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.elaboration import elaborate
from resnet_dsl.elaboration.stage_plans import writes_strides
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import weight_shapes
from resnet_dsl.ir import LayerPath, Network
from resnet_dsl.language.choices import CHOICES
from resnet_dsl.language.spec import BatchNorm, BlockKeys, Spec, Standardized
from resnet_dsl.naming import Tensor, state_keys
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import Conv, Pool
from resnet_dsl.reader import read_text
from resnet_dsl.reader.write import write
from resnet_dsl.recovery import recover
from resnet_dsl.sources.lifted import Lifted

_ACTIVATIONS: Final = ("relu", "leaky_relu", "elu", "silu", "gelu", "mish", "hardswish", "tanh")
_SIDES: Final = (32, 64, 224)
_EPSILONS: Final = (1e-5, 1e-3)
_KEYS: Final = ("shortcut", "projection", "projection_input", "stride_on", "antialias")
_MOST_STAGES: Final = 4


@dataclass(frozen=True, slots=True)
class Alternative:
    """A value of a choice, and the spec that has it."""

    value: str
    spec: Spec


def alternatives(spec: Spec) -> dict[str, tuple[Alternative, ...]]:
    """For each choice that weights do not show, the values that it may have; the spec's own first.

    Every alternative has the weights of `spec`, layer by layer.

    >>> from resnet_dsl import load
    >>> [each.value for each in alternatives(load("resnet50"))["stride_on"]]
    ['spatial', 'first']
    """
    drafts: dict[str, Iterator[Alternative]] = {
        "stem": _stems(spec),
        "stride": _strides(spec),
        "output_stride": _output_strides(spec),
        **{key: _keys(spec, key) for key in _KEYS},
        "activation": _values(spec, "activation", _ACTIVATIONS),
        "weights": _values(spec, "weights", ("plain", Standardized())),
        "norm": _norms(spec),
        "input": _inputs(spec),
    }
    own = elaborate(spec)
    choices: dict[str, tuple[Alternative, ...]] = {}
    for choice, values in drafts.items():
        networks: list[Network] = []
        kept: list[Alternative] = []
        for alternative in values:
            network = _network(alternative.spec)
            labels = {each.value for each in kept}
            if network is None or network in networks or alternative.value in labels:
                continue
            if _same_weights(own, network):
                networks.append(network)
                kept.append(alternative)
        if len(kept) > 1:
            choices[choice] = tuple(kept)
    return choices


def open_choices(lifted: Lifted) -> dict[str, tuple[Alternative, ...]]:
    """The alternatives of what is undetermined alone, not of what was given or told by names."""
    undetermined = {entry.choice for entry in lifted.undetermined}
    values = alternatives(lifted.spec)
    return {choice: values[choice] for choice in values if choice in undetermined}


def _network(spec: Spec) -> Network | None:
    try:
        return elaborate(spec)
    except SpecError:
        return None


# ---------------------------------------------------------------- each choice


def _swapped(spec: Spec, key: str, old: Any, new: Any) -> Spec:
    """A key with another value wherever it has this one."""
    block = replace(spec.block, **{key: new}) if _settings(spec, key) == old else spec.block
    stages = {
        name: replace(stage, **{key: new}) if getattr(stage, key) == old else stage
        for name, stage in spec.stages.items()
    }
    return replace(spec, block=block, stages=stages)


def _settings(spec: Spec, key: str) -> Any:
    return getattr(spec.settings(), key)


def _values(spec: Spec, key: str, values: Sequence[Any]) -> Iterator[Alternative]:
    stages = [getattr(stage, key) for stage in spec.stages.values()]
    for own in dict.fromkeys([_settings(spec, key), *(value for value in stages if value)]):
        yield Alternative(_shown(own), spec)
        for value in values:
            if value != own:
                yield Alternative(_shown(value), _swapped(spec, key, own, value))


def _shown(value: Any) -> str:
    return str(getattr(value, "kind", value))


def _keys(spec: Spec, key: str) -> Iterator[Alternative]:
    assert key in {field.name for field in fields(BlockKeys)}
    return _values(spec, key, CHOICES[key])


def _norms(spec: Spec) -> Iterator[Alternative]:
    norm = spec.settings().norm
    if not isinstance(norm, BatchNorm):
        return
    for eps in dict.fromkeys((norm.eps, *_EPSILONS)):
        changed = replace(norm, eps=eps)
        yield Alternative(f"batch, eps {eps:g}", _swapped(spec, "norm", norm, changed))


def _stems(spec: Spec) -> Iterator[Alternative]:
    """Strides and pools of a stem: none, one or both; how the pool is padded, and its kind."""
    convs = [layer for layer in spec.stem if isinstance(layer, Conv)]
    yield Alternative(_layers(spec.stem), spec)
    if not convs or len(convs) < len([x for x in spec.stem if not isinstance(x, Pool)]):
        return
    strides = [(conv.stride or 1) for conv in convs]
    plain: list[int] = [1] * len(convs)
    first = [2, *plain[1:]]
    pools: list[Pool | None] = [Pool(kind="max", kernel=3, stride=2), None]
    pools += [
        Pool(kind="max", kernel=3, stride=2, padding=0),
        Pool(kind="max", kernel=3, stride=2, padding=0, ceil=True),
        Pool(kind="max", kernel=2, stride=2),
        Pool(kind="average", kernel=3, stride=2),
    ]
    for pool, steps in product(pools, (strides, first, plain)):
        layers: list[Any] = [
            replace(conv, stride=step if step > 1 else None)
            for conv, step in zip(convs, steps, strict=True)
        ]
        changed = replace(spec, stem=tuple([*layers, pool] if pool else layers))
        yield Alternative(_layers(changed.stem), changed)


def _layers(layers: Sequence[Any]) -> str:
    return "; ".join(map(format_layer, layers))


def _strides(spec: Spec) -> Iterator[Alternative]:
    names = list(spec.stages)
    own = tuple(spec.stride(name) for name in names)
    yield Alternative(", ".join(map(str, own)), spec)
    written = any(writes_strides(stage.rows) for stage in spec.stages.values())
    if written or len(names) > _MOST_STAGES or spec.output_stride:
        return
    possible = product((1, 2), repeat=len(names))
    for steps in sorted(possible, key=lambda steps: sum(map(ne, steps, own))):
        stages = {
            name: replace(stage, stride=step)
            for (name, stage), step in zip(spec.stages.items(), steps, strict=True)
        }
        yield Alternative(", ".join(map(str, steps)), replace(spec, stages=stages))


def _output_strides(spec: Spec) -> Iterator[Alternative]:
    yield Alternative("as it strides", spec)
    for side in (16, 8):
        yield Alternative(f"{side}", replace(spec, output_stride=side))


def _inputs(spec: Spec) -> Iterator[Alternative]:
    input = spec.input
    yield Alternative(str(input), spec)
    halves = [tuple(round(side * factor) for side in input[1:]) for factor in (0.5, 2.0)]
    for height, width in [*halves, *((side, side) for side in _SIDES)]:
        changed = input._replace(height=height, width=width)
        yield Alternative(str(changed), replace(spec, input=changed))


# ---------------------------------------------------------------- the same weights


def _weighted(network: Network) -> list[tuple[LayerPath, dict[str, tuple[int, ...]]]]:
    leaves = ((path, weight_shapes(leaf)) for path, leaf in network_leaves(network))
    return [(path, shapes) for path, shapes in leaves if shapes]


def _same_weights(a: Network, b: Network) -> bool:
    return [shapes for _, shapes in _weighted(a)] == [shapes for _, shapes in _weighted(b)]


def with_spec(lifted: Lifted, spec: Spec) -> Lifted:
    """What was lifted as another spec with the same weights; ValueError where it has others."""
    network = elaborate(spec)
    if not _same_weights(lifted.network, network):
        raise ValueError("other weights")
    pairs = zip(_weighted(network), _weighted(lifted.network), strict=True)
    source = {ours: theirs for (ours, _), (theirs, _) in pairs}
    old = {tensor: key for key, tensor in state_keys(lifted.network).items()}
    weights = {
        key: lifted.weights[theirs]
        for key, (leaf, name) in state_keys(network).items()
        if (theirs := old[Tensor(source[leaf], name)]) in lifted.weights
    }
    return replace(lifted, spec=spec, network=network, weights=weights)


def with_overrides(lifted: Lifted, overrides: Sequence[str]) -> Lifted:
    """What was lifted with other values of undetermined choices, as `block.stride_on=first`.

    Raises `SpecError` where a value does not go with the weights.
    """
    if not overrides:
        return lifted
    overrides = [each for override in overrides for each in _keyed(override, lifted.spec)]
    spec, text = read_text(write(lifted.spec), overrides=overrides).spec, ", ".join(overrides)
    network = elaborate(spec)
    if difference := _other_weights(lifted.network, network):
        raise fail("value", f"--set {text}: {difference}", help="choose among what is undetermined")
    if network == lifted.network and (spec.name, spec.init) == (lifted.spec.name, lifted.spec.init):
        raise fail("value", f"--set {text}: changes nothing here")
    changed = with_spec(lifted, recover(network))
    settled = {_choice_of(override.partition("=")[0].split(".")) for override in overrides}
    changed = replace(changed, spec=replace(changed.spec, name=spec.name, init=spec.init))
    left = (entry for entry in lifted.undetermined if entry.choice not in settled)
    return replace(changed, undetermined=tuple(left))


def _keyed(override: str, spec: Spec) -> list[str]:
    """An override by the name of its choice, as it is printed, with the key that a spec has."""
    choice, _, value = override.partition("=")
    if choice in {field.name for field in fields(BlockKeys)}:
        return [f"block.{override}"]
    if choice == "stride":
        steps = zip(spec.stages, value.split(","), strict=False)
        return [f"stages.{name}.stride={step.strip()}" for name, step in steps]
    return [override]


def _other_weights(a: Network, b: Network) -> str | None:
    """The first weight in which two networks differ."""
    ours, theirs = (
        {f"{key}": weight_shapes(dict(network_leaves(n))[t.leaf])[t.key] for key, t in keys.items()}
        for n, keys in ((a, state_keys(a)), (b, state_keys(b)))
    )
    if _same_weights(a, b):
        return None
    for key in {**theirs, **ours}:
        if ours.get(key) != theirs.get(key):
            given, asked = _size(ours.get(key)), _size(theirs.get(key))
            return f"{key} is {given} in the file, and would be {asked}"
    return "the file has these weights in another order"


def _size(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else "x".join(map(str, shape))


def _choice_of(path: Sequence[str]) -> str:
    """The choice that an override makes: `stem` of `stem.1.pad`, `norm` of `block.norm.eps`."""
    match path:
        case ["block", key, *_] | ["stages", _, key, *_]:
            return key
        case _:
            return path[0]


def with_alternatives(lifted: Lifted) -> Lifted:
    """The same, with the other values of each choice."""
    values = alternatives(lifted.spec)
    entries = (
        replace(entry, alternatives=tuple(v.value for v in values.get(entry.choice, ())[1:]))
        for entry in lifted.undetermined
    )
    return replace(lifted, undetermined=tuple(entries))
