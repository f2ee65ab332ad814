"""Exported files give what the model gives, in their own runtimes."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from resnet_dsl import Network, SpecError, build, elaborate, export, load
from resnet_dsl.onnx_files.files import outputs, session, write_model
from resnet_dsl.onnx_files.model import onnx_model
from resnet_dsl.pytorch.fusing import arrays, fused_model
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.onnx_exporting import DEVIATION, MEAN, graph_of
from resnet_dsl.pytorch.photographs import crops
from tests.command import run
from tests.pytorch.reference import image, shuffle_statistics
from tests.specs import of_each_kind
from tests.strategies import networks

KINDS = [
    "alexnet",  # adaptive pools of several parts
    "googlenet",  # branches, partial pools
    "lenet5",  # images of one size alone
    "vgg11_bn",
    "resnet18",
    "resnext50_32x4d",  # groups
    "cifar/resnet20",  # channels of zeros
    "cifar/preact_resnet110",
    "cifar/se_resnet20",
    "cifar/wrn28_10",  # dropout
    "paper/plain18",  # no shortcuts
    "timm/ecaresnet26t",
    "timm/resnet18d",
    "timm/resnet50_gn",
    "timm/resnetaa34d",
    "timm/resnetblur18",
    "timm/resnetrs50",  # drop paths
    "timm/resnetv2_18d",
    "timm/resnetv2_50d_evos",
    "timm/resnetv2_50d_frn",
    "timm/resnetv2_50x1_bit",  # standardized filters
    "timm/seresnet18",
    "timm/test_resnet",
]
SOON_EXPORTED = {"cifar/resnet20", "timm/test_resnet"}
WITHIN_ONE = {load(name).name for name in KINDS if name != "cifar/preact_resnet110"}
PROGRAMS = [
    pytest.param(name, marks=() if name in SOON_EXPORTED else pytest.mark.exhaustive, id=name)
    for name in KINDS
    if name not in {"cifar/preact_resnet110", "vgg11_bn"}
]


def trained(source: str | Network) -> Net:
    """A model whose norms do something."""
    model = build(source, seed=0).eval()
    shuffle_statistics(model)
    return model


def near(actual: Tensor, expected: Tensor, within: float, *, of: float = 1.0) -> bool:
    """Whether outputs are within a distance, in units `of` a size."""
    return bool((actual - expected).abs().max() <= within * max(1.0, of))


def unit(model: Net, x: Tensor) -> float:
    """The unit of a comparison: 1 for the networks of the zoo, the largest output for random ones
    and for 110 pre-activated layers, whose largest is 20,000 here."""
    if model.built_from is not None and model.built_from.name in WITHIN_ONE:
        return 1.0
    return float(model(x).abs().max())


def assert_runs(graph: onnx.ModelProto, model: Net) -> None:
    """Two sizes of batch, and of images where those are free."""
    runtime = session(graph, threads=1)
    channels, height, width = model.network.input
    is_free = graph.graph.input[0].type.tensor_type.shape.dim[2].dim_param != ""
    for batch, more in ((1, 0), (3, 32 * is_free)):
        x = image(batch, channels, height + more, width + 2 * more)
        with torch.no_grad():
            actual = torch.from_numpy(outputs(runtime, x.numpy()))
            assert near(actual, model(x), 1e-4, of=unit(model, x))


@pytest.mark.parametrize("name", of_each_kind(KINDS))
def test_onnx_gives_what_the_model_gives(name: str) -> None:
    model = trained(name)
    graph = graph_of(model)
    onnx.checker.check_model(graph, full_check=True)
    assert_runs(graph, model)


def test_only_networks_of_one_size_have_fixed_images() -> None:
    for name, sides in (("lenet5", ["", ""]), ("resnet18", ["height", "width"])):
        graph = onnx_model(elaborate(load(name)), arrays(build(name)), name).graph
        batch, _, *others = graph.input[0].type.tensor_type.shape.dim
        assert batch.dim_param == "batch"
        assert [side.dim_param for side in others] == sides


@settings(max_examples=25)
@given(networks())
def test_onnx_of_any_network(network: Network) -> None:
    model = trained(network)
    assert_runs(graph_of(model), model)


@pytest.mark.parametrize("name", of_each_kind(KINDS))
def test_fused_models_give_the_same(name: str) -> None:
    model = trained(name)
    fused = fused_model(model)
    x = image(2, *model.network.input)
    with torch.no_grad():
        assert near(fused(x), model(x), 1e-5, of=unit(model, x))


def test_no_norm_is_left_after_a_convolution() -> None:
    def norms(model: Net) -> int:
        return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())

    assert (norms(build("resnet18")), norms(fused_model(build("resnet18")))) == (20, 0)
    preactivated = build("timm/resnetv2_18")
    assert norms(fused_model(preactivated)) == 9  # before the first convolution of a block


@settings(max_examples=25)
@given(networks())
def test_any_network_is_fused(network: Network) -> None:
    model = trained(network)
    x = image(2, *network.input)
    with torch.no_grad():
        assert near(fused_model(model)(x), model(x), 1e-5, of=unit(model, x))


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_loaded_and_run(name: str, tmp_path: Path) -> None:
    """Export compares its file with the model; it is loaded here once more."""
    exported = export(name, tmp_path / "net.pt2", seed=0, fuse=True)
    assert exported.difference is not None
    assert exported.difference < 1e-5
    model = build(name, seed=0).eval()
    program = torch.export.load(tmp_path / "net.pt2").module()
    x = image(2, *model.network.input)
    with torch.no_grad():
        assert near(program(x), model(x), 1e-5)


def test_weights_of_a_file_are_exported(tmp_path: Path) -> None:
    model = trained("cifar/resnet20")
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    file = tmp_path / "net.onnx"
    exported = export("cifar/resnet20", file, weights=tmp_path / "weights.pth", fuse=True)
    assert exported.difference is not None
    assert exported.difference < 1e-5
    assert exported.free == ("batch", "height", "width")
    x = image(2, 3, 32, 32)
    with torch.no_grad():
        assert near(torch.from_numpy(outputs(session(file), x.numpy())), model(x), 1e-5)


def test_large_weights_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    """Above 2 GB, which protocol buffers do not have; here above nothing."""
    model = trained("cifar/resnet20")
    file = tmp_path / "net.onnx"
    size = write_model(graph_of(model), file, largest=0)
    assert {path.name for path in tmp_path.iterdir()} == {"net.onnx", "net.onnx.data"}
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    x = image(2, 3, 32, 32)
    with torch.no_grad():
        assert near(torch.from_numpy(outputs(session(file), x.numpy())), model(x), 1e-5)


def test_the_size_of_an_image_is_an_option(tmp_path: Path) -> None:
    exported = export("resnet18", tmp_path / "net.onnx", input=96, seed=0)
    assert exported.runs == ((1, 96, 96), (3, 128, 160))


# ---------------------------------------------------------------- 8-bit integers


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_integers_agree_with_a_trained_network(name: str, tmp_path: Path) -> None:
    """It is trained to tell of which of four photographs a crop is."""
    settings = ["head.1=4-d fc", "input=3x64x64"]
    model = build(name, settings, seed=0)
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for step in range(20):
        x, target = normalized(crops("skimage", model.network.input, count=32, seed=step + 1))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    file, weights = tmp_path / "net.onnx", tmp_path / "weights.pth"
    exported = export(name, file, settings, weights=weights, int8=True, images="skimage")
    assert exported.agreement is not None
    assert exported.agreement >= 0.95
    assert exported.float_bytes is not None
    assert exported.bytes < 0.3 * exported.float_bytes
    operators = {node.op_type for node in onnx.load(file).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators


def normalized(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Crops as networks take them, and the number of the photograph of each."""
    mean, deviation = (torch.tensor(numbers).reshape(-1, 1, 1) for numbers in (MEAN, DEVIATION))
    return (batch - mean) / deviation, torch.arange(len(batch)) % 4


# ---------------------------------------------------------------- the command


def test_the_command_says_how_near_it_is(tmp_path: Path) -> None:
    result = run("export", "cifar/resnet20", "--seed", 0, "-o", tmp_path / "net.onnx")
    assert result.exit_code == 0
    assert "in batches of 1x32x32 and 3x64x96" in result.stderr
    assert "batch, height, width of any size" in result.stderr


@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        (["-o", "net.onx"], "net.onx: not a format of exports", "did you mean net.onnx?"),
        (["-o", "net.pth"], "net.pth: weights alone", "resnet-dsl build SPEC -o net.pth"),
        (["-o", "net.py", "--fuse"], ".py files have no fuse", "it is for .onnx and .pt2"),
        (["-o", "net.py", "--seed", "0"], ".py files have no seed", "it is for .onnx and .pt2"),
        (["-o", "net.onnx", "--naming", "timm"], ".onnx files have no naming", "it is for .py"),
        (["-o", "net.pt2", "--int8"], ".pt2 files have no int8", "it is for .onnx"),
        (["-o", "net.onnx", "--int8"], "images is missing", "--int8 --images DIR"),
        (["-o", "net.onnx", "--images", "skimage"], "int8 is missing", "--int8 --images DIR"),
        (["-o", "net.onnx", "--int8", "--images", "no"], "no: no such folder", "photographs"),
        (["-o", "no/net.onnx"], "no/net.onnx: no such folder", "mkdir no"),
        (["-o", "net.onnx", "--weights", "no.pth"], "no.pth: no such file", ""),
    ],
)
def test_what_does_not_fit_is_refused(
    words: list[str], message: str, help: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("export", "cifar/resnet20", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert help in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["net.py", "net.onnx", "net.pt2", "net.onnx.data"])
def test_nothing_is_written_over_unasked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(SpecError, match="exists already"):
        export("cifar/resnet20", tmp_path / name.removesuffix(".data"))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
