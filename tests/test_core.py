"""The core answers without torch, and the arrows between its modules point one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import resnet_dsl

PACKAGE = Path(resnet_dsl.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, anywhere in it."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(modules)


WITHOUT_TORCH = """
import sys
for name in ("torch", "safetensors", "torchvision", "timm", "transformers", "numpy"):
    sys.modules[name] = None
from resnet_dsl import *
import resnet_dsl, importlib
for name in {modules!r}:
    importlib.import_module(name)
for name in zoo()[::12]:
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
    heavy = {"pytorch", "onnx_files", "integrations"}
    modules = [module_name(path) for path in MODULES if not heavy & set(path.parts)]
    modules = [name for name in modules if not name.endswith("__main__")]
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH.format(modules=modules)], check=True)  # noqa: S603 - this interpreter


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
    "draw resnet50",
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
    subprocess.run([sys.executable, "-c", ANSWERS], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - this interpreter


NEEDS = """
import sys
sys.modules["torch"] = None
from resnet_dsl.cli import main
main({words!r}.split())
"""


@pytest.mark.parametrize("words", ["build resnet18", "diff resnet18 torchvision:resnet18"])
def test_what_needs_torch_says_so(words: str) -> None:
    command = [sys.executable, "-c", NEEDS.format(words=words)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - this interpreter
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == ("error[install]: this needs torch\n  = help: pip install torch\n")


WITHOUT_PYDANTIC = """
import sys
sys.modules["pydantic"] = None
from resnet_dsl import dumps, load, loads, zoo
for name in zoo()[:5]:
    assert loads(dumps(load(name))) == load(name)
"""


def test_specs_are_validated_by_the_core_of_pydantic_alone() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_PYDANTIC], check=True)  # noqa: S603 - this interpreter


# ---------------------------------------------------------------- floors

FLOORS = (
    ("ir", "diagnostics", "missing_libraries", "notation", "notebooks"),
    ("language", "reader", "weight_files"),
    ("folds", "naming", "elaboration", "recovery", "sources", "emission", "onnx_files"),
    ("answers", "checkpoint", "render", "exports"),
    ("pytorch", "integrations", "cli", "__init__", "__main__"),
)
"""From the ground up: a part uses those of its floor and below, in no circle, and none above."""


def part_of(name: str) -> str:
    """The folder or root module that a module belongs to."""
    steps = name.split(".")
    return steps[1] if len(steps) > 1 else "__init__"


def floor_of(part: str) -> int:
    return next(i for i, parts in enumerate(FLOORS) if part in parts)


def known_parts(path: Path) -> set[str]:
    """The other parts of the package that a file imports; of the root, its public functions."""
    names = {name for name in imports(path) if name.startswith("resnet_dsl.")}
    return {part_of(name) for name in names if (PACKAGE / part_of(name)).is_dir()} | {
        part_of(name) for name in names if (PACKAGE / f"{part_of(name)}.py").is_file()
    }


PARTS = {part for floor in FLOORS for part in floor}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    part = part_of(module_name(path))
    assert part in PARTS
    assert all(floor_of(known) <= floor_of(part) for known in known_parts(path))
    if part not in {"cli", "__main__"}:
        inside = {part_of(name) for name in imports(path) if name.startswith("resnet_dsl.")}
        assert inside <= PARTS, "only the command uses the public functions"


def test_no_parts_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {part: set() for part in PARTS}
    for path in MODULES:
        part = part_of(module_name(path))
        arrows[part] |= known_parts(path) - {part}
    while leaves := {part for part, targets in arrows.items() if not targets & set(arrows)}:
        arrows = {part: targets for part, targets in arrows.items() if part not in leaves}
    assert not arrows


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {module_name(path) for path in MODULES} - {"resnet_dsl"}
    arrows = {module_name(p): top_level(p) & names - {module_name(p)} for p in MODULES}
    while leaves := {name for name, targets in arrows.items() if not targets & set(arrows)}:
        arrows = {name: targets for name, targets in arrows.items() if name not in leaves}
    assert not arrows


def top_level(path: Path) -> set[str]:
    """The modules that a file imports when it is imported."""
    modules: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


OUTSIDE = {
    "torch": {"pytorch", "integrations"},
    "safetensors": {"pytorch", "integrations", "weight_files"},
    "yaml": {"reader"},
    "click": {"cli"},
    "jinja2": {"render"},
    "pypdfium2": {"render"},
    "reportlab": {"render"},
    "pydantic": {"language"},
    "pydantic_core": {"language"},
}
"""Who may import a library."""


@pytest.mark.parametrize("library", OUTSIDE)
def test_a_library_is_imported_in_one_part(library: str) -> None:
    users = {
        part_of(module_name(path))
        for path in MODULES
        if library in {name.split(".")[0] for name in imports(path)}
    }
    assert users <= OUTSIDE[library]


@pytest.mark.parametrize("part", ["ir", "folds", "naming"])
def test_networks_and_folds_import_the_standard_library_alone(part: str) -> None:
    paths = [path for path in MODULES if part_of(module_name(path)) == part]
    outside = {name.split(".")[0] for path in paths for name in imports(path)} - {"resnet_dsl"}
    assert outside <= set(sys.stdlib_module_names)


def test_no_folder_has_the_name_of_a_public_function() -> None:
    assert not PARTS & set(resnet_dsl.__all__)


def test_public_names_have_docstrings() -> None:
    for name in resnet_dsl.__all__:
        assert getattr(resnet_dsl, name).__doc__, name


@pytest.mark.parametrize("folder", [PACKAGE, Path(__file__).parent])
def test_files_stay_short(folder: Path) -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in folder.rglob("*.py")}
    assert not {path: length for path, length in lengths.items() if length > 350}


def test_functions_stay_short() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 40, f"{path}: {node.name} has {length} lines"
