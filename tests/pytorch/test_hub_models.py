"""Folders of the Hugging Face Hub and of torch.hub, written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import huggingface_hub.hub_mixin
import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import nn

from resnet_dsl import SpecError, build, load, loads, zoo
from resnet_dsl.integrations.huggingface import HubModel, save_for_transformers
from resnet_dsl.reader.write import mapping
from tests.pytorch.reference import assert_same_state, image, shuffle_statistics

ROOT = Path(__file__).parents[2]


def test_configurations_are_specs() -> None:
    for name in zoo():
        assert loads(json.dumps(mapping(load(name)))) == load(name)


def test_a_folder_has_the_spec_and_the_weights(tmp_path: Path) -> None:
    model = build("cifar/resnet20", seed=0)
    shuffle_statistics(model)
    HubModel(model).save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    again = HubModel.from_pretrained(tmp_path)
    assert again.spec == load("cifar/resnet20")
    assert_same_state(again, model)
    x = image(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(again(x), model.eval()(x))
    assert_same_state(build("cifar/resnet20", weights=tmp_path / "model.safetensors"), model)
    assert "HubModel.from_pretrained" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("name", ["googlenet", "timm/resnetv2_18d"])
def test_other_names_and_features_come_back(tmp_path: Path, name: str) -> None:
    stages = list(load(name).stages)[:2]
    model = HubModel(name, naming="timm", features=stages).eval()
    model.save_pretrained(tmp_path)
    again = HubModel.from_pretrained(tmp_path)
    assert again.feature_info == model.feature_info
    assert_same_state(again, model)
    x = image(1, 3, 64, 64)
    with torch.no_grad():
        assert all(torch.equal(again(x)[stage], model(x)[stage]) for stage in stages)


class _Api:
    """The hub, which keeps what it is sent."""

    sent: list[str] = []  # noqa: RUF012 - shared by all of its kind

    def __init__(self, **_options: Any) -> None:
        self.create_repo = lambda repo_id, **_: type("Repo", (), {"repo_id": repo_id})

    def upload_folder(self, *, repo_id: str, folder_path: str | Path, **_options: Any) -> str:
        self.sent += [repo_id, *sorted(file.name for file in Path(folder_path).iterdir())]
        return repo_id


def test_models_are_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.hub_mixin, "HfApi", _Api)
    HubModel("cifar/resnet20").push_to_hub("me/mine")
    assert _Api.sent == ["me/mine", "README.md", "config.json", "model.safetensors"]


def test_a_bad_configuration_is_said(tmp_path: Path) -> None:
    HubModel("cifar/resnet20").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["spec"]["stem"] = ["3x3"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SpecError, match="stem"):
        HubModel.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("source", "overrides"),
    [
        ("resnet18", []),
        ("resnet50", []),
        ("paper/resnet50", []),
        ("resnet18", ["stages.conv2_x.stride=2"]),
    ],
)
def test_transformers_opens_what_was_saved_for_it(
    tmp_path: Path, source: str, overrides: list[str]
) -> None:
    model = build(source, [*overrides, "expect=null"], num_classes=3, seed=0).eval()
    save_for_transformers(model, tmp_path, labels=["cat", "dog", "ox"])
    theirs = transformers.AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    assert theirs.config.id2label == {0: "cat", 1: "dog", 2: "ox"}
    x = image(2, 3, 65, 97)
    with torch.no_grad():
        assert torch.equal(theirs(x).logits, model(x))


def test_transformers_takes_what_it_has_alone(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="transformers has no such network: convolution"):
        save_for_transformers(build("timm/resnet18d"), tmp_path / "a")
    model = build("resnet18", num_classes=2)
    for labels, message in (
        (["a"], "1 labels for 2 classes"),
        (["a", "a"], "two classes are labelled 'a'"),
        ("ab", "labels are texts"),
        ([1, 2], "labels are texts"),
    ):
        with pytest.raises(SpecError, match=message):
            save_for_transformers(model, tmp_path / "a", labels)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="a model of features has no classes"):
        save_for_transformers(build("resnet18", features="conv3_x"), tmp_path / "a")
    with pytest.raises(SpecError, match="a model on the meta device"):
        save_for_transformers(build("resnet18", device="meta"), tmp_path / "a")
    assert not list(tmp_path.iterdir())
    save_for_transformers(model, tmp_path, {0: "cat", 1: "dog"})
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["label2id"] == {"cat": 0, "dog": 1}


def test_transformers_opens_bodies(tmp_path: Path) -> None:
    body = build("resnet18", num_classes=0, seed=0).eval()
    save_for_transformers(body, tmp_path)
    theirs = transformers.AutoModel.from_pretrained(tmp_path).eval()
    x = image(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(theirs(x).pooler_output.flatten(1), body(x))


def test_a_model_keeps_its_mode() -> None:
    model = build("googlenet").eval()
    assert isinstance(HubModel(model)(image(1, 3, 64, 64)), torch.Tensor)
    with pytest.raises(SpecError, match="a model has its naming and features"):
        HubModel(model, features=["stem"])


@pytest.mark.parametrize(
    "classifier", [nn.Linear(64, 3), nn.Identity(), nn.Sequential(nn.Linear(64, 3))]
)
def test_other_layers_than_those_of_the_spec_are_not_saved(
    tmp_path: Path, classifier: nn.Module
) -> None:
    model = HubModel("cifar/resnet20")
    model.save_pretrained(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    model.fc = classifier
    with pytest.raises(SpecError, match="the model has other layers than its spec, at fc"):
        model.save_pretrained(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "config", ["", "{}", "[]", "3", '{"model_type": "resnet"}', "{", b"\xff\xfe\x00"]
)
def test_folders_without_a_spec_are_refused(tmp_path: Path, config: str | bytes) -> None:
    HubModel("cifar/resnet20").save_pretrained(tmp_path)
    data = config if isinstance(config, bytes) else config.encode()
    (tmp_path / "config.json").write_bytes(data)
    with pytest.raises(SpecError, match="no spec is in its configuration"):
        HubModel.from_pretrained(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    HubModel("cifar/resnet20").save_pretrained(tmp_path)
    other = build("cifar/resnet20", num_classes=3)
    save_file(other.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(SpecError, match=r"size mismatch for fc\.weight"):
        HubModel.from_pretrained(tmp_path)
    del other.fc
    save_file(other.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(SpecError, match=r"fc\.weight"):
        HubModel.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(SpecError, match="are they of this spec"):
        HubModel.from_pretrained(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="is a file"):
        HubModel("cifar/resnet20").save_pretrained(tmp_path / "file")


def test_torch_hub_finds_the_zoo() -> None:
    x = image(1, 1, 32, 32)
    model = torch.hub.load(str(ROOT), "cifar_resnet20", source="local", in_channels=1, seed=0)
    twin = torch.hub.load(
        str(ROOT), "build", "cifar/resnet20", source="local", in_channels=1, seed=0
    )
    with torch.no_grad():
        assert torch.equal(model.eval()(x), twin.eval()(x))
