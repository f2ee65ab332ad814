"""The commands that need no torch, as a user runs them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_dsl import zoo
from resnet_dsl.cli import COMMANDS
from resnet_dsl.language.json_schema import schema
from resnet_dsl.language.shipped import zoo_path
from tests.command import run

REJECT = Path(__file__).parent / "reject"
COMMAND = [sys.executable, "-m", "resnet_dsl"]


def test_check_takes_names_and_files() -> None:
    result = run("check", "resnet50", str(zoo_path("cifar/resnet20")))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["resnet50: ok", f"{zoo_path('cifar/resnet20')}: ok"]


def test_check_says_all_errors_of_all_specs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert result.stderr.endswith("2 of 3 specs have errors\n")


@pytest.mark.parametrize("source", sorted(REJECT.glob("*.yaml")), ids=lambda source: source.stem)
def test_every_broken_spec_exits_with_2(source: Path) -> None:
    result = run("check", "--strict", str(source))
    assert result.exit_code == 2
    assert "error[" in result.stderr
    assert "Traceback" not in result.stderr


def test_schema_prints_the_schema() -> None:
    assert json.loads(run("schema").stdout) == schema()


def test_zoo_lists_names() -> None:
    assert run("zoo", "--names").stdout.splitlines() == zoo()


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
    result = subprocess.run(  # noqa: S603 - this interpreter
        [*COMMAND, "check", "nowhere.yaml"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error[file]: nowhere.yaml: no such file")
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(("variable", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal_unless_it_is_refused(
    variable: dict[str, str], coloured: bool
) -> None:
    known = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    terminal, stderr = pty.openpty()
    command = [*COMMAND, "check", "nowhere.yaml"]
    subprocess.run(command, stderr=stderr, env={**known, **variable}, check=False)  # noqa: S603 - this interpreter
    os.close(stderr)
    assert (b"\x1b[31m" in os.read(terminal, 4096)) is coloured
    os.close(terminal)


@pytest.mark.parametrize(
    "arguments", [["zoo"], ["--help"], ["trace", "--help"], ["trace", "resnet152"]]
)
def test_a_pipe_that_closes_early_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([*COMMAND, *arguments], stdout=writer, stderr=subprocess.PIPE)  # noqa: S603 - this interpreter
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_a_diagnostic() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*COMMAND, "zoo"], stdout=full, stderr=subprocess.PIPE, text=True)  # noqa: S603 - this interpreter
    assert result.returncode == 2
    assert result.stderr.startswith(
        "error[file]: the output cannot be written: no space left on device\n  = help: make room"
    )


def test_an_interrupt_is_no_difference() -> None:
    code = """
from resnet_dsl.cli import main
from resnet_dsl.sources import resolve
def interrupted(*_):
    raise KeyboardInterrupt
resolve.resolve = interrupted
main(["check", "resnet18"])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: S603 - this interpreter
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_a_terminal_without_the_characters_gets_others() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [*COMMAND, "summary", "resnet18"]
    result = subprocess.run(command, capture_output=True, env=environment, check=True)  # noqa: S603 - this interpreter
    assert result.stdout.decode("ascii").splitlines()[1].strip("-") == ""


def test_rules_are_as_long_as_the_terminal_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_dsl.cli.output.terminal_width", lambda: 60)
    lines = run("trace", "resnet18").stdout.splitlines()
    assert max(map(len, lines)) > 60
    assert {len(line) for line in lines if set(line) == {"─"}} == {60}


def completed(*words: str) -> list[str]:
    environment = {
        **os.environ,
        "_RESNET_DSL_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["resnet-dsl", *words]),
        "COMP_CWORD": str(len(words)),
    }
    code = "from resnet_dsl.cli import main; main(prog_name='resnet-dsl')"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)  # noqa: S603 - this interpreter
    return result.stdout.splitlines()


def test_shells_complete_commands_options_and_names_of_the_zoo() -> None:
    assert completed("su") == ["plain,summary"]
    assert completed("summary", "--in") == ["plain,--input"]
    assert completed("summary", "cifar/resnet1") == [
        "plain,cifar/resnet110",
        "plain,cifar/resnet1202",
        "file,cifar/resnet1",
    ]


WITHOUT = """
import sys
missing = sys.argv[1]
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from resnet_dsl.__main__ import main
sys.argv[:2] = ["resnet-dsl"]
main()
"""


@pytest.mark.parametrize(
    ("module", "command", "install"),
    [
        ("click", "zoo", "click"),
        ("yaml", "check resnet18", "pyyaml"),
        ("yaml", "fmt a.yaml", "pyyaml"),
        ("pydantic_core", "summary resnet18", "pydantic"),
        ("pydantic", "schema", "pydantic"),
        ("torch", "build resnet18", "torch"),
    ],
)
def test_a_missing_library_is_named_with_what_installs_it(
    module: str, command: str, install: str
) -> None:
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", WITHOUT, module, *command.split()], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stdout == ""
    expected = f"error[install]: this needs {module}\n  = help: pip install {install}\n"
    assert result.stderr == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sumary", "resnet18"], "Did you mean 'summary'?"),
        (["validate", "resnet18"], "Did you mean 'check'?"),
        (["resnet18"], "resnet18 is a spec: resnet-dsl summary resnet18"),
        (["mine.yaml"], "mine.yaml is a spec: resnet-dsl summary mine.yaml"),
        (["summary", "resnet18", "--inptu", "32"], "Did you mean '--input'?"),
        (["summary", "resnet18", "—json"], "write --json"),
    ],
)
def test_a_command_or_option_that_is_meant_is_named(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
