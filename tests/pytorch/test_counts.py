"""Every spec against a forward pass of its model: sizes, params and multiply-accumulates."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from resnet_dsl import SpecError, analyze, build, elaborate, load, zoo
from resnet_dsl.folds.count import leaf_params
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.ir import AdaptivePool, BatchNorm, Network, Sequence, Shape
from resnet_dsl.naming import named
from resnet_dsl.naming.module_tree import Member, members
from resnet_dsl.pytorch.modules import Net
from tests.specs import chosen

with (Path(__file__).parent.parent / "models.csv").open(encoding="utf-8") as file:
    EVEN_MAPS = {row["spec"] for row in csv.DictReader(file) if row["even_maps"]}
"""Specs that refuse odd maps, as the libraries' own models do: average pools halve them."""

WHOLE_MAPS = {"lenet5", "cifar/course"}
"""Specs whose classifier reads every pixel of a map, so that its size is fixed."""

REFUSED = {
    "own": set(),
    "odd": EVEN_MAPS | WHOLE_MAPS - {"lenet5"},  # whose pools see 33 pixels as they see 32
    "oblong": WHOLE_MAPS,
}

DEEP = re.compile("101|110|152|164|200")


def sources() -> list[Any]:
    """The sample of `chosen` without its deep networks, which repeat the blocks of the others."""
    return [
        pytest.param(
            *source.values,
            marks=pytest.mark.exhaustive if DEEP.search(source.id) else source.marks,
            id=source.id,
        )
        for source in chosen(zoo())
    ]


@dataclass(frozen=True)
class Built:
    """A model without weights, its network, and the modules that stand for its leaves.

    `calls` are those modules in the order of the last pass, each with the size that it gave.
    """

    name: str
    model: Net
    network: Network
    modules: dict[str, Member]
    calls: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def image(self, kind: str) -> Shape:
        """The spec's own size; an odd one with odd maps further down; an oblong one."""
        channels, height, width = self.network.input
        large = height > 100
        sides = {
            "own": (height, width),
            "odd": (163, 163) if large else (33, 33),
            "oblong": (225, 193) if large else (49, 35),
        }
        return Shape(channels, *sides[kind])

    def run(self, size: Shape) -> None:
        """A forward pass without numbers."""
        self.calls.clear()
        with torch.no_grad():
            self.model(torch.empty(1, *size, device="meta"))

    def listen(self) -> None:
        """Keep the calls of every pass."""

        def keep(name: str, out: Tensor) -> None:
            self.calls.append((name, tuple(out.shape[1:])))

        for name in self.modules:
            module = self.model.get_submodule(name)
            module.register_forward_hook(lambda _, __, out, name=name: keep(name, out))


@pytest.fixture(scope="module", params=sources())
def built(request: pytest.FixtureRequest) -> Built:
    """One model for all tests of a spec: the deepest take long to build."""
    spec = load(request.param)
    network = elaborate(spec)
    model = build(spec, device="meta").eval()
    actual = Built(request.param, model, network, dict(members(named(network))))
    actual.listen()
    return actual


@pytest.mark.parametrize("kind", REFUSED)
def test_a_pass_has_the_sizes_and_macs_of_the_trace(built: Built, kind: str) -> None:
    size = built.image(kind)
    if built.name in REFUSED[kind]:
        with pytest.raises(SpecError):
            analyze(built.model.spec, size)
        with pytest.raises(RuntimeError):
            built.run(size)
        return
    with FlopCounterMode(display=False) as counter:
        built.run(size)
    visits, _ = sized_visits(Sequence(built.network.layers), size)
    names = {path: name for name, member in built.modules.items() for path in member.paths}
    assert built.calls == [
        (names[visit.path], tuple(visit.after)) for visit in visits if visit.path in names
    ]
    cost = analyze(built.model.spec, size).cost
    assert counter.get_total_flops() == 2 * (cost.macs + cost.blur_macs)


def test_every_module_has_the_params_of_its_leaf(built: Built) -> None:
    def numel(module: nn.Module) -> int:
        return sum(weight.numel() for weight in module.parameters())

    for name, member in built.modules.items():
        assert numel(built.model.get_submodule(name)) == leaf_params(member.leaf), name
    assert numel(built.model) == analyze(built.model.spec).params


# torch 2.13 beside thop's last release: it looks at the version with a module that is deprecated
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", ["resnet18", "resnet50"])
def test_thop_prints_what_its_rule_says(source: str) -> None:
    """The rule of docs/counting.md: tests/test_other_tools.py has it for the table."""
    import thop

    network = elaborate(load(source))
    visits, _ = sized_visits(Sequence(network.layers), network.input)
    norms = sum(prod(v.before) for v in visits if isinstance(v.node, BatchNorm))
    pools = [v for v in visits if isinstance(v.node, AdaptivePool)]
    pooled = sum(prod(v.before) + prod(v.after) for v in pools)
    model = build(source, init=False).eval()
    printed, _ = thop.profile(model, (torch.zeros(1, *network.input),), verbose=False)
    assert printed == analyze(source).macs + 4 * norms + pooled
