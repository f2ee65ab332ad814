"""A network that no spec can express is answered for all the same."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from resnet_dsl import (
    Spec,
    SpecError,
    analyze,
    blocks,
    diff,
    elaborate,
    elaboration,
    layers,
    load,
    recover,
    summary,
    table,
    trace,
    zoo,
)
from resnet_dsl.answers import block_costs
from resnet_dsl.cli import main
from resnet_dsl.elaboration import Elaboration, elaboration_of
from resnet_dsl.ir import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
    Layer,
    Linear,
    Network,
    Parallel,
    Residual,
)
from resnet_dsl.naming import NAMINGS, NamingError, leaf_names, state_keys
from resnet_dsl.recovery import network_spec
from resnet_dsl.sources import resolve
from tests.networks import CONV, IMAGE, NORM, UNSUPPORTED

WITH_SCHEME = [naming for naming in NAMINGS if naming != "transformers"]


@pytest.fixture(params=UNSUPPORTED)
def network(request: pytest.FixtureRequest) -> Network:
    """A network that no spec can express."""
    built: Network = UNSUPPORTED[request.param]
    return built


def test_its_costs_are_the_sum_of_its_layers(network: Network) -> None:
    numbers, lines = analyze(network), trace(network).lines
    assert numbers.params == sum(line.params for line in lines)
    assert numbers.macs == sum(line.macs for line in lines)
    assert summary(network).params == numbers.params
    assert layers(network).layers == numbers.layers


def test_its_layers_have_no_reasons(network: Network) -> None:
    assert {line.why for line in trace(network).lines} == {None}


def test_its_parameters_are_counted_by_hand() -> None:
    nested = analyze(UNSUPPORTED["residual in a branch"])
    assert nested.params == 3 * 3 + 3 * 4
    branches = analyze(UNSUPPORTED["branches in a branch"])
    assert branches.params == 3 * 8 * 9 + 3 * 8 * 8
    assert branches.macs == branches.params * 12 * 12


@pytest.mark.parametrize("naming", WITH_SCHEME)
def test_every_scheme_names_its_tensors(network: Network, naming: str) -> None:
    keys = state_keys(network, naming)  # type: ignore[arg-type]  # of a parametrization
    own = state_keys(network)
    assert set(keys.values()) == set(own.values())
    assert len(keys) == len(own)


def test_recover_says_why_no_spec_expresses_it(network: Network) -> None:
    with pytest.raises(SpecError) as caught:
        recover(network)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "unsupported"
    assert diagnostic.message.startswith("no spec can express ")


@pytest.mark.parametrize("ask", [table, blocks])
def test_rows_are_asked_of_specs_alone(network: Network, ask: object) -> None:
    source = [network] if ask is table else network
    with pytest.raises(SpecError, match="no spec can express"):
        ask(source)  # type: ignore[operator]  # one of two functions


def test_equal_networks_are_equal(network: Network) -> None:
    assert diff(network, network).equal


def test_others_are_compared_layer_by_layer(network: Network) -> None:
    differences = diff(network, "cifar/resnet20", "3x12x12")
    assert (differences.equal, differences.by_layer) == (False, True)
    assert differences.refused == "a"
    costs = [part.params for part in differences.parts]
    more = sum(after - before for before, after in costs)
    assert more == differences.totals["params"][1] - differences.totals["params"][0]


def test_one_more_layer_is_the_difference() -> None:
    network = UNSUPPORTED["branches in a branch"]
    last = Conv(in_channels=24, out_channels=8, kernel=1)
    longer = Network(network.input, (*network.layers, last))
    differences = diff(network, longer)
    (part,) = [part for part in differences.parts if part.keys]
    before, after = part.params
    assert after - before == 24 * 8


def test_the_size_of_a_layer_has_its_place() -> None:
    broken = Network(IMAGE, (CONV, BatchNorm(channels=9, eps=0.1, momentum=0.1)))
    with pytest.raises(SpecError) as caught:
        analyze(broken)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.layer == (1,)
    assert "at: layer 2" in str(caught.value)


@pytest.mark.parametrize("ask", [analyze, trace, layers, summary, recover])
@pytest.mark.parametrize(
    "layer",
    [
        Residual(body=Conv(in_channels=3, out_channels=4, kernel=1)),
        Linear(in_features=3, out_features=5),
        Parallel(()),
    ],
)
def test_sizes_that_do_not_fit_are_diagnostics(layer: Layer, ask: object) -> None:
    with pytest.raises(SpecError):
        ask(Network(IMAGE, (layer,)))  # type: ignore[operator]  # one of these functions


def test_transformers_refuses_what_it_does_not_have(network: Network) -> None:
    with pytest.raises(NamingError):
        leaf_names(network, "transformers")


def test_a_network_of_a_spec_is_named_as_the_spec_is() -> None:
    spec = load("resnet50")
    network = elaborate(spec)
    lines = [(line.path, line.stage, line.block) for line in trace(network).lines]
    assert lines == [(line.path, line.stage, line.block) for line in trace(spec).lines]


@pytest.mark.parametrize(
    "command",
    [
        "summary resnet50",
        "layers resnet50",
        "trace resnet50 --set stem.1.pad=0",
        "blocks resnet50",
        "table resnet18 resnet50",
        "check resnet18 resnet50",
        "diff resnet50 wide_resnet50_2",
        "diff resnet50 paper/resnet50",
        "diff cifar/resnet20 timm/resnet50d",
    ],
)
def test_a_command_elaborates_each_spec_once(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    elaborated: list[Spec] = []

    def counted(spec: Spec) -> Elaboration:
        elaborated.append(spec)
        return elaboration_of(spec)

    for module in (elaboration, resolve, network_spec, block_costs):
        monkeypatch.setattr(module, "elaboration_of", counted)
    assert CliRunner().invoke(main, command.split()).exit_code in {0, 1}
    shipped = set(zoo())
    sources = [word for word in command.split()[1:] if word in shipped]
    assert len([spec for spec in elaborated if spec.name]) == len(sources)


def test_a_vector_norm_is_refused_where_it_cannot_stand() -> None:
    classifier = Linear(in_features=8, out_features=2)
    network = Network(IMAGE, (CONV, AdaptivePool(), Flatten(), NORM, classifier))
    with pytest.raises(SpecError, match="a norm gets a flat vector of 8 features"):
        analyze(network)
