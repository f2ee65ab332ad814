"""Networks on the Hugging Face Hub: their spec is the configuration.

from resnet_dsl.integrations.huggingface import HubModel
HubModel("resnet50").save_pretrained("mine")        # or push_to_hub("me/mine")
model = HubModel.from_pretrained("mine")            # or "me/mine"
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Final, cast

from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError

from resnet_dsl.diagnostics import SpecError, fail
from resnet_dsl.folds.interface import interface
from resnet_dsl.naming import Naming, NamingError, state_keys
from resnet_dsl.naming.transformers import transformers_config
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.weights import naming_of, save_state
from resnet_dsl.reader.files import whole
from resnet_dsl.reader.write import mapping
from resnet_dsl.sources.resolve import Source, resolve
from resnet_dsl.sources.specs import loads

_CONFIG: Final = "config.json"
_WEIGHTS: Final = "model.safetensors"
_CARD: Final = """---
{{ card_data }}
---

A network that is built from its spec, which config.json has:

    from resnet_dsl.integrations.huggingface import HubModel
    model = HubModel.from_pretrained("…")

It needs resnet-dsl: pip install 'resnet-dsl[hub]'.
"""


class HubModel(
    Net,
    PyTorchModelHubMixin,
    library_name="resnet-dsl",
    model_card_template=_CARD,
    pipeline_tag="image-classification",
    tags=["resnet-dsl"],
):
    """A model with `save_pretrained`, `from_pretrained` and `push_to_hub`.

    `spec` is a model of `build`, which keeps its weights, names and features, or a source whose
    weights are drawn, with the `naming` and `features` of `build`. A folder has the spec in
    `config.json`, the weights in float32 in `model.safetensors`, and a card. Raises `SpecError`
    where a folder has no spec or other weights, and where a model that is saved no longer has the
    layers of its spec.
    """

    def __init__(
        self,
        spec: Net | Source | Mapping[str, Any] | None = None,
        naming: Naming | None = None,
        features: Sequence[str] | None = None,
    ) -> None:
        if isinstance(spec, Net) and (naming or features):
            raise fail("value", "a model has its naming and features", help="give them to build")
        model = spec if isinstance(spec, Net) else _built(spec, naming, features)
        super().__init__(dict(model.named_children()), model.program)
        self.network, self.built_from = model.network, model.spec
        self.outputs, self.training = model.outputs, model.training

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> HubModel:  # type: ignore[override]
        """The model of a folder or of a repository of the hub, in evaluation mode.

        Options are those of huggingface_hub; all weights must be there, unless `strict=False`.
        """
        try:
            return super().from_pretrained(name, **{"strict": True, **options})
        except (AttributeError, UnicodeDecodeError, JSONDecodeError) as error:
            raise _no_spec(name) from error
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise fail("weights", f"{name}: {reason}", help="are they of this spec?") from None

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Write a folder; options are those of huggingface_hub."""
        _check_folder(Path(save_directory))
        _check_state(self)
        return super().save_pretrained(save_directory, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        """The configuration and the weights; the mixin writes the card."""
        names = [each.name for each in self.outputs]
        config = {
            "spec": mapping(self.spec),
            "naming": naming_of(self),
            "features": names or None,
        }
        _write_json(config, save_directory / _CONFIG)
        save_state(self.state_dict(), save_directory / _WEIGHTS)


def _built(spec: object, naming: Naming | None, features: Sequence[str] | None) -> Net:
    """The model of a configuration or of a source."""
    if spec is None:
        raise _no_spec(_CONFIG)
    if isinstance(spec, Mapping):
        try:
            spec = loads(json.dumps(spec))
        except TypeError:
            raise _no_spec("the mapping") from None
    if features is not None and not isinstance(features, list | tuple):
        raise fail("value", f"features are {features!r}"[:80], help="a list of names of stages")
    source = cast("Source", spec)
    return build_model(resolve(source), naming=naming or "torchvision", features=features)


def _no_spec(name: object) -> SpecError:
    help = "HubModel(build(...)).save_pretrained(...) writes it; transformers opens its own folders"
    return fail("value", f"{name}: no spec is in its configuration", help=help)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise fail("file", f"{folder}: is a file", help="name a folder")


def _check_state(model: Net) -> None:
    """Whether a model has still the layers of its network, with numbers in them."""
    if not isinstance(model, Net):
        what = type(model).__name__
        raise fail("value", f"a {what} is no model of build", help="build(...) makes one")
    if any(tensor.is_meta for tensor in model.state_dict().values()):
        raise fail("device", "a model on the meta device has no weights to save")
    twin = build_model(
        resolve(model.spec),
        device="meta",
        naming=naming_of(model) or "torchvision",
        features=[each.name for each in model.outputs] or None,
    )
    expected = {key: tuple(tensor.shape) for key, tensor in twin.state_dict().items()}
    actual = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    unlike = sorted(key for key, _ in expected.items() ^ actual.items())
    if unlike:
        help = "build(..., num_classes=...) changes the classifier and the spec"
        raise fail("value", f"the model has other layers than its spec, at {unlike[0]}", help=help)


def save_for_transformers(
    model: Net, folder: str | Path, labels: Sequence[str] | Mapping[int, str] | None = None
) -> None:
    """Write a model as one of transformers: `AutoModelForImageClassification.from_pretrained`.

    `labels` are the names of its classes, in order or by number. Raises `SpecError` where
    transformers has no such network: its ResNets are those with a 7x7 stem, batch norm and ReLU.
    """
    folder = Path(folder)
    _check_folder(folder)
    _check_state(model)
    if model.outputs:
        raise fail("value", "a model of features has no classes", help="build without features")
    try:
        config = transformers_config(model.network)
    except NamingError as error:
        raise fail("value", error.message) from None
    names = _labels(labels, interface(model.network).values.get("num_classes", 0))
    config["architectures"] = ["ResNetForImageClassification" if names else "ResNetModel"]
    config["id2label"] = {str(i): label for i, label in enumerate(names)}
    config["label2id"] = {label: i for i, label in enumerate(names)}
    folder.mkdir(parents=True, exist_ok=True)
    naming = naming_of(model) or "torchvision"
    own = {tensor: key for key, tensor in state_keys(model.network, naming).items()}
    state, theirs = model.state_dict(), state_keys(model.network, "transformers")
    save_state({key: state[own[tensor]] for key, tensor in theirs.items()}, folder / _WEIGHTS)
    _write_json(config, folder / _CONFIG)


def _labels(labels: Sequence[str] | Mapping[int, str] | None, classes: int) -> list[str]:
    """The names of classes in order, each once."""
    if labels is None:
        return [f"LABEL_{i}" for i in range(classes)]
    if isinstance(labels, Mapping):
        known = {str(number): label for number, label in labels.items()}
        labels = [known[str(i)] for i in range(len(known)) if str(i) in known]
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise fail("value", "labels are texts", help='a list: ["cat", "dog"]')
    if len(labels) != classes:
        raise fail("value", f"{len(labels)} labels for {classes} classes")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise fail("value", f"two classes are labelled {twice[0]!r}")
    return list(labels)


def _write_json(data: Mapping[str, object], path: Path) -> None:
    with whole(path) as draft:
        draft.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
