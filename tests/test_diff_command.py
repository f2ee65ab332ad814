"""`resnet-dsl diff`: what it prints, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_dsl import SpecError
from resnet_dsl.answers.differences import diff
from tests.command import run


def test_a_difference_is_printed_part_by_part() -> None:
    result = run("diff", "resnet50", "paper/resnet50")
    assert result.exit_code == 1
    assert result.stdout == (
        "resnet50 and paper/resnet50 differ\n"
        "\n"
        "all stages  stride_on: spatial → first\n"
        "conv3_x     MACs 1,027,604,480 → 950,534,144 (-77,070,336)\n"
        "conv4_x     MACs 1,464,336,384 → 1,387,266,048 (-77,070,336)\n"
        "conv5_x     MACs 809,238,528 → 732,168,192 (-77,070,336)\n"
        "\n"
        "total       layers                     50 →            50 (equal)\n"
        "            params             25,557,032 →    25,557,032 (equal)\n"
        "            MACs            4,089,184,256 → 3,857,973,248 (-231,211,008)\n"
        "            receptive field           427 →           483 (+56)\n"
    )
    assert result.stderr == ""


def test_rows_are_printed_one_below_the_other(tmp_path: Path) -> None:
    source = tmp_path / "tall.yaml"
    source.write_text("extends: resnet18\nstages: {conv6_x: '[[3x3, 512]]'}\n", encoding="utf-8")
    lines = run("diff", "resnet18", source).stdout.splitlines()
    assert f"conv6_x  only in {source}" in lines
    assert "         + [[3x3, 512]]" in lines
    assert "input       3x32x32 → 3x224x224\n" in run("diff", "cifar/resnet20", "resnet18").stdout


@pytest.mark.parametrize("pair", [("googlenet", "vgg16"), ("resnet50", "timm/resnetv2_50x1_bit")])
def test_lines_fit_100_columns(pair: tuple[str, str]) -> None:
    assert max(map(len, run("diff", *pair).stdout.splitlines())) <= 100


def test_json_has_every_difference() -> None:
    result = run("diff", "resnet50", "timm/resnet50d", "--json")
    assert result.exit_code == 1
    actual = json.loads(result.stdout)
    assert (actual["equal"], actual["a"], actual["b"]) == (False, "resnet50", "timm/resnet50d")
    shared, stem = actual["parts"]
    assert shared == {
        "name": "all stages",
        "keys": [{"key": "projection", "a": "1x1", "b": "average pool, 1x1"}],
        "params": [0, 0],
        "macs": [0, 0],
    }
    assert stem["keys"][0]["a"] == ["7x7, 64, /2", "3x3 max pool, /2"]
    assert actual["totals"]["layers"] == [50, 52]


def test_another_input_holds_for_both() -> None:
    assert run("diff", "resnet50", "resnet50", "--input", "3x256x256").exit_code == 0
    actual = json.loads(
        run("diff", "cifar/resnet20", "resnet18", "--input", "3x64x64", "--json").stdout
    )
    assert "input" not in [part["name"] for part in actual["parts"]]
    assert actual["totals"]["macs"][0] == 4 * (40_551_040 - 640) + 640  # all but the classifier


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet50", "resnet5O"), "did you mean 'resnet50'?"),
        (("no.yaml", "resnet50"), "no.yaml: no such file"),
        (("resnet50", "resnet18", "--input", "big"), "the input "),
        (("vgg16", "vgg16", "--input", "3x8x8"), "does not fit"),
    ],
)
def test_bad_input_is_no_difference(arguments: tuple[str, ...], message: str) -> None:
    result = run("diff", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_broken_spec_is_no_difference(tmp_path: Path) -> None:
    source = tmp_path / "wrong.yaml"
    source.write_text("extends: resnet18\nexpect: {layers: 19}\n", encoding="utf-8")
    assert run("diff", "resnet18", source).exit_code == 2
    with pytest.raises(SpecError):
        diff("resnet18", source)


def test_specs_are_compared_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from resnet_dsl.cli import main; "
        "main(['diff', 'resnet18', 'resnet34'])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1  # noqa: S603 - this interpreter
