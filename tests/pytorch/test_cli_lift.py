"""`resnet-dsl lift` and `convert`, as a user runs them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import timm
import torch
import transformers
from click.testing import Result
from safetensors.torch import load_file, save_file
from torch import nn

from resnet_dsl import build, load, loads
from tests.command import run
from tests.pytorch.reference import image, reference, shuffle_statistics
from tests.specs import plain

MODELS = """
import torch
from torch import nn
from resnet_dsl import build


def net(width=8, classes=10):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, classes),
    )


class Strange(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.layer = net()

    def forward(self, x):
        return self.layer(self.stem(torch.fft.fft(x).abs()))


class Odd(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.fft.fft(self.inner(x)).abs()


def Late():
    model = build("cifar/resnet20")
    model.layer2[1] = Odd(model.layer2[1])
    return model


class Choosy(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


ready = net(4)


def broken():
    raise RuntimeError("out of order")


def number():
    return 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a module of a user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "their_models", raising=False)
    (tmp_path / "their_models.py").write_text(MODELS)
    return tmp_path


def lift(*arguments: object) -> Result:
    result = run("lift", *arguments)
    assert result.exit_code == 0, result.stderr
    return result


def test_a_model_of_torchvision_becomes_a_spec_that_is_verified() -> None:
    result = lift("torchvision:resnet18")
    assert plain(loads(result.stdout)) == plain(load("resnet18"))
    assert loads(result.stdout).expect == load("resnet18").expect
    assert result.stderr == (
        "verified: the spec computes the same on 2x3x224x224 and 2x3x256x288; "
        "largest difference 0\n"
    )


def test_models_of_timm_have_their_own_size() -> None:
    spec = loads(lift("timm:test_resnet.r160_in1k").stdout)
    assert spec.name == "test_resnet"
    assert plain(spec) == plain(load("timm/test_resnet"))


def test_a_folder_of_transformers_becomes_a_spec(folder: Path) -> None:
    config = transformers.ResNetConfig(
        depths=[1, 1], hidden_sizes=[64, 128], layer_type="basic", num_labels=7
    )
    config.architectures = ["ResNetForImageClassification"]
    config.save_pretrained(folder / "drawn")
    model = transformers.ResNetForImageClassification(config)
    model.save_pretrained(folder / "saved")
    drawn, kept = (
        lift("transformers:drawn", "--no-verify"),
        lift("transformers:saved", "--weights", "w.safetensors"),
    )
    assert plain(loads(drawn.stdout)) == plain(loads(kept.stdout))
    assert torch.equal(
        load_file("w.safetensors")["fc.weight"], model.state_dict()["classifier.1.weight"]
    )


@pytest.mark.parametrize(
    ("source", "width"),
    [
        ("their_models:net", 8),
        ("their_models:net(16, classes=3)", 16),
        ("their_models:ready", 4),
        ("torch.nn:Sequential.__call__", 0),
    ],
)
def test_what_a_function_gives_becomes_a_spec(source: str, width: int) -> None:
    if not width:
        assert run("lift", source).exit_code == 2
        return
    spec = loads(lift(source, "--input", "3x32x32").stdout)
    (row,) = spec.stages["conv2_x"].rows
    assert [layer.channels for layer in row.layers if hasattr(layer, "channels")] == [width]
    assert str(spec.input) == "3x32x32"


def test_spec_and_weights_are_written() -> None:
    model = timm.create_model("resnet10t", num_classes=5)
    shuffle_statistics(model)
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, "w.pth")
    result = lift("w.pth", "-o", "spec.yaml", "--weights", "ours.safetensors")
    assert result.stdout == ""
    stride = "stride: 1, 2, 2, 2 (of the stages, one by one; or 1, 1, 2, 2 | 1, 2, 1, 2 | "
    assert f"undetermined: {stride}" in result.stderr
    count = len(model.state_dict())
    assert f"verified: the spec takes all {count} tensors\n" in result.stderr
    assert result.stderr.endswith("wrote spec.yaml\nwrote ours.safetensors\n")
    spec_text = Path("spec.yaml").read_text()
    schema, _, rest = spec_text.partition("\n")
    assert schema == "# yaml-language-server: $schema=resnet-dsl.schema.json"
    assert rest.startswith("# lifted from w.pth\n# undetermined by the source, with ")
    assert f"#   {stride}" in spec_text
    assert run("check", "spec.yaml").exit_code == 0
    ours = build("spec.yaml").eval()
    ours.load_state_dict(load_file("ours.safetensors"))
    x = image(1, 3, 176, 176)
    with torch.no_grad():
        assert torch.equal(ours(x), model.eval()(x))


def test_a_known_size_is_determined() -> None:
    state = build("cifar/resnet20").state_dict()
    torch.save(state, "w.pt")
    result = lift("w.pt", "--input", "3x64x64")
    assert "undetermined: input" not in result.stderr
    assert str(loads(result.stdout).input) == "3x64x64"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.pth"], "nothing.pth: no such file"),
        (["resnet50"], "'resnet50' names no model and no file"),
        (["torchvision:"], "names no model and no file"),
        (["torchvision:resnet5"], "torchvision has no model 'resnet5'"),
        (["timm:resnet51"], "timm has no model 'resnet51'"),
        (["transformers:no/such/folder"], "transformers:no/such/folder: "),
        (["not_there.models:net"], "ModuleNotFoundError: No module named 'not_there'"),
        (["their_models:nothing"], "AttributeError: module 'their_models' has no"),
        (["their_models:net(open('x'))"], "is not a call of a function with literals"),
        (["their_models:net(**{})"], "is not a call of a function with literals"),
        (["their_models:net(1)[0]"], "is not a call of a function with literals"),
        (["their_models:broken()"], "their_models:broken(): RuntimeError: out of order"),
        (["their_models:number"], "their_models:number gives a int, no nn.Module"),
        (["their_models:net", "--input", "x32"], "the input "),
        (["their_models:net", "--input", "4x32x32"], "cannot be exported"),
        (["their_models:Choosy", "--input", "3x8x8"], "cannot be exported"),
        (["their_models:Strange"], "torch.abs is not supported"),
        (["their_models:net", "--weights", "w.txt"], "not a format of weights"),
        (["their_models:net", "-o", "nowhere/spec.yaml"], "no such"),
    ],
)
def test_bad_input_is_a_diagnostic(arguments: list[str], message: str, folder: Path) -> None:
    result = run("lift", *arguments, *([] if "-o" in arguments else ["-o", "spec.yaml"]))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert [path.name for path in folder.iterdir() if path.suffix] == ["their_models.py"]


def test_a_part_way_spec_says_where_it_ends() -> None:
    result = lift("their_models:Late", "--input", "3x32x32", "--partial", "--weights", "w.pt")
    why = "their_models.py:30: layer2.1: torch.abs is not supported"
    assert f"  # conv3_x is followed by what is not supported: {why}\nhead: []\n" in result.stdout
    assert result.stderr == (
        "undetermined: drop path, dropout and auxiliary heads: none (not read with partial)\n"
        f"lifted up to what is not supported: {why}\nwrote w.pt\n"
    )
    spec = loads(result.stdout)
    assert [stage.rows[0].repeats for stage in spec.stages.values()] == [3, 2]
    build(spec).load_state_dict(torch.load("w.pt"))


def test_nothing_can_be_said_of_a_model_that_begins_strangely(folder: Path) -> None:
    result = run("lift", "their_models:Strange", "--partial", "-o", "spec.yaml")
    assert result.exit_code == 2
    assert not (folder / "spec.yaml").exists()


# ---------------------------------------------------------------- convert


def converted(model: nn.Module, to: str, *options: str) -> dict[str, torch.Tensor]:
    save_file(model.state_dict(), "theirs.safetensors")
    files = ("theirs.safetensors", "-o", "out.safetensors", "--force")
    result = run("convert", *files, "--to", to, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    return load_file("out.safetensors")


def assert_same_outputs(first: nn.Module, other: nn.Module) -> None:
    x = image(2, 3, 75, 83)
    with torch.no_grad():
        outputs = [model.eval()(x) for model in (first, other)]
    left, right = (actual.logits if hasattr(actual, "logits") else actual for actual in outputs)
    assert torch.equal(left, right)


def test_weights_go_from_torchvision_to_transformers_and_back() -> None:
    model = reference("resnet18")
    shuffle_statistics(model)
    config = transformers.ResNetConfig(
        depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic", num_labels=1000
    )
    twin = transformers.ResNetForImageClassification(config)
    twin.load_state_dict(converted(model, "transformers", "--from", "torchvision"))
    assert_same_outputs(twin, model)
    back = converted(twin, "timm", "--from", "transformers")
    assert {key: tuple(value.shape) for key, value in back.items()} == {
        key: tuple(value.shape) for key, value in model.state_dict().items()
    }
    assert all(torch.equal(value, back[key]) for key, value in model.state_dict().items())


def test_weights_of_timms_v2_go_to_our_names() -> None:
    model = timm.create_model("resnetv2_18", num_classes=7)
    shuffle_statistics(model)
    spec_text = "extends: timm/resnetv2_18\nhead: [average pool, 7-d 1x1 conv, flatten]\n"
    ours = build(loads(spec_text))
    ours.load_state_dict(converted(model, "torchvision"))
    assert_same_outputs(ours, model)


def test_counters_that_old_files_do_not_have_begin_at_0() -> None:
    model = reference("resnet18")
    kept = {k: v for k, v in model.state_dict().items() if "num_batches" not in k}
    save_file(kept, "old.safetensors")
    result = run("convert", "old.safetensors", "--to", "torchvision", "-o", "new.safetensors")
    assert result.exit_code == 0
    new = load_file("new.safetensors")
    assert set(new) == set(model.state_dict())
    assert int(new["bn1.num_batches_tracked"]) == 0
    assert "122 tensors: torchvision names to torchvision names" in result.stderr


def test_what_cannot_be_converted_is_a_diagnostic(folder: Path) -> None:
    torch.save(build("timm/resnet18d").state_dict(), "w.pth")
    for arguments, message in (
        (["--to", "transformers"], "w.pth: transformers has no such network"),
        (["--to", "timm", "--from", "transformers"], "w.pth: no transformers names"),
    ):
        result = run("convert", "w.pth", "-o", "out.safetensors", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
    assert not (folder / "out.safetensors").exists()
