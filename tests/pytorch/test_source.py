"""Emitted source is the model: keys, first weights, outputs. It imports torch alone, is formatted
and typed, and lifts back to its spec."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from warnings import catch_warnings

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from resnet_dsl import Network, analyze, build, elaborate, lift, load, loads, source, zoo
from resnet_dsl.language.spec import Spec
from resnet_dsl.recovery import recover
from tests.pytorch.reference import image
from tests.specs import of_each_kind
from tests.strategies import networks, specs

NAMES = [name for name in zoo() if analyze(name).layers <= 300]


def network_class(text: str) -> type[nn.Module]:
    """The last class of a module that is made of a text."""
    module = ModuleType("emitted")
    exec(compile(text, "emitted.py", "exec"), module.__dict__)  # noqa: S102 - our own source
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return next(each for each in reversed(classes) if each.__module__ == "emitted")


def drawn(text: str) -> nn.Module:
    """The network of a text, with weights that are drawn from the seed 0."""
    torch.manual_seed(0)
    return network_class(text)()


def assert_same(text: str, of: Spec | Network | str, size: tuple[int, ...]) -> None:
    """Keys in order, weights of the seed, outputs in evaluation and in training."""
    theirs, ours = build(of, seed=0), drawn(text)
    expected, actual = theirs.state_dict(), ours.state_dict()
    assert list(actual) == list(expected)
    assert all(torch.equal(actual[key], expected[key]) for key in expected)
    x = image(2, *size)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
        assert all(map(torch.equal, in_training(ours, x), in_training(theirs, x)))


def in_training(model: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """What a model gives in training, with draws of the seed 0."""
    torch.manual_seed(0)
    output = model.train()(x)
    return output if isinstance(output, tuple) else (output,)


@pytest.mark.parametrize("name", of_each_kind(NAMES))
def test_source_is_the_model(name: str) -> None:
    network = elaborate(load(name))
    channels, height, width = network.input
    deep = analyze(network).layers > 60 and height > 96
    assert_same(source(name), name, (channels, 96, 96) if deep else (channels, height, width))


@pytest.mark.parametrize("name", of_each_kind(NAMES))
def test_source_lifts_back_to_its_spec(name: str) -> None:
    network = elaborate(load(name))
    lifted = lift(network_class(source(name))(), network.input)
    assert lifted.network == network
    assert lifted.spec == recover(network)


@settings(max_examples=25)
@given(networks())
def test_source_of_any_network_is_the_model(network: Network) -> None:
    assert_same(source(network), network, network.input)


@settings(max_examples=15)
@given(specs())
def test_source_of_any_spec_is_the_model(spec: Spec) -> None:
    assert_same(source(spec), spec, spec.input)


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "timm/resnetv2_50d_evos"])
def test_source_can_be_scripted(name: str, tmp_path: Path) -> None:
    """torch.jit.script reads the file of a class, and no program of steps as `build` makes."""
    file = tmp_path / "scripted.py"
    file.write_text(source(name), encoding="utf-8")
    spec = spec_from_file_location("scripted", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    model = (module.PlainNet if name == "googlenet" else module.ResNet)().eval()
    x = image(1, *load(name).input)
    with torch.no_grad(), catch_warnings(action="ignore"):
        assert torch.equal(torch.jit.script(model)(x), model(x))


@pytest.mark.parametrize("name", ["timm/resnetv2_50d_evos", "timm/seresnetaa50d", "resnet18"])
def test_modules_are_named_as_timm_names_them(name: str) -> None:
    torch.manual_seed(0)
    ours = network_class(source(name, naming="timm"))().state_dict()
    theirs = build(name, naming="timm", seed=0).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize(
    "name", ["resnet18", "googlenet", "vgg11", "timm/resnetv2_50x1_bit", "cifar/resnet20"]
)
def test_classes_and_channels_are_arguments(name: str) -> None:
    channels, height, width = load(name).input
    kind = network_class(source(name))
    model = kind(num_classes=7, in_channels=5).eval()
    assert model(image(1, 5, height, width)).shape[1] == 7
    assert channels == 3
    assert "num_classes: int = 10" in source(name)


def test_images_that_are_normalized_have_their_channels() -> None:
    """The numbers are of three channels."""
    spec = loads(NORMALIZED)
    assert "in_channels: int = 3" not in source(spec)
    assert "num_classes: int = 10" in source(spec)
    assert_same(source(spec), spec, spec.input)


NORMALIZED = """
input: 3x32x32
stem: ["normalize, mean 0.5 0.4 0.3, std 0.2 0.2 0.2", "3x3, 16"]
stages: {a: "[[3x3, 16], [3x3, 16]] x 2"}
head: [average pool, 10-d fc]
"""


# ---------------------------------------------------------------- files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("emitted")
    every = request.config.getoption("--exhaustive")
    for name in NAMES if every else NAMES[::18]:
        text = source(name)
        file = folder / f"{name.replace('/', '_').replace('-', '_')}.py"
        file.write_text(text, encoding="utf-8")
    return folder


def tool(*words: object) -> str:
    """What a tool prints; it ends well."""
    done = subprocess.run(  # noqa: S603 - tools of this environment
        [sys.executable, "-m", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_source_imports_torch_alone(files: Path) -> None:
    for file in files.iterdir():
        imports = [
            node
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert {ast.unparse(each) for each in imports} <= {
            "import torch",
            "from torch import Tensor, nn",
        }


@pytest.mark.parametrize("width", [88, 100])
def test_source_is_formatted(files: Path, width: int) -> None:
    tool("ruff", "format", "--isolated", "--check", f"--line-length={width}", files)


def test_source_has_no_fault_for_ruff(files: Path) -> None:
    rules = "A,ARG,B,C4,E4,E7,E9,F,I,N,PIE,RET,RUF,SIM,UP,W"
    tool("ruff", "check", "--isolated", f"--select={rules}", files)


@pytest.mark.exhaustive
def test_source_has_types(files: Path) -> None:
    tool("mypy", "--strict", "--cache-dir", files.parent / "cache", files)


@pytest.mark.parametrize("name", ['"x', "back\\", '"""', 'x\\"""', "ü →"])
def test_a_name_cannot_end_the_docstring(name: str) -> None:
    tree = ast.parse(source(replace(load("cifar/resnet20"), name=name)))
    assert (ast.get_docstring(tree) or "").startswith(f"{name} for images of 3x32x32.")
    assert [type(each).__name__ for each in tree.body[1:3]] == ["Import", "ImportFrom"]
