"""What classes and functions of the source are called, and what their docstrings say."""

from __future__ import annotations

from collections import Counter
from typing import Final

from resnet_dsl.emission.definitions import Definition, Definitions
from resnet_dsl.emission.expressions import calls

_DOCSTRINGS: Final = {
    "BasicBlock": "Two 3x3 convolutions and a shortcut: He et al. 2015, figure 5, left.",
    "Bottleneck": "1x1, 3x3 and 1x1 convolutions and a shortcut: He et al. 2015, figure 5, right.",
    "ResidualBlock": "Layers and a shortcut around them.",
    "PreActBlock": "Norm and activation before each convolution: He et al. 2016, figure 1b.",
    "Inception": "Branches side by side, concatenated: Szegedy et al. 2015, figure 2b.",
    "Auxiliary": "A classifier of a map in the middle, for training: Szegedy et al. 2015, §5.",
    "ResNet": "The network: stem, stages of blocks, and head.",
    "PlainNet": "The network, without shortcuts.",
    "projection": "The shortcut of a block that changes the shape: option B of He et al. 2015.",
    "pooled_projection": "A shortcut that takes averages before it projects: He et al. 2019.",
    "padding": "A shortcut that pads with zero channels: option A of He et al. 2015.",
}
_CLASS_NAMES: Final = {"Auxiliary": "AuxiliaryClassifier"}


def definition_names(definitions: Definitions) -> dict[str, str]:
    """The names of classes and functions, by key; of several of a kind, by what is special."""
    kinds = Counter(map(_name, definitions.by_key.values()))
    names: dict[str, str] = {}
    taken = Counter[str]()
    for key, definition in definitions.by_key.items():
        name = _name(definition)
        if kinds[name] > 1 and not definition.is_function:
            name = _special(definition) + name
        taken[name] += 1
        mark = "_" if definition.is_function else ""
        names[key] = name if taken[name] == 1 else f"{name}{mark}{taken[name]}"
    return names


def _special(definition: Definition) -> str:
    """What is special about a class among those of its kind."""
    layers = {call.function for _, value in definition.assignments for call in calls(value)}
    if layers & {"BlurPool", "nn.AvgPool2d"}:
        return "Antialiased"
    return "Projecting" if definition.passes and all(definition.passes) else ""


def _name(definition: Definition) -> str:
    if definition.is_function:
        return definition.kind
    kind = _CLASS_NAMES.get(definition.kind, definition.kind)
    if kind == "PlainBlock":
        parts = [_word(name) for name, _ in definition.assignments]
        kind = "".join(parts) if 1 < len(parts) < 5 else kind
    return kind if kind[:1].isupper() else "".join(part.title() for part in kind.split("_"))


def _word(name: str) -> str:
    """`bn` as a part of a name: `Norm`."""
    return {"bn": "Norm", "relu": "ReLU"}.get(name, name.title().replace("_", ""))


def class_docstring(definition: Definition) -> list[str]:
    """What a class is."""
    text = _DOCSTRINGS.get(definition.kind, "Layers one after the other.")
    return [f'    """{text}"""']


def function_docstring(definition: Definition) -> list[str]:
    """What a function makes."""
    text = _DOCSTRINGS.get(definition.kind)
    if text is None:
        first, *others = definition.kind.split("_")
        what = "fully connected layer" if first == "fc" else "convolution"
        follows = ["its norm" if other == "norm" else "its activation" for other in others]
        text = f"A {what}, {' and '.join(follows)}."
    return [f'    """{text}"""']
