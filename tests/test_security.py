"""docs/security.md: what a spec and the package may not do."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from resnet_dsl import check
from resnet_dsl.diagnostics import render
from resnet_dsl.render.diagnostic_formats import as_github, as_json, as_sarif
from resnet_dsl.sources.resolve import check_text
from tests.command import run

ROOT = Path(__file__).parent.parent
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "subprocess", "socket"}
FORBIDDEN_CALLS = {("torch", "load"), ("os", "system"), ("yaml", "load"), ("joblib", "load")}


def test_no_dangerous_call_is_in_the_package() -> None:
    for path in (ROOT / "resnet_dsl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name)):
                    assert name not in FORBIDDEN_NAMES, path
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                    assert (module, name) not in FORBIDDEN_CALLS, path
                case ast.Import(names=names):
                    assert not {n.name.split(".")[0] for n in names} & FORBIDDEN_MODULES, path
                case ast.ImportFrom(module=str(module), names=names):
                    assert module.split(".")[0] not in FORBIDDEN_MODULES, path
                    assert not {(module, name.name) for name in names} & FORBIDDEN_CALLS, path
                case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                    raise AssertionError(path)


@pytest.mark.parametrize(
    "reference",
    ["../secret.yaml", "/etc/passwd", "inner/../../secret.yaml", "link.yaml", "folder/secret.yaml"],
)
def test_a_spec_reaches_no_file_outside_its_folder(reference: str, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("extends: resnet18\nname: secret\n")
    folder = tmp_path / "mine"
    (folder / "inner").mkdir(parents=True)
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "folder").symlink_to(tmp_path)
    path = folder / "a.yaml"
    path.write_text(f"extends: {json.dumps(reference)}\n")
    (fault,) = check(path)
    assert fault.code in {"extends", "unknown-spec"}
    assert "secret" not in fault.message.replace(reference, "")


ESCAPES = '"\\e[2J\\e]0;title\\a": 1\nextends: resnet18\n"a\\nb::error::c": 2\n'


def test_no_message_moves_the_cursor_or_adds_a_line() -> None:
    faults = check_text(ESCAPES, "\x1b[31ma.yaml")
    assert len(faults) == 2
    for fault in faults:
        assert "\x1b" not in render(fault)
        assert "\x07" not in render(fault)
        assert len(as_github([fault]).splitlines()) == 1
    assert json.loads(as_json(faults))[0]["file"] == "\x1b[31ma.yaml"
    assert "\x1b" not in as_json(faults) + as_sarif(faults)


def test_a_name_of_a_file_moves_no_cursor(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J.yaml"
    path.write_text("extends: resnet18\n")
    result = run("check", str(path))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\x1b" not in run("check", str(path.with_name("b\x1b[2J.yaml"))).stderr
