"""Laws of `diff`, for the zoo and for random specs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from resnet_dsl import Spec, elaborate, load, zoo
from resnet_dsl.answers.differences import diff
from tests.strategies import FEW, specs

NEIGHBOURS = list(pairwise(zoo()))


def assert_lawful(a: Spec, b: Spec) -> None:
    """Unequal where the networks are, in at least one word; what parts cost more is the total."""
    actual = diff(a, b)
    assert actual.equal == (elaborate(a) == elaborate(b))
    assert actual.equal == (not any(part.keys for part in actual.parts))
    assert actual.refused is None
    for key in ("params", "macs"):
        more = sum(after - before for before, after in (getattr(p, key) for p in actual.parts))
        assert more == actual.totals[key][1] - actual.totals[key][0]
    back = diff(b, a)
    assert back.totals == {key: both[::-1] for key, both in actual.totals.items()}
    assert [len(part.keys) for part in back.parts] == [len(part.keys) for part in actual.parts]


@pytest.mark.parametrize(("a", "b"), NEIGHBOURS[::12])
def test_specs_of_the_zoo_differ_where_their_networks_do(a: str, b: str) -> None:
    assert_lawful(load(a), load(b))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("a", "b"), NEIGHBOURS)
def test_all_specs_of_the_zoo_differ_where_their_networks_do(a: str, b: str) -> None:
    assert_lawful(load(a), load(b))


@settings(max_examples=FEW)
@given(specs())
def test_any_spec_differs_from_another_network_in_a_word(spec: Spec) -> None:
    assert diff(spec, spec).equal
    actual = diff(spec, "cifar/resnet20")
    assert actual.equal == (elaborate(spec) == elaborate(load("cifar/resnet20")))
    assert actual.equal or any(part.keys for part in actual.parts)
