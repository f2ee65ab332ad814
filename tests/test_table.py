"""Table 1 of the papers, printed from specs: what stands in it, and that each format is sound."""

from __future__ import annotations

import json
from math import floor
from pathlib import Path

import pytest

from resnet_dsl import Spec, analyze, load, loads
from resnet_dsl.answers.table_rows import PaperRow, PaperTable, item_text, table
from resnet_dsl.ir import Shape
from resnet_dsl.notation.parse_layer import parse_layer
from resnet_dsl.notation.parse_row import parse_row
from resnet_dsl.notation.printed import format_layer
from resnet_dsl.notation.terms import HeadLayer, Pool, Row
from resnet_dsl.render.table_cells import flops
from tests.command import run
from tests.tables import FIVE, MIXED, ROWS


def texts(row: PaperRow) -> list[list[str]]:
    """What each network has in a row, in the notation."""
    return [[item_text(item) for item in cell] for cell in row.cells]


def row(paper: PaperTable, layer: str, output: str) -> PaperRow:
    (actual,) = [row for row in paper.rows if (row.layer, row.output) == (layer, output)]
    return actual


# He et al. 2015, table 1
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


def test_a_network_without_a_name_is_called_by_its_file(tmp_path: Path) -> None:
    source = tmp_path / "mine.yaml"
    source.write_text('input: 3x8x8\nstem: ["3x3, 8"]\nstages: {a: "[[3x3, 8]]"}\nhead: []\n')
    assert table([str(source)]).networks == ("mine",)


def test_another_input_is_the_tables() -> None:
    actual = json.loads(run("table", "resnet18", "--input", "3x512x512", "--json").stdout)
    assert actual["inputs"] == [[3, 512, 512]]
    outputs = [row["output"] for row in actual["rows"]]
    assert outputs == ["256x256", "128x128", "64x64", "32x32", "16x16", "1x1"]


def test_columns_of_one_name_are_told_apart() -> None:
    names = ["resnet50", "timm/resnet50", "resnet18"]
    assert table(names).networks == tuple(names)
    assert table(names, titles={"timm/resnet50": "timm"}).networks == (
        "resnet50",
        "timm",
        "resnet18",
    )
