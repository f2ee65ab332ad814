"""Built models are ordinary PyTorch: they copy, pickle, compile, export and trace."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.feature_extraction import create_feature_extractor

from resnet_dsl import build, elaborate, load
from resnet_dsl.pytorch.modules import Net
from tests.pytorch.reference import assert_same_state, image, reference

NAMES = ["resnet18", "resnet50", "cifar/resnet20", "paper/plain18"]


def small(name: str) -> tuple[Net, torch.Tensor]:
    return build(name, seed=0).eval(), image(2, 3, 64, 64)


@pytest.mark.parametrize("name", NAMES)
def test_models_copy_and_pickle(name: str) -> None:
    model, x = small(name)
    expected = model(x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301 - its own bytes
        assert torch.equal(twin(x), expected)
        assert twin.spec == model.spec == load(name)


def test_models_are_saved_whole() -> None:
    model, x = small("resnet18")
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(x), model(x))


@pytest.mark.parametrize(
    "name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.exhaustive) for name in NAMES[1:])]
)
def test_models_compile_in_one_graph(name: str) -> None:
    model, x = small(name)
    torch.compiler.reset()
    assert torch.equal(torch.compile(model, fullgraph=True, backend="aot_eager")(x), model(x))


@pytest.mark.parametrize("name", NAMES)
def test_models_export(name: str) -> None:
    model, x = small(name)
    assert torch.equal(torch.export.export(model, (x,)).module()(x), model(x))


@pytest.mark.parametrize("name", NAMES)
def test_models_trace(name: str) -> None:
    model, x = small(name)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), model(x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_models_trace_for_torchscript(name: str) -> None:
    model, x = small(name)
    assert torch.equal(torch.jit.trace(model, x)(x), model(x))


def test_torchvisions_extractors_take_our_models() -> None:
    model, x = small("resnet18")
    theirs = reference("resnet18").eval()
    theirs.load_state_dict(model.state_dict())
    nodes = {"layer2.1.relu_1": "low", "layer4": "high"}
    for extract in (
        lambda m: create_feature_extractor(m, nodes)(x),
        lambda m: IntermediateLayerGetter(m, {"layer2": "low", "layer4": "high"})(x),
    ):
        ours, expected = extract(model), extract(theirs)
        assert list(ours) == list(expected) == ["low", "high"]
        assert all(torch.equal(ours[key], expected[key]) for key in ours)


def test_a_model_gives_back_its_spec() -> None:
    spec = load("resnet50")
    assert build(spec, device="meta").spec == spec
    bare = build(elaborate(spec), device="meta").spec
    assert bare.stages == spec.stages
    assert bare.name is None


def test_a_seed_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build("cifar/resnet20", seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_without_a_seed_the_global_generator_is_used() -> None:
    torch.manual_seed(5)
    first = build("cifar/resnet20")
    second = build("cifar/resnet20")
    torch.manual_seed(5)
    assert_same_state(build("cifar/resnet20"), first)
    assert not torch.equal(first.get_parameter("fc.weight"), second.get_parameter("fc.weight"))


def test_without_init_nothing_is_drawn() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = build("cifar/resnet20", init=False)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(model.get_buffer("bn1.running_var"), torch.ones(16))
    assert model.get_buffer("bn1.num_batches_tracked") == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_are_drawn_in_float32_and_then_cast(dtype: torch.dtype) -> None:
    plain = build("cifar/resnet20", seed=0)
    cast = build("cifar/resnet20", seed=0, dtype=dtype)
    for key, tensor in plain.state_dict().items():
        actual = cast.state_dict()[key]
        assert torch.equal(actual, tensor.to(dtype) if tensor.is_floating_point() else tensor)


def test_the_default_device_and_dtype_of_torch_hold() -> None:
    plain = build("cifar/resnet20", seed=0)
    torch.set_default_dtype(torch.float64)
    try:
        cast = build("cifar/resnet20", seed=0)
        with torch.device("meta"):
            assert build("cifar/resnet20").get_parameter("fc.weight").is_meta
            here = build("cifar/resnet20", seed=0, device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    for model in (cast, here):
        assert torch.equal(
            model.get_parameter("fc.weight"), plain.get_parameter("fc.weight").double()
        )


def test_models_train_as_ordinary_modules() -> None:
    model = build("cifar/resnet20", seed=0)
    before = model.get_parameter("fc.weight").clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    loss = nn.functional.cross_entropy(model(image(4, 3, 32, 32)), torch.tensor([1, 2, 3, 4]))
    loss.backward()
    optimizer.step()
    assert not torch.equal(model.get_parameter("fc.weight"), before)


def test_building_imports_neither_torchvision_nor_timm() -> None:
    code = "import sys, resnet_dsl; resnet_dsl.build('resnet18', device='meta')\n" + (
        "assert not {'torchvision', 'timm', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - this interpreter
