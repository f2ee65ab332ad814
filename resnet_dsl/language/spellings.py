"""How keys and values of a spec are written elsewhere, and what they are here."""

from __future__ import annotations

import re
from typing import Final

from resnet_dsl.diagnostics import SpecPath, nearest
from resnet_dsl.language.choices import CHOICES
from resnet_dsl.language.norms import NORMS

_LAYER: Final = "it is written in a layer"
KEYS_ELSEWHERE: Final = {
    "dropout": "write it as a layer of the head: dropout 0.5",
    "dropout_rate": "write it as a layer of the head: dropout 0.5",
    **dict.fromkeys(
        ("num_classes", "classes", "n_classes", "out_features", "nclasses", "labels"),
        "the classifier is the last layer of the head: 10-d fc",
    ),
    **dict.fromkeys(
        ("classifier", "fc", "pool", "global_pool", "top", "include_top"),
        "pool and classifier are layers of head: [average pool, 10-d fc]",
    ),
    **dict.fromkeys(
        ("in_channels", "in_chans", "channels_in", "input_channels", "n_channels"),
        "the first number of input: 3x224x224 has 3 channels",
    ),
    **dict.fromkeys(
        ("image_size", "img_size", "input_shape", "input_size", "size", "resolution", "shape"),
        "write input: 3x224x224",
    ),
    **dict.fromkeys(
        ("groups", "cardinality", "group"), f"{_LAYER}: 3x3, 128, C=32, or norm: {{kind: group}}"
    ),
    **dict.fromkeys(("padding", "pad"), f"{_LAYER}: 3x3, 64, pad 1"),
    **dict.fromkeys(
        ("filters", "channels", "width", "widths", "planes", "out_channels", "base_width"),
        "each layer has its channels: [[3x3, 64], [3x3, 64]] x 2",
    ),
    **dict.fromkeys(("kernel", "kernel_size"), f"{_LAYER}: 3x3, 64"),
    **dict.fromkeys(
        ("layers", "depth", "num_layers", "repeat", "repeats", "blocks", "num_blocks", "count"),
        'each row has its count: "[[3x3, 64], [3x3, 64]] x 2"',
    ),
    **dict.fromkeys(("bn", "batch_norm", "norm_layer", "batchnorm"), "write block: {norm: batch}"),
    **dict.fromkeys(
        ("act", "act_layer", "relu", "nonlinearity"), "write block: {activation: relu}"
    ),
    **dict.fromkeys(
        ("se", "attention", "attn", "eca", "se_ratio", "squeeze_excite"),
        "it is a layer of a row: [[3x3, 64], [3x3, 64], [se 16]] x 2",
    ),
    **dict.fromkeys(
        ("flops", "gflops", "mac", "multiply_adds"), "a spec expects macs: half of the flops"
    ),
    **dict.fromkeys(("parameters", "num_params", "param", "weights_count"), "write params"),
    **dict.fromkeys(
        ("optimizer", "lr", "learning_rate", "epochs", "batch_size", "loss", "metrics"),
        "a spec is a network alone; it does not say how to train it",
    ),
    **dict.fromkeys(
        ("pretrained", "checkpoint", "weights_file"),
        "weights are given to the command: build --weights FILE",
    ),
    **dict.fromkeys(
        ("stochastic_depth", "drop_path_rate", "survival_prob", "drop_connect_rate"),
        "write drop_path: 0.1, the probability to drop the last block",
    ),
    **dict.fromkeys(
        ("base", "inherits", "parent", "backbone", "model", "include", "like", "from", "inherit"),
        "a variant names its base: extends: resnet50",
    ),
    **dict.fromkeys(
        ("downsample", "skip", "residual", "shortcuts"), "write block: {shortcut: projection}"
    ),
    **dict.fromkeys(("preact", "pre_activation", "preactivation"), "write block: {order: pre}"),
    **dict.fromkeys(("conv1", "maxpool", "root"), "the layers before the stages are stem"),
    **dict.fromkeys(("momentum", "eps"), "write norm: {kind: batch, eps: 0.001}"),
    "type": "rows say what a block is: [[1x1, 64], [3x3, 64], [1x1, 256]] x 3",
    "replace_stride_with_dilation": "write output_stride: 8, or 16",
    **dict.fromkeys(("version", "description", "comment", "author"), "write a # comment"),
}
"""Keys of other libraries, and where a spec has what they say."""

OTHER_NAMES: Final = {
    **dict.fromkeys(("classifier", "top", "tail", "fc"), "head"),
    **dict.fromkeys(("root", "entry", "conv1"), "stem"),
    **dict.fromkeys(("layers", "body", "backbone"), "stages"),
    **dict.fromkeys(("size", "image", "image_size", "img_size", "input_size", "shape"), "input"),
    **dict.fromkeys(("base", "inherits", "parent", "inherit", "from", "like"), "extends"),
    **dict.fromkeys(("blocks", "defaults", "settings", "options"), "block"),
}
"""Keys of a spec under other names."""

_INCOMING: Final = "leave it out: incoming channels are those of the layer before"
IN_STAGES: Final = dict.fromkeys(("in_channels", "in_chans", "in_planes", "inplanes"), _INCOMING)
"""Keys of stages elsewhere, where they mean something else than at the root."""

STAGE_LIKE: Final = re.compile(
    r"(?:conv|layer|stage|block|res|group)[_-]?\d+(?:_?x)?", re.IGNORECASE | re.ASCII
)
"""Names that stages are given, here and elsewhere."""

_VALUES: Final[dict[str, dict[str, str]]] = {
    "norm": {
        **dict.fromkeys(("bn", "batchnorm", "batchnorm2d", "batchnormalization"), "batch"),
        **dict.fromkeys(("gn", "groupnorm"), "group"),
        **dict.fromkeys(("in", "instancenorm", "instancenorm2d"), "instance"),
        **dict.fromkeys(("ln", "layernorm", "layernorm2d"), "layer"),
        **dict.fromkeys(("frn", "filterresponsenorm", "filterresponse"), "filter response"),
        **dict.fromkeys(("evonorms0", "evo"), "evonorm"),
        **dict.fromkeys(("no", "off", "false", "nonorm", "identity", "null"), "none"),
    },
    "order": {
        **dict.fromkeys(("preact", "preactivation", "v2", "before", "preactivated"), "pre"),
        **dict.fromkeys(("postact", "postactivation", "v1", "after"), "post"),
    },
    "stride_on": {
        **dict.fromkeys(("3x3", "v1.5", "middle", "second", "conv2", "pytorch"), "spatial"),
        **dict.fromkeys(("1x1", "v1", "conv1", "caffe", "reduce"), "first"),
    },
    "shortcut": {
        **dict.fromkeys(("conv", "1x1", "optionb", "project", "downsample"), "projection"),
        **dict.fromkeys(("zeropad", "zeropadding", "optiona", "zeros", "pad"), "padding"),
        **dict.fromkeys(("optionc",), "always"),
        **dict.fromkeys(("no", "false", "off", "plain", "null"), "none"),
    },
    "projection": {
        **dict.fromkeys(("conv", "conv1x1", "1x1conv"), "1x1"),
        **dict.fromkeys(("conv3x3", "3x3conv"), "3x3"),
        **dict.fromkeys(("avg", "avgpool", "averagepool", "d", "avgdown"), "average pool, 1x1"),
        **dict.fromkeys(("maxpool",), "max pool, 1x1"),
    },
    "antialias": {
        **dict.fromkeys(("blurpool", "true", "yes"), "blur"),
        **dict.fromkeys(("avg", "avgpool", "averagepool"), "average"),
        **dict.fromkeys(("no", "false", "off"), "none"),
    },
    "weights": {
        **dict.fromkeys(("ws", "standardize", "weightstandardization", "stdconv"), "standardized")
    },
    "scheme": {**dict.fromkeys(("kaiming", "he", "kaimingnormal", "henormal"), "resnet")},
}
"""What the values of keys with a closed list are called elsewhere."""

_NUMBER_WORDS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
)
_TRUE, _FALSE = {"yes", "on", "y", "1", "true", "t"}, {"no", "off", "n", "0", "false", "f"}


def choice_meant(path: SpecPath, value: object) -> str | None:
    """The value of a key with a closed list that another one is, or is near to.

    >>> choice_meant(("block", "order"), "preact"), choice_meant(("block", "norm"), "BatchNorm2d")
    ('pre', 'batch')
    """
    key = next((str(step) for step in reversed(path) if step in _VALUES or step in CHOICES), "")
    word = str(value).lower() if isinstance(value, str | bool | int) else ""
    letters = re.sub(r"[^a-z0-9.]|^nn\.", "", word)
    if meant := _VALUES.get(key, {}).get(letters):
        return meant
    if key == "norm" and (
        groups := re.fullmatch(r"(?:gn|group(?:[ _-]?norm)?)\D{0,2}(\d+)\)?", word)
    ):
        return f"{{kind: group, groups: {groups[1]}}}"
    known = [*NORMS, "none"] if key == "norm" else CHOICES.get(key, ())
    guess = nearest(word, known) if word else None
    return guess if guess and set(re.findall(r"\d", word)) <= set(guess) else None


def number_meant(value: object, *, whole: bool) -> str | None:
    """The number that a text is.

    >>> number_meant("two", whole=True), number_meant("10%", whole=False)
    ('2', '0.1')
    >>> number_meant(2.0, whole=True), number_meant(2.5, whole=True)
    ('2', None)
    """
    if isinstance(value, float) and whole and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and len(set(map(str, value))) == 1:
        return number_meant(value[0], whole=whole)
    if type(value) is int or (type(value) is float and not whole):
        return str(value)
    if not isinstance(value, str):
        return None
    text = value.strip(" /=;,").lower()
    if text in _NUMBER_WORDS:
        return str(_NUMBER_WORDS.index(text))
    if pair := re.fullmatch(r"\(?\s*(\d{1,4})\s*[,x]\s*\1\s*\)?", text):
        text = pair[1]
    digits = re.sub(r"(?<=\d)[_ ',](?=\d{3}(?!\d))", "", text)
    if whole:
        return digits if re.fullmatch(r"[0-9]{1,15}", digits) else None
    if percent := re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]+)?)\s*%", digits):
        return f"{float(percent[1]) / 100:g}"
    if ratio := re.fullmatch(r"([0-9]{1,4})\s*/\s*([1-9][0-9]{0,3})", digits):
        return f"{int(ratio[1]) / int(ratio[2]):g}"
    if power := re.fullmatch(r"10\s*(?:\^|\*\*)\s*(-?[0-9]{1,2})", text):
        return f"{10.0 ** int(power[1]):g}"
    comma = re.sub(r"^(\d+),(\d+)$", r"\1.\2", text)
    return comma if re.fullmatch(r"[0-9]*\.?[0-9]+(?:e-?[0-9]+)?", comma) else None


def bool_meant(value: object) -> str | None:
    """`true` or `false` for a text or number that says so."""
    word = str(value).lower()
    return "true" if word in _TRUE else "false" if word in _FALSE else None


def size_meant(text: str, count: int) -> str | None:
    """A size in the form of a spec: `3x224x224`, or `56x56` with a count of 2.

    >>> size_meant("(3, 32, 32)", 3), size_meant("224", 3), size_meant("3x32x32px", 3)
    ('3x32x32', '3x224x224', '3x32x32')
    """
    if not re.fullmatch(r"[\s\d()\[\]x×X*,;:.|/]*(?:\s*(?:px|pixels?))?[\s)\];,.]*|.*#.*", text):
        return None
    numbers = re.findall(r"[0-9]{1,5}", text.split("#")[0])
    if count == 3 and len(numbers) == 4 and numbers[0] == "1":
        numbers = numbers[1:]
    if len(numbers) == 1:
        numbers *= 2
    if count == 3 and len(numbers) == 2 and int(numbers[0]) <= 4 < int(numbers[1]):
        numbers.append(numbers[1])
    if count == 3 and len(numbers) == 2:
        numbers = ["3", *numbers]
    if count == 3 and len(numbers) == 3 and int(numbers[2]) <= 4 < min(map(int, numbers[:2])):
        numbers = [numbers[2], *numbers[:2]]  # channels come first
    fits = len(numbers) == count and all(0 < int(each) <= 65_536 for each in numbers)
    return "x".join(numbers) if fits else None
