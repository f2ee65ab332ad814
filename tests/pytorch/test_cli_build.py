"""`resnet-dsl build`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from resnet_dsl import SpecError, build
from resnet_dsl.pytorch.loading import load_weights
from tests.command import run
from tests.pytorch.reference import assert_same_state


def test_build_prints_table_1() -> None:
    result = run("build", "resnet50")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["conv3_x", "28x28"] in [line[:2] for line in lines]
    assert "[[1x1, 128], [3x3, 128], [1x1, 512]] x 4" in result.stdout
    assert ["total", "50", "layers", "16", "25,557,032", "4,089,184,256"] in lines
    assert "one image on cpu" in result.stdout
    assert result.stdout.rstrip().endswith("1x1000")
    assert result.stderr == ""


def test_rows_stand_on_end_where_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("build", "output"):
        monkeypatch.setattr(f"resnet_dsl.cli.{module}.terminal_width", lambda: 80)
    printed = run("build", "resnet50", "--meta").stdout
    assert max(map(len, printed.splitlines())) <= 80
    lines = [line.split("  ") for line in printed.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["conv3_x", "28x28", "[[1x1, 128],", "4", "1,219,584", "1,027,604,480"] in cells
    assert ["[3x3, 128],"] in cells
    assert ["[1x1, 512]] x 4"] in cells
    assert max(map(len, printed.splitlines()[:-1])) <= 80


def test_build_speaks_json() -> None:
    actual = json.loads(run("build", "cifar/resnet20", "--json", "--meta").stdout)
    assert (actual["layers"], actual["params"], actual["macs"]) == (20, 269_722, 40_551_040)
    assert actual["input"] == [3, 32, 32]
    assert [part["name"] for part in actual["parts"]] == [
        "stem",
        "conv2_x",
        "conv3_x",
        "conv4_x",
        "head",
    ]
    assert sum(part["params"] for part in actual["parts"]) == 269_722
    assert actual["run"]["output"] == [1, 10]
    assert actual["run"]["device"] == "meta"


def test_weights_are_written_and_loaded(tmp_path: Path) -> None:
    file, copy = tmp_path / "a.safetensors", tmp_path / "b.pt"
    assert f"wrote {file}" in run("build", "cifar/resnet20", "--seed", 3, "-o", file).stdout
    assert run("build", "cifar/resnet20", "--weights", file, "-o", copy).exit_code == 0
    model = build("cifar/resnet20", init=False)
    load_weights(model, copy)
    assert_same_state(model, build("cifar/resnet20", seed=3))


def test_dtypes(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    assert run("build", "cifar/resnet20", "--dtype", "bfloat16", "-o", file).exit_code == 0
    assert torch.load(file)["fc.weight"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet5"], "did you mean 'resnet50'"),
        (["resnet18", "--device", "cuda:99"], "the device 'cuda:99' cannot be used"),
        (["resnet18", "--device", "toaster"], "the device 'toaster' cannot be used"),
        (["resnet18", "-o", "weights.txt"], "not a format of weights"),
        (["resnet18", "-o", "nowhere/w.pt"], "no such folder"),
        (["cifar/resnet20", "-o", "/proc/w.pt"], "/proc/w.pt: no such"),
        (["cifar/resnet20", "-o", "/proc/w.safetensors"], "/proc/w.safetensors: no such"),
        (["resnet18", "--weights", "nothing.pt"], "no such file"),
        (["resnet18", "--weights", "a" * 300 + ".pt"], "no such file"),
        (["resnet18", "--meta", "-o", "w.pt"], "--meta has no weights"),
        (["resnet18", "--dtype", "int8"], "--dtype"),
        (["resnet18", "--seed", "-1"], "--seed"),
    ],
)
def test_bad_input_is_a_diagnostic(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("build", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_network_larger_than_the_memory_is_a_diagnostic(tmp_path: Path) -> None:
    source = tmp_path / "huge.yaml"
    source.write_text(
        "input: 3x32x32\nstem: ['3x3, 1000000']\n"
        "stages: {a: '[[3x3, 1000000], [3x3, 1000000]] x 9'}\nhead: []"
    )
    result = run("build", source)
    assert result.exit_code == 2
    assert "do not fit the memory" in result.stderr
    assert run("build", source, "--meta").exit_code == 0


def test_misfitting_weights_are_named_on_stderr(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    run("build", "cifar/resnet20", "-o", file)
    result = run("build", "cifar/resnet32", "--weights", file)
    assert result.exit_code == 2
    assert (
        f"{file}: is cifar/resnet20 for 10 classes, not the network of the spec: conv2_x has "
        "[[3x3, 16], [3x3, 16]] x 3 in the file, [[3x3, 16], [3x3, 16]] x 5 in the spec"
    ) in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [("device", "nowhere"), ("dtype", "float12"), ("dtype", "int64"), ("naming", "keras")],
)
def test_invalid_arguments_of_build_are_diagnostics(option: str, value: str) -> None:
    with pytest.raises(SpecError, match=value):
        build("resnet18", **{option: value})  # type: ignore[arg-type]  # by name
    assert run("build", "resnet18", f"--{option}", value).exit_code == 2


def test_build_takes_a_dtype_by_name() -> None:
    assert next(build("resnet18", dtype="float16").parameters()).dtype == torch.float16
