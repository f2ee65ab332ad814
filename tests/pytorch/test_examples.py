"""The examples run, and do what they say."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_dsl import analyze, load

FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - this interpreter


def run_here(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """An example in this process, which has declared torchvision's operators."""
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(FOLDER / name), run_name="__main__")


def test_the_variant_says_only_what_differs() -> None:
    spec, base = load(FOLDER / "resnet50_cifar.yaml"), load("resnet50")
    assert spec.stages == base.stages
    assert analyze(spec).layers == 50


def test_the_round_trip_closes() -> None:
    assert "50 layers, 23,520,842 params" in run("round_trip.py")


def test_digits_train_for_a_few_steps() -> None:
    assert "test accuracy" in run("train_digits.py", "--steps", "3")


@pytest.mark.exhaustive
def test_digits_are_read() -> None:
    actual = re.search(r"test accuracy ([\d.]+)%", run("train_digits.py"))
    assert actual is not None
    assert float(actual[1]) > 95


def test_detectors_and_segmenters_have_gradients(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_here("detectors.py", monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["RetinaNet", "Faster R-CNN", "DeepLab v3"]
    for line in lines:
        lacks = line.startswith("Faster") and "torchvision lacks an operator" in line
        assert lacks or line.endswith("and its gradients"), line


def test_segmentation_models_take_specs_as_encoders(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_here("segment.py", monkeypatch)
    assert capsys.readouterr().out.count("(2, 3, 64, 96)") == 2


@pytest.mark.filterwarnings("ignore")  # Lightning's own, of workers and of torch's names
def test_lightning_trains_a_spec(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_here("lightning_digits.py", monkeypatch, "--epochs", "1")
    assert "test accuracy" in capsys.readouterr().out
