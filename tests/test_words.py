"""Plain data is read in two ways, by marks and by pydantic, and both must agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from resnet_dsl import Spec, dumps
from resnet_dsl.language.spec import BatchNorm, BlockKeys
from resnet_dsl.language.validation import DoubtError, take
from tests.strategies import written_specs

PYDANTIC = TypeAdapter(Spec)
ODD = [
    *(None, True, 0, 1, -1, 3.0, 0.5, 1e300, float("nan"), 10**20, "", "none", "batch", "x"),
    *("[[3x3, 8]]", "3x3, 8", "3x8x8", "8x8", "average pool", "4-d fc", "a.1", "a\n", [], {}),
    *([1], ["[[3x3, 8]]", 2], {"kind": "group"}, {"kind": "evonorm", "eps": 1}),
    *({"rows": "[[1x1, 1]]"}, {"eps": 1e-3, "momentum": 1}),
]


def by_marks(data: Any) -> Spec | None:
    try:
        return take(Spec, data)
    except DoubtError:
        return None


def by_pydantic(data: Any) -> Spec | None:
    try:
        return PYDANTIC.validate_python(data)
    except ValidationError:
        return None


@given(written_specs)
def test_both_read_what_can_be_written(spec: Spec) -> None:
    data = yaml.safe_load(dumps(spec))
    assert by_marks(data) == by_pydantic(data) == spec


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every mapping or list in plain data, with each key or index of it."""
    keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in list(keys):
        yield data, key
        yield from places(data[key])


@given(written_specs, st.data())
def test_what_marks_take_pydantic_takes_alike(spec: Spec, data: st.DataObject) -> None:
    page = yaml.safe_load(dumps(spec))
    holder, key = data.draw(st.sampled_from(list(places(page))))
    match data.draw(st.sampled_from(["value", "key", "gone"])):
        case "value":
            holder[key] = data.draw(st.sampled_from(ODD))
        case "key" if isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["norm", "kind", "stride", "a\n", "a.1", 3]))] = (
                data.draw(st.sampled_from(ODD))
            )
        case _:
            del holder[key]
    taken = by_marks(page)
    assert taken is None or repr(taken) == repr(by_pydantic(page))  # in repr 1 is not 1.0


@pytest.mark.parametrize(
    "data",
    [
        {"shortcut": "options"},
        {"bias": 1},
        {"norm": {"eps": 1.0}},
        {"norm": {"eps": float("nan")}},
        {"norm": {"kind": "group", "momentum": 0.1}},
        {"norm": {"kind": "group", "groups": True}},
        {"normal": "batch"},
        [],
    ],
)
def test_marks_leave_what_is_wrong_to_pydantic(data: object) -> None:
    with pytest.raises(DoubtError):
        take(BlockKeys, data)
    with pytest.raises(ValidationError):
        TypeAdapter(BlockKeys).validate_python(data)


PAGE: dict[str, Any] = {"input": "3x8x8", "stem": [], "stages": {"a": "[[3x3, 8]]"}, "head": []}


@pytest.mark.parametrize(
    "words",
    [
        {"stages": {}},
        {"stages": {"a": []}},
        {"stages": {"a\n": "[[3x3, 8]]"}},
        {"stages": {"a": {"rows": "[[3x3, 8]]", "stride": 65}}},
        {"aux": {"a.1\n": []}},
        {"drop_path": False},
        {"drop_path": 1},
        {"output_stride": True},
        {"init": {"zero_init_residual": 1}},
        {"expect": {"layers": 18.0}},
        {"name": 18},
        {"stem": "3x3, 8"},
        {"head": ["3x3, 8", 10]},
        {"stem": ["10-d fc"]},
    ],
)
def test_marks_leave_a_page_that_is_wrong_to_pydantic(words: dict[str, Any]) -> None:
    assert by_marks(PAGE) == by_pydantic(PAGE) is not None
    assert by_marks(PAGE | words) is None
    assert by_pydantic(PAGE | words) is None


def test_a_number_that_is_not_whole_is_left_to_pydantic() -> None:
    assert by_marks(PAGE | {"output_stride": 8.0}) is None
    assert by_marks(PAGE | {"output_stride": 8}) == by_pydantic(PAGE | {"output_stride": 8})


def test_whole_numbers_are_numbers_and_words_are_kinds() -> None:
    data = {"norm": {"eps": 0, "momentum": 1}}
    assert repr(take(BlockKeys, data)) == repr(TypeAdapter(BlockKeys).validate_python(data))
    assert take(BlockKeys, data).norm == BatchNorm(eps=0.0, momentum=1.0)
