"""The text of a diagnostic: its line, its carets, its fix."""

from __future__ import annotations

from resnet_dsl.diagnostics import Diagnostic, Source, Span, nearest, render


def drawn(text: str, column: int, end: int) -> list[str]:
    span = Span(Source("a.yaml", text), 1, column, end)
    return render(Diagnostic(code="value", message="no good", span=span)).splitlines()


def test_carets_stand_under_wide_characters() -> None:
    _, _, line, carets = drawn("name: 日本 x", 10, 11)
    assert line == "1 | name: 日本 x"
    assert carets == "  |            ^"


def test_long_lines_are_cut_around_the_place() -> None:
    _, _, line, carets = drawn("a" * 300 + "HERE" + "b" * 300, 301, 305)
    start = carets.index("^")
    assert line[start : start + 4] == "HERE"
    assert len(line) < 110


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in "".join(drawn("a: \x1b[31m", 4, 5))


def test_the_nearest_word_is_one_that_resembles() -> None:
    assert nearest("ResNet-50", ["resnet50", "resnet101"]) == "resnet50"
    assert nearest("vgg", ["resnet50"]) is None
