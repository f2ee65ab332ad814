"""Networks on the Hugging Face Hub: their spec is the configuration.

from resnet_dsl.integrations.huggingface import HubModel
HubModel("resnet50").save_pretrained("mine")        # or push_to_hub("me/mine")
model = HubModel.from_pretrained("mine")            # or "me/mine"
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from huggingface_hub import PyTorchModelHubMixin

from resnet_dsl.diagnostics import fail
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

    `spec` is a model of `build`, which keeps its weights, or a source whose weights are drawn. A
    folder has the spec in `config.json`, the weights in `model.safetensors` and a card; `naming`
    and `features` are those of `build`.
    """

    def __init__(
        self,
        spec: Net | Source | Mapping[str, Any],
        naming: Naming = "torchvision",
        features: Sequence[str] | None = None,
    ) -> None:
        source = loads(json.dumps(spec)) if isinstance(spec, Mapping) else spec
        model = (
            source
            if isinstance(source, Net)
            else build_model(resolve(source), naming=naming, features=features)
        )
        super().__init__(dict(model.named_children()), model.program)
        self.network, self.built_from = model.network, model.spec
        self.outputs = model.outputs

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


def save_for_transformers(
    model: Net, folder: str | Path, labels: Sequence[str] | None = None
) -> None:
    """Write a model as one of transformers: `AutoModelForImageClassification.from_pretrained`.

    `labels` are the names of its classes. Raises `SpecError` where transformers has no such
    network: its ResNets are those with a 7x7 stem, batch norm and ReLU.
    """
    try:
        config = transformers_config(model.network)
    except NamingError as error:
        raise fail("value", error.message) from None
    classes = interface(model.network).values.get("num_classes", 0)
    labels = [f"LABEL_{i}" for i in range(classes)] if labels is None else labels
    if len(labels) != classes:
        raise fail("value", f"{len(labels)} labels for {classes} classes")
    config["architectures"] = ["ResNetForImageClassification" if classes else "ResNetModel"]
    config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    config["label2id"] = {label: i for i, label in enumerate(labels)}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    own = {tensor: key for key, tensor in state_keys(model.network, naming_of(model)).items()}
    state, theirs = model.state_dict(), state_keys(model.network, "transformers")
    save_state({key: state[own[tensor]] for key, tensor in theirs.items()}, folder / _WEIGHTS)
    _write_json(config, folder / _CONFIG)


def _write_json(data: Mapping[str, object], path: Path) -> None:
    with whole(path) as draft:
        draft.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
