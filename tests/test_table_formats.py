"""Table 1 as text, Markdown, LaTeX, CSV, HTML and JSON."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from resnet_dsl import analyze, loads
from resnet_dsl.answers.table_rows import PaperTable, table
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.terms import Row
from resnet_dsl.render.json_data import json_data
from resnet_dsl.render.paper_table import Format, typeset
from resnet_dsl.render.table_cells import flops
from tests.command import run
from tests.tables import FIVE, MIXED, ROWS


def test_flops_have_three_digits() -> None:
    assert flops(0) == ("0", "")
    assert flops(40_551_040) == ("40.6", "6")
    assert flops(999_999_999) == ("1.00", "9")


def test_text_stacks_blocks_as_the_paper_does() -> None:
    lines = run("table", "resnet18", "paper/resnet50").stdout.splitlines()
    assert [line.strip() for line in lines[4:8]] == [
        "conv2_x      56x56              3x3 max pool, stride 2",
        "⎡3x3, 64⎤ × 2    ⎡1x1, 64 ⎤",
        "⎣3x3, 64⎦        ⎢3x3, 64 ⎥ × 3",
        "⎣1x1, 256⎦",
    ]
    assert lines[2].split() == ["conv1", "112x112", "7x7,", "64,", "stride", "2"]
    assert lines[-1].split() == ["FLOPs", "1.81×10^9", "3.86×10^9"]
    assert lines[-3].split()[0] == "1x1"
    assert lines[5].index("⎡1x1") == lines[6].index("⎢3x3") == lines[7].index("⎣1x1")


def test_branches_stand_side_by_side() -> None:
    printed = run("table", "googlenet", "vgg16").stdout
    assert "⎡1x1, 64 │ 1x1, 96  │ 1x1, 16 │ 3x3 max pool, stride 1⎤\n" in printed
    assert "⎣        │ 3x3, 128 │ 3x3, 32 │ 1x1, 32               ⎦\n" in printed
    assert "[3x3, 64] × 2\n" in printed


@pytest.mark.parametrize("names", [FIVE, *MIXED], ids="+".join)
def test_lines_end_without_blanks_and_rules_are_the_widest(names: list[str]) -> None:
    for plain, rule in ((False, "─"), (True, "-")):
        lines = typeset(table(names), "text", plain=plain).splitlines()
        assert lines == [line.rstrip() for line in lines]
        rules = {line for line in lines if set(line) == {rule}}
        assert len(rules) == 1
        assert max(map(len, lines)) == len(*rules)


def test_a_layer_that_spans_narrow_columns_widens_the_last() -> None:
    source = 'input: 3x8x8\nstem: ["3x3, 8, dilation 1, pad 1, bias"]\nstages: {a: "[[3x3, 8]]"}\n'
    lines = typeset(table([loads(f"{source}head: []\n")] * 2), "text").splitlines()
    assert lines[2].endswith("3x3, 8, dilation 1, pad 1, bias")
    assert len(lines[2]) == len(lines[1])


def test_plain_text_is_ascii_and_says_where_a_block_ends() -> None:
    lines = typeset(table(["googlenet"]), "text", plain=True).splitlines()
    assert "\n".join(lines).isascii()
    blocks = [i for i, line in enumerate(lines) if "[1x1, 192 |" in line or "[1x1, 160 |" in line]
    assert [lines[i].strip() for i in range(blocks[0], blocks[1])][-1] == ""


@pytest.mark.parametrize(
    ("format", "encoding"), [("text", "ascii"), ("latex", "latin-1"), ("html", "ascii")]
)
def test_a_poor_terminal_gets_what_it_can_show(tmp_path: Path, format: str, encoding: str) -> None:
    source = tmp_path / "named.yaml"
    source.write_text("extends: resnet18\nname: 残差 é\n", encoding="utf-8")
    command = [sys.executable, "-m", "resnet_dsl", "table", "named.yaml", "--format", format]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "NO_COLOR": "1"}
    result = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=True)  # noqa: S603 - this interpreter
    printed = result.stdout.decode(encoding)
    if format == "text":
        assert "[3x3, 64] x 2" in printed
        assert "1.81x10^9" in printed
    assert ("&#27531;" if format == "html" else "??") in printed


STRANGE = r"a_b & 50% #1 {x} ~^\ $y$ <i>|`*c*"


def strange() -> PaperTable:
    source = f"extends: googlenet\nname: {json.dumps(STRANGE)}\n"
    return table([loads(source), "resnet18", "timm/resnet50d", "lenet5"])


def tables() -> Iterator[PaperTable]:
    yield strange()
    yield table(FIVE)
    yield table(["vgg16"])


def test_every_line_of_markdown_has_all_cells() -> None:
    for paper in tables():
        lines = typeset(paper, "markdown").splitlines()
        assert len(lines) == len(paper.rows) + 3
        for line in lines:
            assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == len(paper.networks) + 3
    both = typeset(table(["resnet18", "resnet34"]), "markdown").splitlines()
    assert both[2] == "| conv1 | 112x112 | 7x7, 64, stride 2 | 7x7, 64, stride 2 |"
    printed = typeset(strange(), "markdown")
    assert r"a_b \& 50% #1 {x} \~^\\ \$y\$ \<i>\|\`\*c\*" in printed
    assert r"[[1x1, 64] \|<br>[1x1, 96], [3x3, 128] \|<br>[1x1, 16], [3x3, 32] \|<br>" in printed
    assert "3x3 max pool, stride 2<br>[[3x3, 64],<br>[3x3, 64]] x 2" in printed


def test_latex_is_balanced_and_escaped() -> None:
    for paper in tables():
        printed = typeset(paper, "latex")
        bare = re.sub(r"\\[\\#$%&_{}]", "", printed)  # escaped marks, and ends of lines
        assert not re.search("[#%_~]", bare)
        assert bare.count("$") % 2 == 0
        depth = 0
        for brace in re.findall("[{}]", bare):
            depth += 1 if brace == "{" else -1
            assert depth >= 0
        assert depth == 0
        opened: list[str] = []
        for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", printed):
            if word == "begin":
                opened.append(name)
            else:
                assert opened.pop() == name
        assert opened == []
        assert printed.count(r"\left[") == printed.count(r"\right]")
        assert printed.isascii()


def test_every_row_of_latex_has_all_columns() -> None:
    for paper in tables():
        first, *lines, last = typeset(paper, "latex").splitlines()
        columns = len(paper.networks) + 2
        assert first == rf"\begin{{tabular}}{{{'|'.join('c' * columns)}}}"
        assert last == r"\end{tabular}"
        for line in lines:
            if line == r"\hline" or line.startswith(r"\cline"):
                continue
            assert line.endswith(r" \\")
            inner = re.compile(r"\\begin\{(array|tabular)\}(?:(?!\\begin\{).)*?\\end\{\1\}")
            while inner.search(line):
                line = inner.sub("", line)
            spans = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", line))
            assert len(re.findall(r"(?<!\\)&", line)) + spans == columns - 1


def test_latex_is_set_as_in_the_paper() -> None:
    printed = typeset(table(["resnet18", "resnet50"]), "latex")
    matrix = r"\mbox{3$\times$3, 64} \\ \mbox{3$\times$3, 64}"
    assert rf"$\left[\begin{{array}}{{c}}{matrix}\end{{array}}\right]\times 2$" in printed
    assert r"conv1 & 112$\times$112 & \multicolumn{2}{c}{7$\times$7, 64, stride 2} \\" in printed
    assert r" & 1$\times$1 & \multicolumn{2}{c}{average pool, 1000-d fc} \\" in printed
    assert r"\multicolumn{2}{c|}{FLOPs} & 1.81$\times$10$^{9}$ & 4.09$\times$10$^{9}$" in printed


def test_csv_has_the_rows_in_the_notation() -> None:
    printed = run("table", *FIVE, "--format", "csv").stdout
    head, conv1, *stages, last, costs = csv.reader(printed.splitlines())
    assert head == ["layer name", "output size", *table(FIVE).networks]
    assert conv1 == ["conv1", "112x112", *["7x7, 64, /2"] * 5]
    for i, (_, _, *cells) in enumerate(stages):
        rows = [cell.removeprefix("3x3 max pool, /2; ") for cell in cells]
        assert [parse_row(row) for row in rows] == [
            parse_row(stated[i]) for stated in ROWS.values()
        ]
    assert last == ["", "1x1", *["average pool; 1000-d fc"] * 5]
    assert costs == ["FLOPs", "", *(str(analyze(name).macs) for name in FIVE)]
    strangely = list(csv.reader(typeset(strange(), "csv").splitlines()))
    assert {len(line) for line in strangely} == {6}
    assert strangely[0][2] == STRANGE


def test_html_is_xml_and_fills_its_columns() -> None:
    for paper in tables():
        printed = typeset(paper, "html")
        assert printed.isascii()
        root = ElementTree.fromstring(printed)  # noqa: S314 - its own output
        assert [child.tag for child in root] == ["thead", "tbody"]
        below = 0  # cells that a row above reaches down to here
        for line in root.iter("tr"):
            spans = [int(cell.get("colspan", 1)) for cell in line]
            assert sum(spans) + below == len(paper.networks) + 2
            below = sum(int(cell.get("rowspan", 1)) == 2 for cell in line)
        blocks = [item for row in paper.rows for cell in row.cells for item in cell]
        styles = [div for div in root.iter("div") if "border-width" in div.get("style", "")]
        assert len(styles) == sum(isinstance(block, Row) for block in blocks)
    names = [cell.text for cell in ElementTree.fromstring(typeset(strange(), "html")).iter("th")]  # noqa: S314 - its own output
    assert names[2] == STRANGE


def test_json_has_stable_keys() -> None:
    actual: dict[str, Any] = json.loads(run("table", "resnet18", "cifar/resnet20", "--json").stdout)
    assert actual == json_data(table(["resnet18", "cifar/resnet20"]))
    assert list(actual) == ["networks", "inputs", "rows", "macs", "totals"]
    assert actual["networks"] == ["resnet18", "resnet20-cifar"]
    assert actual["inputs"] == [[3, 224, 224], [3, 32, 32]]
    assert actual["macs"] == [1_814_073_344, 40_551_040]
    assert actual["rows"][1] == {
        "layer": "conv2_x",
        "output": "56x56",
        "cells": [["3x3 max pool, /2", "[[3x3, 64], [3x3, 64]] x 2"], []],
        "shared": [],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet18", "resnet5O"], "did you mean 'resnet50'?"),
        (["resnet18", "--input", "x224"], "'x224' is not a size"),
        (["resnet18", "--format", "pdf"], "'pdf' is not one of"),
        ([], "Missing argument 'SPEC...'"),
    ],
)
def test_bad_input_exits_with_2(arguments: list[str], message: str) -> None:
    result = run("table", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_totals_have_rows_in_every_format() -> None:
    words = ("table", "resnet18", "resnet50", "--rows", "layers,params,receptive_field,macs")
    printed = run(*words, "--format", "csv").stdout.splitlines()[-4:]
    assert printed == [
        "layers,,18,50",
        "params,,11689512,25557032",
        "receptive field,,435,427",
        f"FLOPs,,{analyze('resnet18').macs},{analyze('resnet50').macs}",
    ]
    for format in ("text", "markdown", "latex", "html"):
        text = run(*words, "--format", format).stdout
        assert "receptive field" in text
        assert "25.6" in text


def test_several_sizes_have_a_row_each() -> None:
    words = ("table", "resnet50", "--input", "224", "--input", "288", "--rows", "macs,params")
    rows = run(*words, "--format", "csv").stdout.splitlines()
    assert rows[-3:] == [
        f"FLOPs at 224x224,,{analyze('resnet50').macs}",
        f"FLOPs at 288x288,,{analyze('resnet50', (3, 288, 288)).macs}",
        "params,,25557032",
    ]
    assert rows[1].startswith("conv1,112x112,")


def test_columns_have_titles() -> None:
    text = run("table", "resnet50", "resnet18", "--title", "resnet50=ResNet-50").stdout
    assert text.splitlines()[0].split()[-2:] == ["ResNet-50", "resnet18"]


def test_latex_floats_with_a_caption_and_a_label() -> None:
    words = ("table", "resnet18", "--format", "latex", "--caption", "Nets & 50% more")
    lines = run(*words, "--label", "tab:nets").stdout.splitlines()
    assert lines[:4] == [
        r"\begin{table*}",
        r"\centering",
        r"\caption{Nets \& 50\% more}",
        r"\label{tab:nets}",
    ]
    assert lines[-2:] == [r"\end{tabular}", r"\end{table*}"]


def test_a_page_of_html_stands_alone() -> None:
    words = ("table", "resnet18", "resnet50", "--format", "html", "--standalone")
    text = run(*words, "--caption", "Two <nets>").stdout
    assert text.startswith("<!DOCTYPE html>")
    assert "<caption>Two &lt;nets&gt;</caption>" in text
    assert text.isascii()
    assert "http" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--standalone", "--standalone with text"),
        ("--caption a", "--caption with text"),
        ("--label a --format html", "--label with html"),
        ("--label a{b --format latex", "'a{b' is not a label"),
        ("--rows flop", "'flop' is not a total"),
        ("--title resnet5=a", "'resnet5' is not a column"),
        ("--title resnet50", "'resnet50' is not a title"),
    ],
)
def test_what_a_format_has_not_is_refused(words: str, message: str) -> None:
    result = run("table", "resnet50", *words.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert "help:" in result.stderr


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html"])
def test_the_ratio_of_an_attention_is_no_stride(format: Format) -> None:
    source = (
        "{input: 3x32x32, stem: ['3x3, 16, /2'], head: [], stages: {a: '[[3x3, 16], [se /4]]'}}"
    )
    text = typeset(table([loads(source)]), format)
    assert "se /4" in text
    assert "stride 2" in text
