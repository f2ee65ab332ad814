"""Rows: many ways to write them, one way to print them, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_options import NotationError
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer, format_row

FOLDER = Path(__file__).parent / "notation"


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("row", lines("identity.txt"))
def test_canonical_rows_print_as_they_are(row: str) -> None:
    assert format_row(parse_row(row)) == row


@pytest.mark.parametrize("line", lines("normal.txt"))
def test_sloppy_rows_print_in_one_form(line: str) -> None:
    sloppy, _, canonical = line.partition(" => ")
    assert format_row(parse_row(sloppy)) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("7x7 conv, 64, /2", "7x7, 64, /2"),
        ("[7x7, 64, stride 2]", "7x7, 64, /2"),
        ("3×3 max pool, /2", "3x3 max pool, /2"),
        ("average pool", "average pool"),
        ("Global Average Pooling", "average pool"),
        ("8x8 average pool", "8x8 average pool"),
        ("1000-d fc", "1000-d fc"),
        ("fc 1000", "1000-d fc"),
        ("1000-d 1x1 conv", "1000-d 1x1 conv"),
        ("10-d 1x1 conv, no bias", "10-d 1x1 conv, no bias"),
        ("Flatten", "flatten"),
        ("softmax", "softmax"),
        ("dropout 0.5", "dropout 0.5"),
    ],
)
def test_layers_of_stem_and_head(text: str, canonical: str) -> None:
    assert format_layer(parse_layer(text)) == canonical
    assert format_layer(parse_layer(canonical)) == canonical


@pytest.mark.parametrize(
    ("row", "at", "help"),
    [
        ("[[3x3, 64, S=2]]", "S=2", "a stride is written /2"),
        ("[[3x3, 64, groups=32]]", "groups=32", "a cardinality is written C=32"),
        ("[[3x3, 64, c=32]]", "c=32", "a cardinality is written C=32"),
        ("[[3x3, 64, p=1]]", "p=1", "a padding is written pad 1"),
        ("[[3x3, 64, d=2]]", "d=2", "a dilation is written dilation 2"),
        ("[[3x3, 64, 64]]", "64", "options are"),
        ("[[3x3, 64]] 3", "3", '"] x 3"'),
        ("[[3x3, 64]] x", "x", '"] x 3"'),
        ("[[3x3, 64]] y 3", "y 3", '"] x 3"'),
        ("[[3x3, 64]] x 3 x 4", "x 4", "a row has one repeat count"),
        ("[[3x3, 64]", "", "close the block"),
        ("3x3, 64", "3x3, 64", "like"),
        ("[]", "]", "like"),
        ("[[3x3, 64],]", "]", "a layer is written"),
        ("[[3x3, 64]|]", "]", "like"),
        ("[[3x3, 64, /2, stride 2]]", "stride 2", "give it once"),
        ("[[3x3 max pool, C=2]]", "C=2", "it takes stride, pad, ceil"),
        ("[[3x3, 64, ceil]]", "ceil", "it takes C, stride"),
        ("[[3x3 max pool, pad 2]]", "3x3 max pool, pad 2", "at most 1"),
        ("[[3x3 maks pool, /2]]", "3x3 maks pool", "a layer is written"),
        ("[[3x3, 64], [blur pool]]", "blur pool", "write blur pool, /2"),
        ("[[3x3, 64], [eca 4]]", "eca 4", "its kernel is odd"),
        ("[[3x3, 64], [se]]", "se", "write se 16"),
        ("[[dropout 1]]", "dropout 1", "a probability below 1"),
        ("[[softmax]]", "softmax", "under head:"),
        ("[[8-d 1x1 conv]]", "8-d 1x1 conv", "in a row write 1x1, 8"),
    ],
)
def test_slips_are_named_at_their_place(row: str, at: str, help: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_row(row)
    start, end = caught.value.at or (0, 0)
    assert row[start:end] == at
    assert help in (caught.value.help or "")


@pytest.mark.parametrize("zero", ["[[0x0, 8]]", "[[3x3, 0]]", "[[3x3, 8, /0]]", "[[3x3, 8, C=0]]"])
def test_nothing_counts_zero(zero: str) -> None:
    with pytest.raises(NotationError):
        parse_row(zero)


@pytest.mark.parametrize(
    "layer", ["\u017foftmax", "\u017fe 16", "3x3, 64, bia\u017f", "\u0663x\u0663, 64"]
)
def test_letters_that_only_look_alike_are_no_words(layer: str) -> None:
    with pytest.raises(NotationError):
        parse_layer(layer)


def test_layers_know_where_they_stand() -> None:
    text = "[[1x1, 64] , [3x3, 64,  C=2]] x 2"
    first, second = parse_row(text).layers
    assert text[slice(*first.at)] == "1x1, 64"
    assert text[slice(*second.at)] == "3x3, 64,  C=2"
