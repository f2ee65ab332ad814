"""Specs: variants, places, and texts that are no specs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_dsl import Spec, SpecError, dump, dumps, load, loads
from resnet_dsl.diagnostics import Diagnostic, split_lines
from resnet_dsl.ir import Shape
from resnet_dsl.language.shipped import zoo_path
from resnet_dsl.language.spec import BatchNorm
from resnet_dsl.notation.printed import format_row
from resnet_dsl.reader import find_spec, read_text


def rows(spec: Spec) -> dict[str, list[str]]:
    return {name: [format_row(row) for row in stage.rows] for name, stage in spec.stages.items()}


BASE = """
name: base
input: 3x32x32
stem: ["3x3, 16"]
block: {norm: {kind: batch, eps: 0.001}, bias: true}
stages:
  a: "[[3x3, 16]] x 2"
  b: {rows: "[[3x3, 32]] x 2", stride: 1, output: 32x32}
head: [average pool, 10-d fc]
init: {zero_init_residual: true}
expect: {layers: 6}
"""


def variant(tmp_path: Path, text: str) -> Spec:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "variant.yaml").write_text(f"extends: base.yaml\n{text}")
    return load(tmp_path / "variant.yaml")


def test_a_variant_says_only_what_differs(tmp_path: Path) -> None:
    base, same = variant(tmp_path, ""), variant(tmp_path, "input: 3x64x64")
    assert same == replace(base, input=Shape(3, 64, 64))


def test_name_expect_and_output_are_not_inherited(tmp_path: Path) -> None:
    spec = variant(tmp_path, "")
    assert spec.name is None
    assert spec.expect.layers is None
    assert spec.stages["b"].output is None
    assert spec.init.zero_init_residual


def test_mappings_merge(tmp_path: Path) -> None:
    spec = variant(tmp_path, "block: {norm: {momentum: 0.01}}")
    assert spec.block.norm == BatchNorm(eps=0.001, momentum=0.01)
    assert spec.block.bias is True


def test_rows_and_lists_replace(tmp_path: Path) -> None:
    spec = variant(tmp_path, 'stages: {b: "[[3x3, 8]]"}\nhead: [average pool]')
    assert rows(spec) == {"a": ["[[3x3, 16]] x 2"], "b": ["[[3x3, 8]]"]}
    assert spec.stages["b"].stride == 1, "a row is short for a mapping with rows:"
    assert len(spec.head) == 1


def test_keys_join_a_stage_that_is_a_row(tmp_path: Path) -> None:
    spec = variant(tmp_path, "stages: {a: {shortcut: always}}")
    assert spec.stages["a"].shortcut == "always"
    assert rows(spec)["a"] == ["[[3x3, 16]] x 2"]


def test_null_removes_and_new_stages_are_appended(tmp_path: Path) -> None:
    spec = variant(tmp_path, 'stages: {a: null, c: "[[3x3, 8]]"}\nblock: {bias: null}')
    assert list(spec.stages) == ["b", "c"]
    assert spec.block.bias is None


def test_a_variant_of_a_variant(tmp_path: Path) -> None:
    variant(tmp_path, "input: 3x64x64")
    (tmp_path / "third.yaml").write_text("extends: variant.yaml\nhead: []")
    assert load(tmp_path / "third.yaml").input == (3, 64, 64)


def test_a_text_may_extend_the_zoo_only() -> None:
    assert loads("extends: resnet18").stages == load("resnet18").stages
    with pytest.raises(SpecError, match="can extend zoo names only"):
        loads("extends: base.yaml")


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "base.yaml").write_text(BASE)
    (inside / "link.yaml").symlink_to(tmp_path / "base.yaml")
    (inside / "spec.yaml").write_text("extends: link.yaml")
    with pytest.raises(SpecError, match="outside the spec's folder"):
        load(inside / "spec.yaml")


def test_cycles_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(SpecError, match=r"a\.yaml → b\.yaml → a\.yaml"):
        load(tmp_path / "a.yaml")


def test_bases_that_are_no_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for name, message in {
        "loop.yaml": "symbolic links",
        "a" * 300 + ".yaml": "too long",
        r"a\0.yaml": "not a spec of the zoo",
    }.items():
        (tmp_path / "spec.yaml").write_text(f'extends: "{name}"')
        with pytest.raises(SpecError, match=message):
            load(tmp_path / "spec.yaml")


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + ".yaml", "a\0", "a\0.yaml"])
def test_names_that_no_file_can_have_are_named(name: str) -> None:
    with pytest.raises(SpecError):
        load(name)


def test_faults_of_a_base_stand_in_the_base(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        variant(tmp_path, "stages: {a: {rows: '[[3x3, 15, C=2]]'}}\ninput: 5x5")
    (fault,) = caught.value.diagnostics
    assert str(fault.span) == f"{tmp_path / 'variant.yaml'}:3:8"


@pytest.mark.parametrize(
    ("text", "place", "marked"),
    [
        ('stages: {a: "[[3x3, 16, S=2]]"}', (1, 25), "S=2"),
        ("stages: {a: '[[3x3, 16, S=2]]'}", (1, 25), "S=2"),
        ('stages:\n  a:\n    - "[[3x3, 16]]"\n    - "[[3x3, 0]]"', (4, 15), "0"),
        ('stages: {a: {rows: "[[3x3, 16]]", stide: 1}}', (1, 35), "stide"),
        ("head:\n  - 3x3, 16\n  - nonsense", (3, 5), "nonsense"),
        ("block: {norm: {eps: small}}", (1, 21), "small"),
        ('stages: {a: "[[3x3, \\u0030]]"}', (1, 13), r'"[[3x3, \u0030]]"'),
        ("input: 3x0x4", (1, 8), "3x0x4"),
    ],
)
def test_faults_are_placed_to_the_character(text: str, place: tuple[int, int], marked: str) -> None:
    keys = {line.partition(":")[0] for line in text.splitlines()}
    rest = [
        line
        for line in BASE.splitlines()
        if line[:1].isalpha() and line.partition(":")[0] not in keys
    ]
    if "stages" not in keys:
        rest.append('stages: {a: "[[3x3, 16]]"}')
    rest = [line for line in rest if line != "stages:"]
    with pytest.raises(SpecError) as caught:
        loads("\n".join([text, *rest]))
    (fault,) = caught.value.diagnostics
    assert (fault.line, fault.column) == place
    assert fault.span is not None
    line = text.splitlines()[fault.span.line - 1]
    assert line[fault.span.column - 1 : fault.span.end - 1] == marked


@pytest.mark.parametrize("value", ["010", "off", "1:30", "0x10", "1_000", "12.5e"])
def test_words_that_yaml_readers_disagree_about_are_words(value: str) -> None:
    with pytest.raises(SpecError, match=f"'{value}' is not a whole number"):
        loads(f"extends: resnet18\nexpect: {{params: {value}}}")


def test_numbers_are_yaml_1_2() -> None:
    spec = loads("extends: resnet18\nblock: {norm: {eps: 1e-3, momentum: 1.}}")
    assert spec.block.norm == BatchNorm(eps=0.001, momentum=1.0)


def test_a_byte_order_mark_and_windows_line_ends_are_welcome(tmp_path: Path) -> None:
    source = tmp_path / "spec.yaml"
    source.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load(source).name == "base"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_lines_are_counted_as_yaml_breaks_them(end: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(f"extends: resnet18{end}# a comment{end}input: 3x3")
    (fault,) = caught.value.diagnostics
    assert (fault.line, fault.column) == (3, 8)


def test_a_spec_of_many_texts_is_read_in_no_time(tmp_path: Path) -> None:
    source = tmp_path / "spec.yaml"
    source.write_text("stem:\n" + '- "3x3, 8"\n' * 2_900)
    with pytest.raises(SpecError, match="'input', 'stages' and 'head' are missing"):
        load(source)


def test_a_name_means_the_zoo_and_a_suffix_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet18").write_text(BASE)
    (tmp_path / "mine").write_text(BASE)
    assert find_spec("resnet18") == zoo_path("resnet18")
    assert find_spec(Path("resnet18")) == Path("resnet18")
    assert load("mine").name == "base"
    with pytest.raises(SpecError, match=r"resnet18\.yaml: no such file"):
        load("resnet18.yaml")
    with pytest.raises(SpecError, match=r"did you mean 'resnet18'\?"):
        load("resnet-18")
    with pytest.raises(SpecError, match="is a directory"):
        load(str(tmp_path))
    with pytest.raises(SpecError, match=r"did you mean 'cifar/resnet20'\?"):
        load("cifar/resnet_20")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "spec.yaml"
    source.write_text("#" * 2_000_000)
    with pytest.raises(SpecError, match="larger than"):
        load(source)


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "timm/resnetv2_50d_evos"])
def test_dump_writes_what_load_reads(name: str, tmp_path: Path) -> None:
    dump(load(name), tmp_path / "spec.yaml")
    assert load(tmp_path / "spec.yaml") == load(name)
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


def test_dump_says_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file or directory"):
        dump(load("resnet18"), tmp_path / "nowhere" / "spec.yaml")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(SpecError, match="not a directory"):
        dump(load("resnet18"), tmp_path / "file" / "spec.yaml")
    with pytest.raises(SpecError, match="is a directory"):
        dump(load("resnet18"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_order_of_stages_counts() -> None:
    spec = load("resnet18")
    turned = replace(spec, stages=dict(reversed(spec.stages.items())))
    assert turned != spec
    assert dumps(turned) != dumps(spec)


SPEC = zoo_path("resnet50").read_text(encoding="utf-8")


@given(st.text(max_size=200))
def test_no_text_gives_a_traceback(text: str) -> None:
    assert_read_or_refused(text)


@given(st.data())
def test_no_damaged_spec_gives_a_traceback(data: st.DataObject) -> None:
    text = SPEC
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        piece = data.draw(st.text(" \n\t-:,[]{}|&*!#%@`'\"x×0123456789abcdeE.~<>?/=", max_size=6))
        text = text[:start] + piece + text[end:]
    assert_read_or_refused(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(
        ["stem", "block", "stages", "head", "init", "expect", "name", "input", "extends"]
    ),
    st.sampled_from(["{}", "{{norm: {}}}", "{{a: {}}}", "{{a: {{rows: {}, stride: 1}}}}"]),
    values,
)
def test_no_value_in_the_wrong_place_gives_a_traceback(key: str, form: str, value: object) -> None:
    import json

    source = [line for line in BASE.splitlines() if not line.startswith((key, " "))]
    source = [line for line in source if line != "stages:"]
    if key != "stages":
        source.append('stages: {a: "[[3x3, 16]]"}')
    assert_read_or_refused("\n".join([*source, f"{key}: {form.format(json.dumps(value))}"]))


def assert_read_or_refused(text: str) -> None:
    faults: tuple[Diagnostic, ...] = ()
    try:
        read_text(text)
    except SpecError as error:  # any other error is a traceback for the user
        faults = error.diagnostics
        str(error)
    for fault in faults:
        assert fault.line is not None
        assert 1 <= fault.line <= len(split_lines(text)) + 1
        assert fault.message
