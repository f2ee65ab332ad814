"""Every arrow has an inverse."""

from __future__ import annotations

import pytest
from hypothesis import given

from resnet_dsl import dumps, elaborate, ir, recover
from resnet_dsl.ir import Layer, Network
from resnet_dsl.language.spec import Spec
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer, format_row
from resnet_dsl.notation.terms import HeadLayer, Row, RowLayer
from resnet_dsl.reader import read
from tests.strategies import head_layers, networks, row_layers, rows, specs, written_specs


@given(rows)
def test_parse_is_the_inverse_of_format_for_rows(row: Row) -> None:
    assert parse_row(format_row(row)) == row


@given(row_layers | head_layers)
def test_parse_is_the_inverse_of_format_for_layers(layer: RowLayer | HeadLayer) -> None:
    assert parse_layer(format_layer(layer)) == layer


@given(written_specs)
def test_read_is_the_inverse_of_write(spec: Spec) -> None:
    source = dumps(spec)
    assert read(source) == spec
    assert dumps(read(source)) == source


@given(specs())
def test_recover_is_the_inverse_of_elaborate(spec: Spec) -> None:
    network = elaborate(spec)
    source = recover(network)
    assert elaborate(source) == network
    assert recover(elaborate(source)) == source


@given(networks())
def test_networks_put_together_by_hand_have_a_spec(network: Network) -> None:
    source = recover(network)
    assert elaborate(source) == network
    assert recover(elaborate(source)) == source


CONV = ir.Conv(in_channels=4, out_channels=4, kernel=1)
ACT = ir.Act("relu")


@pytest.mark.parametrize("a", [CONV, ir.Identity(), ir.Sequence((CONV, ACT))])
@pytest.mark.parametrize("b", [ACT, ir.Identity(), ir.Sequence((ACT, CONV))])
@pytest.mark.parametrize("c", [CONV, ir.Identity(), ir.Sequence((CONV, CONV))])
def test_sequence_is_a_monoid(a: Layer, b: Layer, c: Layer) -> None:
    assert ir.sequence(a, ir.sequence(b, c)) == ir.sequence(ir.sequence(a, b), c)
    assert ir.sequence(a, ir.Identity()) == ir.sequence(a) == ir.sequence(ir.Identity(), a)
