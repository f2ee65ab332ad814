"""What `draw --diff` marks."""

from __future__ import annotations

import pytest

from resnet_dsl import Spec, draw, elaborate
from resnet_dsl.answers.diagrams import boxes_of
from resnet_dsl.ir import LayerPath
from resnet_dsl.sources.resolve import resolve
from tests.test_draw import assert_is_legible


def test_a_difference_marks_what_differs_alone() -> None:
    for style in ("figure3", "stages"):
        same = draw(["resnet50", "resnet50"], diff=True, style=style)
        assert [column.changed for column in same.columns] == [frozenset(), frozenset()]
    a, b = draw(["resnet50", "timm/resnet50d"], diff=True).columns
    assert set(a.changed or ()) == {
        LayerPath((i,)) for i in (0, 7, 11, 17)
    }  # the stem and three projections
    assert b.changed is not None
    assert len(b.changed) == 3 + 3
    roles = {shape.role for shape in draw(["resnet50", "timm/resnet50d"], diff=True).scene.shapes}
    assert {"equal", "changed", "changed-line"} <= roles
    assert not any(role.startswith("part-") for role in roles)


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (["block.norm=group"], "group norm, 32 groups"),
        (["block.activation=gelu"], "gelu"),
        (["drop_path=0.1"], "drop path 0.1"),
        (["block.order=pre"], "batch norm before, relu before"),
    ],
)
def test_a_difference_shows_layers_that_figures_leave_out(other: list[str], text: str) -> None:
    changed = elaborate(load_with("resnet50", other))
    a, b = draw(["resnet50", changed], diff=True, style="stages").columns
    assert a.changed
    assert b.changed
    texts = [line.text for group in b.groups for box in boxes_of(group.items) for line in box.lines]
    assert text in texts
    assert_is_legible(draw(["resnet50", changed], diff=True).scene)


def load_with(name: str, overrides: list[str]) -> Spec:
    """A shipped spec with settings."""
    spec = resolve(name, overrides).spec
    assert spec is not None
    return spec


def test_a_difference_is_marked_in_a_terminal() -> None:
    assert str(draw(["resnet50", "resnet50"], diff=True)).count("differs") == 0
    text = str(draw(["resnet50", "timm/resnet50d"], diff=True, style="stages"))
    assert text.count("differs") == 1 + 3 + 3 + 3
