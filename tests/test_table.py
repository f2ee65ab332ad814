"""Table 1 of the papers, printed from specs: what stands in it, and that each format is sound."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from math import floor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from resnet_dsl import Spec, analyze, load, loads
from resnet_dsl.ir import Shape
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.terms import HeadLayer, Pool, Row, format_layer
from resnet_dsl.render.json_data import json_data
from resnet_dsl.render.paper_table import typeset
from resnet_dsl.render.table_cells import flops
from resnet_dsl.report.table_rows import PaperRow, PaperTable, item_text, table
from tests.command import run


def texts(row: PaperRow) -> list[list[str]]:
    """What each network has in a row, in the notation."""
    return [[item_text(item) for item in cell] for cell in row.cells]


def row(paper: PaperTable, layer: str, output: str) -> PaperRow:
    (actual,) = [row for row in paper.rows if (row.layer, row.output) == (layer, output)]
    return actual


def basic(*repeats: int) -> list[str]:
    widths = zip((64, 128, 256, 512), repeats, strict=True)
    return [f"[[3x3,{width}],[3x3,{width}]] x {n}" for width, n in widths]


def bottleneck(*repeats: int) -> list[str]:
    widths = zip((64, 128, 256, 512), repeats, strict=True)
    return [f"[[1x1,{width}],[3x3,{width}],[1x1,{4 * width}]] x {n}" for width, n in widths]


# He et al. 2015, table 1
FIVE = ["resnet18", "resnet34", "paper/resnet50", "paper/resnet101", "paper/resnet152"]
ROWS = {
    18: basic(2, 2, 2, 2),
    34: basic(3, 4, 6, 3),
    50: bottleneck(3, 4, 6, 3),
    101: bottleneck(3, 4, 23, 3),
    152: bottleneck(3, 8, 36, 3),
}
OUTPUTS = {
    "conv1": "112x112",
    "conv2_x": "56x56",
    "conv3_x": "28x28",
    "conv4_x": "14x14",
    "conv5_x": "7x7",
    "": "1x1",
}
FLOPS = {18: 1.8e9, 34: 3.6e9, 50: 3.8e9, 101: 7.6e9, 152: 11.3e9}
# Xie et al. 2017, table 1, ResNeXt-50 (32x4d)
XIE = [
    "[[1x1,128],[3x3,128,C=32],[1x1,256]] x 3",
    "[[1x1,256],[3x3,256,C=32],[1x1,512]] x 4",
    "[[1x1,512],[3x3,512,C=32],[1x1,1024]] x 6",
    "[[1x1,1024],[3x3,1024,C=32],[1x1,2048]] x 3",
]


def test_the_five_networks_give_the_papers_table() -> None:
    paper = table(FIVE)
    conv1, *stages, head = paper.rows
    assert {row.layer: row.output for row in paper.rows} == OUTPUTS
    assert [row.layer for row in paper.rows] == list(OUTPUTS)
    for i, stage in enumerate(stages):
        assert stage.bands[-1] == tuple((parse_row(rows[i]),) for rows in ROWS.values())
    assert conv1.shared == (format_layer(parse_layer("7x7, 64, stride 2")),)
    assert stages[0].shared == (format_layer(parse_layer("3x3 max pool, stride 2")),)
    assert [stage.shared for stage in stages[1:]] == [(), (), ()]
    assert "average pool, 1000-d fc, softmax".startswith(", ".join(head.shared))
    assert conv1.bands == ((conv1.shared,),)
    assert head.bands == ((head.shared,),)


def test_the_papers_flops_are_ours_rounded_or_truncated() -> None:
    for macs, stated in zip(table(FIVE).macs, FLOPS.values(), strict=True):
        billions = macs / 1e9
        assert stated / 1e9 in {round(billions, 1), floor(billions * 10) / 10}


def test_resnext_has_its_papers_rows() -> None:
    paper = table(["resnext50_32x4d"])
    assert [row.cells[0][-1] for row in paper.rows[1:-1]] == [parse_row(text) for text in XIE]
    assert flops(paper.macs[0]) == ("4.23", "9")  # the paper: 4.2


MIXED = [
    ["resnet18", "googlenet", "vgg16", "alexnet", "lenet5"],
    ["resnet50", "cifar/resnet20", "cifar/preact_resnet110", "cifar/wrn28_10", "cifar/course"],
    ["timm/resnet50d", "timm/resnetrs50", "timm/resnetblur18", "timm/senet154"],
    ["timm/resnetv2_50x1_bit", "timm/ecaresnet50d_pruned", "resnet50", "resnet50"],
]


def read(text: str) -> HeadLayer | Row:
    return parse_row(text) if text.startswith("[") else parse_layer(text)


def bare(word: HeadLayer | Row) -> HeadLayer | Row:
    """A pool alone in a row is that pool."""
    match word:
        case Row(branches=((Pool() as pool,),), repeats=1):
            return pool
        case _:
            return word


@pytest.mark.parametrize("names", MIXED, ids="+".join)
def test_a_column_reads_as_its_spec(names: list[str]) -> None:
    paper = table(names)
    for i, name in enumerate(names):
        spec = load(name)
        rows = [row for stage in spec.stages.values() for row in stage.rows]
        shown = [read(text) for row in paper.rows for text in texts(row)[i]]
        assert shown == [bare(word) for word in (*spec.stem, *rows, *spec.head)]


@pytest.mark.parametrize("names", MIXED, ids="+".join)
def test_the_last_row_of_a_stage_has_its_output(names: list[str]) -> None:
    paper = table(names)
    for i, name in enumerate(names):
        last = {row.layer: row.output for row in paper.rows if texts(row)[i]}
        for stage in analyze(name).stages:
            assert isinstance(stage.output, Shape)
            assert last[stage.name] == f"{stage.output.height}x{stage.output.width}"


def test_stages_share_a_row_where_their_maps_agree() -> None:
    paper = table(["resnet18", "cifar/resnet20", "cifar/resnext29_8x64d"])
    assert [(row.layer, row.output) for row in paper.rows] == [
        ("conv1", "112x112"),
        ("conv2_x", "56x56"),
        ("conv1", "32x32"),
        ("conv2_x", "32x32"),
        ("conv3_x", "28x28"),
        ("conv3_x", "16x16"),
        ("conv4_x", "14x14"),
        ("conv4_x", "8x8"),
        ("conv5_x", "7x7"),
        ("", "1x1"),
    ]
    assert texts(row(paper, "conv1", "32x32")) == [[], ["3x3, 16"], ["3x3, 64"]]
    assert paper.rows[-1].shared == ("average pool",)
    assert paper.rows[-1].bands[-1] == (("1000-d fc",), ("10-d fc",), ("10-d fc",))


def plain(name: str, *stages: str) -> Spec:
    rows = ", ".join(f'{stage}: {{rows: "[[3x3, 8]]", stride: 1}}' for stage in stages)
    return loads(f"name: {name}\ninput: 3x8x8\nstem: []\nstages: {{{rows}}}\nhead: []\n")


def test_every_column_keeps_its_order_where_networks_disagree() -> None:
    paper = table([plain("one", "a", "b", "c"), plain("other", "b", "a", "d", "c")])
    columns = [[row.layer for row in paper.rows if row.cells[i]] for i in (0, 1)]
    assert columns == [["a", "b", "c"], ["b", "a", "d", "c"]]


def test_a_stem_is_conv1_and_its_last_pools_open_the_first_stage() -> None:
    paper = table(["resnet50", "timm/resnet50d", "timm/resnetblur18"])
    deep = ["3x3, 32, /2", "3x3, 32", "3x3, 64"]
    assert texts(row(paper, "conv1", "112x112")) == [["7x7, 64, /2"], deep, ["7x7, 64, /2"]]
    blurred = ["3x3 max pool, /1", "blur pool, /2", "[[3x3, 64], [3x3, 64]] x 2"]
    assert texts(row(paper, "conv2_x", "56x56"))[2] == blurred
    bit = table(["timm/resnetv2_50x1_bit"]).rows[1]
    assert texts(bit)[0][:2] == ["zero pad 1", "3x3 max pool, /2, pad 0"]


def test_a_stem_of_several_sizes_is_called_a_stem() -> None:
    paper = table(["googlenet"])
    pool = "3x3 max pool, /2, pad 0, ceil"
    assert texts(row(paper, "stem", "56x56")) == [[pool, "1x1, 64", "3x3, 192"]]
    assert texts(row(paper, "inception3", "28x28"))[0][0] == pool
    # and where a stage has the name: VGG's stages begin with conv1
    beside = table(["vgg16", "resnet18"])
    assert [row.layer for row in beside.rows if "7x7, 64, /2" in texts(row)[1]] == ["stem"]


def test_auxiliary_classifiers_and_final_norms_are_left_out() -> None:
    assert "1024-d fc" not in str(table(["googlenet"]))
    assert table(["cifar/preact_resnet110"]).rows[-1].shared == ("average pool", "10-d fc")


def test_matrices_stand_in_columns_of_their_own() -> None:
    paper = table(["resnet18", "resnet18"])
    assert paper.networks == ("resnet18", "resnet18")
    for stage, stated in zip(paper.rows[1:-1], ROWS[18], strict=True):
        assert stage.bands[-1] == ((parse_row(stated),),) * 2


def test_a_network_without_a_name_is_called_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "mine.yaml"
    source.write_text('input: 3x8x8\nstem: ["3x3, 8"]\nstages: {a: "[[3x3, 8]]"}\nhead: []\n')
    assert table([str(source)]).networks == (str(source),)


def test_another_input_is_the_tables() -> None:
    actual = json.loads(run("table", "resnet18", "--input", "3x512x512", "--json").stdout)
    assert actual["inputs"] == [[3, 512, 512]]
    outputs = [row["output"] for row in actual["rows"]]
    assert outputs == ["256x256", "128x128", "64x64", "32x32", "16x16", "1x1"]


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
    result = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=True)
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
        root = ElementTree.fromstring(printed)
        assert [child.tag for child in root] == ["thead", "tbody"]
        below = 0  # cells that a row above reaches down to here
        for line in root.iter("tr"):
            spans = [int(cell.get("colspan", 1)) for cell in line]
            assert sum(spans) + below == len(paper.networks) + 2
            below = sum(int(cell.get("rowspan", 1)) == 2 for cell in line)
        blocks = [item for row in paper.rows for cell in row.cells for item in cell]
        styles = [div for div in root.iter("div") if "border-width" in div.get("style", "")]
        assert len(styles) == sum(isinstance(block, Row) for block in blocks)
    names = [cell.text for cell in ElementTree.fromstring(typeset(strange(), "html")).iter("th")]
    assert names[2] == STRANGE


def test_json_has_stable_keys() -> None:
    actual: dict[str, Any] = json.loads(run("table", "resnet18", "cifar/resnet20", "--json").stdout)
    assert actual == json_data(table(["resnet18", "cifar/resnet20"]))
    assert list(actual) == ["networks", "inputs", "rows", "macs"]
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
        (["resnet18", "--input", "224"], "'224' is not a size"),
        (["resnet18", "--input", "1x224x224"], "1 channels come in, 3 are expected"),
        (["resnet18", "--format", "pdf"], "'pdf' is not one of"),
        ([], "Missing argument 'SPEC...'"),
    ],
)
def test_bad_input_exits_with_2(arguments: list[str], message: str) -> None:
    result = run("table", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
