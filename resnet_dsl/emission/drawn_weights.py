"""The statements that draw first weights as `resnet_dsl.build` draws them.

PyTorch's constructors draw first; what a scheme draws again is drawn in the order of registration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from resnet_dsl.emission.definitions import Definition, Definitions
from resnet_dsl.emission.dialects import TORCH
from resnet_dsl.emission.forwards import attribute
from resnet_dsl.folds.drawn_apart import classifiers, last_weights
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.ir import LayerPath, Linear, Network, SqueezeExcite
from resnet_dsl.language.spec import Init
from resnet_dsl.naming import Naming, leaf_names

_LOOP: Final = "for module in self.modules():"
_KAIMING: Final = (
    "nn.init.kaiming_normal_(",
    "    module.weight,",
    '    mode="fan_out",',
    '    nonlinearity="relu",',
    ")",
)
_TRUNCATED: Final = ("nn.init.trunc_normal_(module.weight, 0.0, 0.01, -2.0, 2.0)",)
_NORMAL: Final = ("nn.init.normal_(module.weight, 0.0, 0.01)",)


def drawing_lines(
    network: Network,
    init: Init,
    naming: Naming,
    definitions: Definitions,
    names: Mapping[str, str],
) -> list[str]:
    """The end of the network's constructor."""
    modules = leaf_names(network, naming)
    text = _drawn_again(network, init, modules)
    if init.zero_init_residual:
        last = [modules[path] for path in last_weights(network)]
        text += _zeroed(last, definitions, names)
    return text


def _drawn_again(network: Network, init: Init, modules: Mapping[LayerPath, str]) -> list[str]:
    match init.scheme:
        case "resnet":
            return _loop({"nn.Conv2d": _KAIMING})
        case "vgg":
            return _vgg(network, modules)
        case "googlenet":
            return _loop({"nn.Conv2d | nn.Linear": _TRUNCATED})
        case "pytorch":
            return []
        case _:
            assert_never(init.scheme)


def _loop(branches: Mapping[str, Sequence[str]]) -> list[str]:
    text = [_LOOP]
    for kind, body in branches.items():
        word = "if" if len(text) == 1 else "elif"
        text.append(f"    {word} isinstance(module, {kind}):")
        text += [f"        {line}" for line in body]
    return text


def _vgg(network: Network, modules: Mapping[LayerPath, str]) -> list[str]:
    """Classifiers from a normal distribution of deviation 0.01, all biases zero."""
    leaves = dict(network_leaves(network))
    chosen = classifiers(network)
    others = any(isinstance(leaf, SqueezeExcite) and leaf.linear for leaf in leaves.values())
    if others or not all(isinstance(leaves[path], Linear) for path in chosen):
        names = [attribute(modules[path], TORCH) for path in chosen]
        listed = ["classifiers = [", *(f"    {name}," for name in names), "]"]
        text = [
            *(listed if len(names) > 1 else ()),
            _LOOP,
            "    if not isinstance(module, nn.Conv2d | nn.Linear):",
            "        continue",
            f"    if module {'in classifiers' if len(names) > 1 else f'is {names[0]}'}:",
            *(f"        {line}" for line in _NORMAL),
            "    else:",
            *(f"        {line}" for line in _KAIMING),
        ]
        condition = ""
    else:
        text = _loop({"nn.Conv2d": _KAIMING, "nn.Linear": _NORMAL})
        condition = "isinstance(module, nn.Conv2d | nn.Linear) and "
    bias = [f"    if {condition}module.bias is not None:", "        nn.init.zeros_(module.bias)"]
    return text + bias


def _zeroed(
    last: Sequence[str], definitions: Definitions, names: Mapping[str, str]
) -> Iterator[str]:
    """The last norm of each block starts at zero: Goyal et al. 2017, section 5.1."""
    classes: dict[str, tuple[Definition, str]] = {}
    alone: list[str] = []
    owners = {path: each for each in definitions.by_key.values() for path in each.paths if path}
    for name in last:
        scope = name.rpartition(".")[0]
        while scope and scope not in owners:
            scope = scope.rpartition(".")[0]
        if scope:
            classes[owners[scope].key] = owners[scope], name[len(scope) + 1 :]
        else:
            alone.append(name)
    if classes:
        yield _LOOP
    branches: dict[str, list[str]] = {}
    for key, (_, child) in classes.items():
        branches.setdefault(child, []).append(names[key])
    for i, (child, kinds) in enumerate(branches.items()):
        yield f"    {'elif' if i else 'if'} isinstance(module, {' | '.join(kinds)}):"
        yield f"        {_zero('module', child)}"
    for name in alone:
        yield _zero("self", name)


def _zero(owner: str, child: str) -> str:
    own = attribute(child, TORCH, owner)
    weight = f"{own}.weight" if "(" not in own else f'{own}.get_parameter("weight")'
    return f"nn.init.zeros_({weight})"
