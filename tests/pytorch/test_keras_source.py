"""Emitted Keras source computes what the model does, with its weights."""

from __future__ import annotations

import ast
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import pytest
import torch
from hypothesis import given, settings

from resnet_dsl import Network, SpecError, analyze, build, elaborate, load, loads, source, zoo
from resnet_dsl.emission.keras_layers import KerasError
from resnet_dsl.emission.keras_source import keras_source
from resnet_dsl.folds.shape import takes_any_size
from resnet_dsl.integrations.keras import carry_weights
from resnet_dsl.language.spec import Init, Spec
from tests.pytorch.reference import image, shuffle_statistics
from tests.specs import chosen, of_each_kind
from tests.strategies import networks, specs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # numpy's, of Keras' arrays
NAMES = [name for name in zoo() if analyze(name).layers <= 300]
LARGEST = 150e6
"""Parameters: larger networks differ in their width alone, and take a minute each."""
SMALL = 64
"""The side of images for networks that take any."""

DEEP = 60
"""Layers: deeper networks with shuffled statistics amplify what is rounded. Of seresnet200d
outputs in float32 and in float64 differ by a third."""


def keras_model(text: str) -> Any:
    """The last class of a module that is made of a text."""
    module = sys.modules["emitted"] = ModuleType("emitted")
    exec(compile(text, "emitted.py", "exec"), module.__dict__)  # noqa: S102 - our own source
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return next(each for each in reversed(classes) if each.__module__ == "emitted")


def assert_same(of: str | Spec | Network, size: tuple[int, int, int], **options: Any) -> None:
    """Equal outputs with the weights of the model, up to how floats are added."""
    channels, height, width = size
    theirs = build(of, seed=0, **options).eval()
    if analyze(of).layers <= DEEP:
        shuffle_statistics(theirs)
    ours = keras_model(source(of, framework="keras", **options))()
    ours.build((None, height, width, channels))
    carried = carry_weights(theirs, ours)
    assert carried == len([each for each in ours.weights if "seed" not in each.path])
    x = image(2, *size)
    with torch.no_grad():
        expected = theirs(x)
        actual = ours(x.permute(0, 2, 3, 1), training=False)
    if actual.ndim == 4:
        actual = actual.permute(0, 3, 1, 2)
    difference = (actual - expected).abs().max()
    if analyze(of).layers <= DEEP:
        assert difference <= 1e-4
    elif difference > 1e-4 * max(1, expected.abs().max()):
        with torch.no_grad():
            rounded = (expected - theirs.double()(x.double())).abs().max()
        assert difference < 10 * rounded


@pytest.mark.parametrize("name", of_each_kind([n for n in NAMES if analyze(n).params < LARGEST]))
def test_outputs_are_those_of_the_model(name: str) -> None:
    network = elaborate(load(name))
    channels, *sides = network.input
    small = min(sides) > SMALL and takes_any_size(network)
    assert_same(name, (channels, SMALL, SMALL) if small else network.input)


@pytest.mark.parametrize(
    "name", chosen(["timm/resnetv2_50d_evos", "timm/resnetv2_50d_frn", "timm/resnetv2_50x1_bit"])
)
def test_names_are_timms(name: str) -> None:
    assert_same(name, (3, 64, 64), naming="timm")


_ODD = """
input: 3x37x41
stem: ["normalize, mean 0.5 0.4 0.3, std 0.2 0.2 0.2", "3x3, 8, /2", "3x3 max pool, /2, ceil"]
block: {norm: {kind: instance, affine: true}, activation: prelu}
stages:
  a: "[[3x3, 8], [3x3, 8], [se 4, max pool, norm], [spatial attention 7]] x 2"
  b: {rows: "[[3x3, 16], [3x3, 16, gelu_tanh]] x 2", projection: "average pool, 1x1"}
head: [2x2 average pool, flatten, 6-d fc, log softmax]
"""


def test_pools_at_odd_sizes_and_rare_layers() -> None:
    assert_same(loads(_ODD), (3, 37, 41))


@settings(max_examples=8)
@given(networks())
def test_any_network_has_source_or_is_refused(network: Network) -> None:
    _assert_same_or_refused(network, network.input)


@settings(max_examples=8)
@given(specs())
def test_any_spec_has_source_or_is_refused(spec: Spec) -> None:
    _assert_same_or_refused(spec, spec.input)


def _assert_same_or_refused(of: Spec | Network, size: tuple[int, int, int]) -> None:
    with suppress(KerasError):
        network = elaborate(of) if isinstance(of, Spec) else of
        keras_source(network, Init(), ["A network."])
        assert_same(of, size)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "extends: resnet18\nblock: {norm: {kind: batch, momentum: cumulative}}",
            "Keras has no batch norm that weighs all batches alike",
        ),
        (
            "extends: resnet18\nstem: ['7x7, 64, /2, dilation 2']\nexpect: null",
            "Keras has no convolution with a stride and a dilation",
        ),
    ],
)
def test_what_keras_cannot_compute_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        source(loads(text), framework="keras")
    assert [each.message for each in caught.value.diagnostics] == [message]


def test_a_model_trains_and_takes_other_classes() -> None:
    keras.utils.set_random_seed(0)
    model = keras_model(source("cifar/resnet20", framework="keras"))(num_classes=3)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = image(4, 3, 32, 32).permute(0, 2, 3, 1).numpy()
    labels = torch.tensor([0, 1, 2, 1]).numpy()
    losses = [float(model.train_on_batch(x, labels)) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert model.predict_on_batch(x).shape == (4, 3)
    statistics = model.bn1.moving_mean.numpy()
    assert abs(statistics).max() > 0


def test_weights_start_by_the_scheme() -> None:
    spec = loads("extends: cifar/resnet20\ninit: {zero_init_residual: true}")
    model = keras_model(source(spec, framework="keras"))()
    model.build((None, 32, 32, 3))
    first, second = model.layer1.layers[:2]
    assert not first.bn2.gamma.numpy().any()
    assert first.bn1.gamma.numpy().all()
    kernels = [block.conv1.kernel.numpy() for block in (first, second)]
    assert abs(kernels[0] - kernels[1]).max() > 0
    expected = (2 / (9 * 16)) ** 0.5  # He et al. 2015b, equation 14: of the outputs
    assert kernels[0].std() == pytest.approx(expected, rel=0.1)


def test_slopes_of_vectors() -> None:
    spec = loads(
        "extends: cifar/resnet20\nhead: [average pool, '9-d fc, prelu', 5-d fc]\nexpect: null"
    )
    assert_same(spec, (3, 32, 32))


def test_a_model_is_saved_and_opened(tmp_path: Path) -> None:
    kind = keras_model(source("cifar/resnet20", framework="keras"))
    model = kind(num_classes=3)
    model.build((None, 32, 32, 3))
    model.save(tmp_path / "model.keras")
    classes = vars(sys.modules[kind.__module__])
    own = {name: value for name, value in classes.items() if isinstance(value, type)}
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects=own)
    x = image(2, 3, 32, 32).permute(0, 2, 3, 1)
    with torch.no_grad():
        assert torch.equal(again(x, training=False), model(x, training=False))


def test_weights_go_to_the_same_layers_alone() -> None:
    small, large = build("cifar/resnet20", num_classes=3), build("cifar/resnet32")
    kind = keras_model(source("cifar/resnet20", framework="keras"))
    with pytest.raises(SpecError, match="the Keras model has no weights yet"):
        carry_weights(small, kind())
    model = kind()
    model.build((None, 32, 32, 3))
    before = [each.numpy().copy() for each in model.weights]
    for other, message in (
        (small, r"fc.weight is \(64, 3\), Keras' is \(64, 10\)"),
        (large, "the Keras model has no layer1.3.conv1.weight"),
        (build("cifar/resnet20", num_classes=0), "the Keras model has 2 more weights"),
        (model, "weights go from a model of build to a Keras model"),
    ):
        with pytest.raises(SpecError, match=message):
            carry_weights(other, model)
    assert all((each.numpy() == old).all() for each, old in zip(model.weights, before, strict=True))
    half = build("cifar/resnet20", dtype="bfloat16", seed=0)
    assert carry_weights(half, model) == len(model.weights)


# ---------------------------------------------------------------- files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("emitted")
    every = request.config.getoption("--exhaustive")
    for name in NAMES if every else NAMES[::12]:
        file = folder / f"{name.replace('/', '_').replace('-', '_')}.py"
        file.write_text(source(name, framework="keras"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", [88, 100])
def test_source_is_formatted_and_without_fault(files: Path, width: int) -> None:
    rules = "A,ARG,B,C4,E4,E7,E9,F,I,N,PIE,RET,RUF,SIM,UP,W"
    for words in (["format", "--check", f"--line-length={width}"], ["check", f"--select={rules}"]):
        command = [sys.executable, "-m", "ruff", words[0], "--isolated", *words[1:], str(files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a tool of this environment
        assert done.returncode == 0, done.stdout + done.stderr


def test_source_imports_keras_alone(files: Path) -> None:
    for file in files.iterdir():
        tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        imports = [n for n in tree if isinstance(n, ast.Import | ast.ImportFrom)]
        assert {ast.unparse(each) for each in imports} <= {
            "import keras",
            "from keras import layers, ops",
        }
