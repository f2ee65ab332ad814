"""The commands that need no torch, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from resnet_dsl import zoo
from resnet_dsl.cli import COMMANDS, main
from resnet_dsl.schema import json_schema
from resnet_dsl.zoo import zoo_path

REJECT = Path(__file__).parent / "reject"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_check_takes_names_and_files() -> None:
    result = run("check", "resnet50", str(zoo_path("cifar/resnet20")))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["resnet50: ok", f"{zoo_path('cifar/resnet20')}: ok"]


def test_check_says_all_errors_of_all_pages_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REJECT)
    result = run("check", "two-faults.yaml", "resnet50", "wrong-expect.yaml")
    assert result.exit_code == 2
    assert result.stdout == "resnet50: ok\n"
    heads = [line for line in result.stderr.splitlines() if ": error[" in line]
    places = [head.partition(" ")[0] for head in heads]
    assert places == [
        "two-faults.yaml:2:1:",
        "two-faults.yaml:6:38:",
        "wrong-expect.yaml:10:18:",
        "wrong-expect.yaml:10:30:",
        "wrong-expect.yaml:10:39:",
    ]
    assert result.stderr.endswith("2 of 3 pages cannot be used\n")


@pytest.mark.parametrize("page", sorted(REJECT.glob("*.yaml")), ids=lambda page: page.stem)
def test_every_broken_page_exits_with_2(page: Path) -> None:
    result = run("check", str(page))
    assert result.exit_code == 2
    assert "error[" in result.stderr
    assert "Traceback" not in result.stderr


def test_schema_prints_the_schema() -> None:
    assert json.loads(run("schema").stdout) == json_schema()


def test_zoo_lists_names() -> None:
    assert run("zoo").stdout.splitlines() == zoo()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"resnet-dsl {command}" in result.stdout.partition("Example:")[2]


def test_the_command_knows_its_version() -> None:
    assert run("--version").stdout.startswith("resnet-dsl 0.")


def test_unknown_names_suggest_the_nearest() -> None:
    result = run("check", "resnet5O")
    assert result.exit_code == 2
    assert "did you mean 'resnet50'?" in result.stderr


def test_no_colour_into_a_pipe() -> None:
    command = [sys.executable, "-m", "resnet_dsl", "check", "nowhere.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error[file]: nowhere.yaml: no such file")
    assert "\x1b" not in result.stderr
