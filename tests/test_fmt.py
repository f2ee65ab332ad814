"""Specs in canonical form: notation has one form; what is said stays, and how it is laid out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_dsl import Spec, SpecError, dumps
from resnet_dsl.reader import read, read_spec, read_text
from resnet_dsl.reader.layout import formatted
from tests.strategies import FEW, written_specs

EXAMPLES = Path(__file__).parent.parent / "examples"


def tidied(text: str) -> str:
    """The canonical form of a text; it says the same, and has itself as canonical form."""
    tidy = formatted(read_text(text))
    assert read(tidy) == read(text)
    assert formatted(read_text(tidy)) == tidy
    return tidy


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_are_in_canonical_form(path: Path) -> None:
    assert formatted(read_spec(path)) == path.read_text(encoding="utf-8")


@settings(max_examples=FEW)
@given(written_specs)
def test_a_spec_that_is_written_from_a_spec_is_in_canonical_form(spec: Spec) -> None:
    assert formatted(read_text(dumps(spec))) == dumps(spec)


class Sloppy:
    """An author who knows the notation, and says it otherwise."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def one_of(self, *texts: str) -> str:
        text: str = self.draw(st.sampled_from(texts))
        return text

    def layer(self, text: str) -> str:
        text = text.replace("max pool", self.one_of("max pool", "maxpool"))
        text = re.sub(r"^(\d+)-d fc$", self.one_of(r"\1-d fc", r"fc \1"), text)
        text = re.sub(r"(\d)x(\d)", rf"\1{self.one_of('x', '×', 'X', '*', ' x ', '×  ')}\2", text)
        text = text.replace(", /", self.one_of(", /", ",/ ", " , stride "))
        return text.replace(", ", self.one_of(", ", ",", " ,  "))

    def row(self, text: str) -> str:
        block, mark, count = re.findall(r"(.*\])(?:( x )(\d+))?", text)[0]
        layers = re.sub(r"(?<=\[)[^\[\]]+(?=\])", lambda actual: self.layer(actual[0]), block)
        if self.draw(st.booleans()) or "] + [" in layers:
            layers = layers.replace("], [", self.one_of("][", "];[", " ] [ "))
        else:
            layers = layers.replace("], [", "; ").replace("] | [", "|")
            layers = layers.replace("[[", "[").replace("]]", "]")
        return f"{layers}{mark and self.one_of(' x ', '×', ' * ')}{count}"

    def quoted(self, text: str, *, bare: bool) -> str:
        """A text as YAML, quoted in some way, on one line or on two."""
        if bare and self.draw(st.booleans()):
            return text
        where = self.draw(st.integers(0, text.count(" ")))
        pieces = text.split(" ")
        broken = " ".join(pieces[:where]) + "\n       " + " ".join(pieces[where:])
        folded = broken if where > 0 and self.draw(st.booleans()) else text
        return self.one_of(f"'{folded}'", f'"{folded}"', f'"{folded}"'.replace("×", r"\xd7"))

    def comment(self) -> str:
        return self.one_of("", "", "", " # as in [3×3,64], \t'Table 1'", "  #")

    def line(self, section: str, line: str) -> str:
        """A line of a canonical spec, said otherwise."""
        if section == "input":
            sizes = line.removeprefix("input: ").replace("x", self.one_of("×", "x", " X ", "*"))
            return "input: " + self.quoted(sizes, bare=True)
        if section in {"stem", "head"} and line.startswith("  - "):
            layer = self.layer(line.removeprefix("  - "))
            bracketed = self.draw(st.booleans())
            return "  - " + self.quoted(f"[{layer}]" if bracketed else layer, bare=not bracketed)
        if section == "stages" and '"[[' in line:
            start = line.index('"[[')
            return line[:start] + self.quoted(self.row(json.loads(line[start:])), bare=False)
        if section == "aux" and line.startswith(" "):
            block, _, layers = line.partition(": ")
            texts = [
                self.quoted(self.layer(text), bare="," not in text)
                for text in yaml.safe_load(layers)
            ]
            return f"{block}: [{', '.join(texts)}]"
        return line


@st.composite
def sloppy_specs(draw: st.DrawFn) -> tuple[str, str]:
    """A spec as somebody wrote it, and the same spec in canonical form."""
    author, section = Sloppy(draw), ""
    sloppy, tidy = [], []
    for line in dumps(draw(written_specs)).removesuffix("\n").split("\n"):
        if key := re.match(r"\w+", line):
            section = key[0]
        for between in draw(st.sampled_from([[], [], [], [""], ["# [3×3,64]"], ["", "    # x"]])):
            sloppy.append(between + author.one_of("", "  "))
            tidy.append(between)
        comment = author.comment()
        sloppy.append(author.line(section, line) + comment + author.one_of("", " ", "   "))
        tidy.append(line + comment)
    end = author.one_of("\n", "\r\n")
    return end.join(sloppy) + author.one_of(end, ""), end.join(tidy) + end


@settings(max_examples=FEW)
@given(sloppy_specs())
def test_a_sloppy_spec_gets_canonical_values_and_keeps_the_rest(sources: tuple[str, str]) -> None:
    sloppy, tidy = sources
    assert tidied(sloppy) == tidy


SPEC = """\
# ResNet-18, by hand  [3×3, 64]

name: "7×7,  64 "   # no layer, a name
input: '3 × 224 × 224' # "3×4"
stem: [ "7×7, 64, stride 2", &pool 3x3 maxpool, '2x2 avgpool'# two pools
      , *pool ]~~
block: {norm: batch, bias:   false}
stages:
  a:   &row
    - "[3\xd73, 64;
        3x3, 64] × 2"~~~
    # the last one
    - '[[3×3,64]]'
  b: {"rows":"[[1x1,8]]", 'output':'28×28', stride: 1}
  c: *row
  d:
    output: 14X14
    rows: >-
      [[3×3, 64],~~~
       [3×3, 64]]

head:
- average
  pool
- |   # kept
  fc 10~~~
""".replace("~", " ")


def test_only_the_texts_of_the_notation_change() -> None:
    assert tidied(SPEC).splitlines() == [
        "# ResNet-18, by hand  [3×3, 64]",
        "",
        'name: "7×7,  64 "   # no layer, a name',
        'input: 3x224x224 # "3×4"',
        'stem: [ "7x7, 64, /2", &pool 3x3 max pool, "2x2 average pool"# two pools',
        "      , *pool ]",
        "block: {norm: batch, bias:   false}",
        "stages:",
        "  a:   &row",
        '    - "[[3x3, 64], [3x3, 64]] x 2"',
        "    # the last one",
        '    - "[[3x3, 64]]"',
        """  b: {"rows":"[[1x1, 8]]", 'output':28x28, stride: 1}""",
        "  c: *row",
        "  d:",
        "    output: 14x14",
        "    rows: >-",
        "      [[3×3, 64],   ",
        "       [3×3, 64]]",
        "",
        "head:",
        "- average pool",
        "- |   # kept",
        "  fc 10   ",
    ]


VARIANT = "extends: resnet18\n"


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("stem: [&a '3×3, 8', *a]", 'stem: [&a "3x3, 8", *a]'),
        ("stem: [&a # as before\n  '3×3, 8', *a]", 'stem: [&a # as before\n  "3x3, 8", *a]'),
        ("head: &h [Flatten]\naux: {a.1: *h}", "head: &h [flatten]\naux: {a.1: *h}"),
        ("stages: {conv2_x: null, a: '[1x1,8]'}", 'stages: {conv2_x: null, a: "[[1x1, 8]]"}'),
        ("head: ['average pool' ,'softmax']", "head: [average pool ,softmax]"),
        ('head: ["Softmax"#c\n ]', 'head: ["softmax"#c\n ]'),
        ("head:\n-\n  Softmax\n- Flatten", "head:\n-\n  softmax\n- flatten"),
    ],
)
def test_texts_are_edited_where_they_stand(text: str, tidy: str) -> None:
    assert tidied(VARIANT + text) == VARIANT + tidy + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "name: &n Flatten\nhead: [*n]\n",
        'stages: {&n Softmax: "[[1x1, 8]]"}\nhead: [*n]\n',
        "stem: [&n '[3×3, 8]']\nstages: {conv2_x: *n}\n",
    ],
)
def test_a_text_that_an_alias_says_elsewhere_as_well_stays(text: str) -> None:
    assert tidied(VARIANT + text) == VARIANT + text


def test_a_spec_in_json_stays_json() -> None:
    source = '{"extends":"resnet18", "input":"3×64×64", "head":["avgpool", "fc 10"]}'
    assert json.loads(tidied(source)) == {
        "extends": "resnet18",
        "input": "3x64x64",
        "head": ["average pool", "10-d fc"],
    }


def test_ends_of_lines_stay_and_the_last_line_gets_one() -> None:
    assert tidied("extends: resnet18  \r\nhead: [Flatten]") == (
        "extends: resnet18\r\nhead: [flatten]\r\n"
    )
    assert tidied("extends: resnet18\rhead: []  # \u2028") == "extends: resnet18\rhead: []  #\u2028"
    name = "extends: resnet18\nname: |\n  mine"
    assert tidied(name) == name, "an end of line would be one of the name's"


@given(st.data())
def test_no_spec_is_broken(data: st.DataObject) -> None:
    text = SPEC
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        piece = data.draw(st.text(" \n\r\t-:,[]{}|&*!#%@`'\"x×0123abcE.>?/=\u2028", max_size=6))
        text = text[:start] + piece + text[end:]
    try:
        read(text)
    except SpecError:
        return
    tidy = tidied(text)
    comments = [line.rstrip(" \t") for line in text.splitlines() if line.lstrip().startswith("#")]
    assert set(comments) <= set(tidy.splitlines())
