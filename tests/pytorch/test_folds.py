"""The folds know what torch would do: sizes, params and multiply-accumulates of real modules."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from hypothesis import assume, given, settings
from torch import Tensor, nn

from resnet_dsl import analyze, build, dumps, elaborate
from resnet_dsl.folds.shape import sized_visits
from resnet_dsl.folds.walk import leaves
from resnet_dsl.ir import LayerPath, Network, Sequence, Vector
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import named
from resnet_dsl.naming.module_tree import members
from resnet_dsl.pytorch.modules import Net
from tests.strategies import FEW, specs


def sizes_of(model: Net, names: Iterable[str], x: Tensor) -> dict[str, list[tuple[int, ...]]]:
    """What modules of a model give, call by call."""
    actual: dict[str, list[tuple[int, ...]]] = {}

    def keep(name: str, out: Tensor) -> None:
        actual.setdefault(name, []).append(tuple(out.shape[1:]))

    for name in names:
        module = model.get_submodule(name)
        module.register_forward_hook(lambda _, __, out, name=name: keep(name, out))
    model(x)
    return actual


def assert_folds_agree(network: Network, model: Net) -> None:
    x = torch.empty(2, *network.input, device="meta")
    visits, last = sized_visits(Sequence(network.layers), network.input)
    for i, aux in enumerate(network.auxiliaries):
        _, size = sized_visits(Sequence(network.layers[: aux.position]), network.input)
        visits += sized_visits(Sequence(aux.layers), size, LayerPath(("aux", i)))[0]
    outputs = {visit.path: tuple(visit.after) for visit in visits}
    expected = {
        name: [outputs[path] for path in member.paths] for name, member in members(named(network))
    }
    assert sizes_of(model, expected, x) == expected
    out = model(x)[0] if network.auxiliaries else model(x)
    assert tuple(out.shape[1:]) == tuple(last)
    assert out.dim() == (2 if isinstance(last, Vector) else 4)


def test_auxiliary_classifiers_agree_in_training() -> None:
    model = build("googlenet", device="meta")
    assert_folds_agree(elaborate(model.spec), model)


@settings(max_examples=FEW)
@given(specs())
def test_sizes_agree_for_any_spec(spec: Spec) -> None:
    assume("cumulative" not in dumps(spec))  # its counter has no value on this device
    assert_folds_agree(elaborate(spec), build(spec, device="meta"))


@settings(max_examples=FEW)
@given(specs())
def test_every_leaf_that_weighs_has_a_module(spec: Spec) -> None:
    network = elaborate(spec)
    actual = {path for _, member in members(named(network)) for path in member.paths}
    weights = sum(weight.numel() for weight in build(network, device="meta").parameters())
    assert weights == analyze(network).params
    inside = {path for path, _ in leaves(Sequence(network.layers))}
    for i, aux in enumerate(network.auxiliaries):
        inside |= {path for path, _ in leaves(Sequence(aux.layers), LayerPath(("aux", i)))}
    assert actual <= inside


def test_padding_and_ceiling_follow_torch() -> None:
    from resnet_dsl.folds.shape import ShapeError, leaf_size
    from resnet_dsl.ir import Pool, Shape

    for kernel in (1, 2, 3, 5):
        for stride in (1, 2, 3):
            for padding in range(kernel // 2 + 1):
                for ceil in (False, True):
                    pool = Pool(
                        kind="max", kernel=kernel, stride=stride, padding=padding, ceil=ceil
                    )
                    module = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
                    for side in range(1, 12):
                        x = torch.empty(1, 2, side, side + 1, device="meta")
                        try:
                            actual = leaf_size(pool, Shape(2, side, side + 1))
                        except ShapeError:
                            with pytest.raises(RuntimeError):
                                module(x)
                        else:
                            assert tuple(module(x).shape[1:]) == tuple(actual)
