"""The examples run, and do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_dsl import analyze, load

FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - this interpreter


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
