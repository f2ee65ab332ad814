"""The core answers without torch, and the arrows between its modules point one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import resnet_dsl

HOUSE = Path(resnet_dsl.__file__).parent
MODULES = sorted(HOUSE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


WITHOUT_TORCH = """
import sys
for name in ("torch", "safetensors", "torchvision", "timm", "transformers", "numpy"):
    sys.modules[name] = None
from resnet_dsl import *
import resnet_dsl, importlib
for name in {modules!r}:
    importlib.import_module(name)
for name in zoo():
    spec = load(name)
    network = elaborate(spec)
    assert elaborate(recover(network)) == network
    assert loads(dumps(spec)) == spec
    assert analyze(network).params == spec.expect.params
try:
    build("resnet18")
except ImportError as error:
    assert "torch" in str(error)
else:
    raise SystemExit("build came without torch")
"""


def test_everything_but_build_works_without_torch() -> None:
    modules = [module_name(path) for path in MODULES if "pytorch" not in path.parts]
    modules = [name for name in modules if not name.endswith("__main__")]
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH.format(modules=modules)], check=True)


ANSWERS = """
import sys
for name in ("torch", "safetensors", "numpy", "rich"):
    sys.modules[name] = None
from resnet_dsl.cli import main
for words in (
    "summary resnet50",
    "layers resnet50",
    "trace resnet50",
    "table resnet50 resnet18",
    "blocks resnet50",
    "diff resnet50 resnet50",
    "fmt resnet50",
    "check resnet50",
    "zoo",
    "schema",
):
    try:
        main(words.split())
    except SystemExit as end:
        assert end.code == 0, words
"""


def test_answers_come_without_torch() -> None:
    subprocess.run([sys.executable, "-c", ANSWERS], check=True, stdout=subprocess.DEVNULL)


NEEDS = """
import sys
sys.modules["torch"] = None
from resnet_dsl.cli import main
main({words!r}.split())
"""


@pytest.mark.parametrize("words", ["build resnet18", "diff resnet18 torchvision:resnet18"])
def test_what_needs_torch_says_so(words: str) -> None:
    command = [sys.executable, "-c", NEEDS.format(words=words)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == ("error[install]: this needs torch\n  = help: pip install torch\n")


WITHOUT_PYDANTIC = """
import sys
for name in ("torch", "pydantic", "pydantic_core"):
    sys.modules[name] = None
from resnet_dsl import *
for name in zoo():
    assert loads(dumps(load(name))) == load(name)
"""


def test_pages_without_faults_are_read_without_pydantic() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_PYDANTIC], check=True)


# who may import whom: a part, and the parts of the package that it knows
LAYERS = {
    "ir": set(),
    "diagnostics": {"ir"},
    "files": {"diagnostics"},
    "folds": {"ir", "folds"},
    "notation": {"ir", "diagnostics", "notation"},
    "words": {"spec"},  # in a doctest
    "texts": {"ir", "notation", "words"},
    "spec": {"ir", "diagnostics", "notation", "texts", "words"},
    "schema": {"spec"},
    "zoo": set(),
    "reader": {
        *("ir", "diagnostics", "files", "notation", "spec", "texts", "words", "zoo", "reader"),
    },
    "elaborate": {"ir", "diagnostics", "folds", "notation", "spec", "elaborate"},
    "recover": {"ir", "diagnostics", "folds", "notation", "spec", "elaborate", "recover"},
    "lifted": {"ir", "reader", "report", "spec"},
    "checkpoint": {
        *("ir", "diagnostics", "folds", "notation", "spec", "reader", "elaborate", "recover"),
        *("zoo", "pages", "lifted", "checkpoint"),
    },
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_point_one_way(path: Path) -> None:
    part = path.relative_to(HOUSE).parts[0].removesuffix(".py")
    known = {name.split(".")[1] for name in imports(path) if name.startswith("resnet_dsl.")}
    if part in LAYERS:
        assert known <= LAYERS[part]
    if part not in {"cli", "__main__"}:
        assert "cli" not in known
    if part not in {"pytorch", "__init__", "cli"}:
        assert "pytorch" not in known
    outside = {name.split(".")[0] for name in imports(path)} - {"resnet_dsl"}
    if part != "pytorch":
        assert not outside & {"torch", "safetensors"}
    if part in {"ir", "folds"}:
        assert outside <= set(sys.stdlib_module_names)
    if part not in {"words", "texts", "spec", "schema", "reader"}:
        assert not outside & {"pydantic", "pydantic_core"}
    assert "yaml" not in outside or part == "reader"


def test_public_names_have_docstrings() -> None:
    for name in resnet_dsl.__all__:
        assert getattr(resnet_dsl, name).__doc__, name
