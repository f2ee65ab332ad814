"""How other people name the weights of residual networks, and what then is undetermined."""

from __future__ import annotations

import re
from typing import TypeAlias

from tests.pytorch.checkpoints import (
    BOTTLENECK,
    SMALL,
)

Names: TypeAlias = list[tuple[str, str]]


OPTION_B = """
input: 3x32x32
stem: ["3x3, 16"]
stages:
  a: "[[3x3, 16], [3x3, 16]] x 2"
  b: "[[3x3, 32], [3x3, 32]] x 2"
  c: "[[3x3, 64], [3x3, 64]] x 11"
head: [average pool, 10-d fc]
"""


OPTION_A = """
input: 3x32x32
stem: ["3x3, 16"]
block: {shortcut: padding}
stages:
  a: "[[3x3, 16], [3x3, 16]] x 4"
  b: "[[3x3, 40], [3x3, 40]] x 4"
head: [average pool, 10-d fc]
"""


BOTTLENECKS = """
input: 3x224x224
stem: ["7x7, 64, /2", "3x3 max pool, /2"]
stages:
  a: "[[1x1, 64], [3x3, 64, C=8], [1x1, 256], [se 16]] x 2"
  b: "[[1x1, 128], [3x3, 128, C=8], [1x1, 512], [se 32]] x 2"
head: [average pool, 10-d fc]
"""


CONV_X = [
    (r"^conv1", "conv1.0"),
    (r"^bn1", "conv1.1"),
    (r"^layer1", "conv2_x"),
    (r"^layer2", "conv3_x"),
    (r"^layer3", "conv4_x"),
    (r"(\.\d+)\.conv1", r"\1.residual_function.0"),
    (r"(\.\d+)\.bn1", r"\1.residual_function.1"),
    (r"(\.\d+)\.conv2", r"\1.residual_function.3"),
    (r"(\.\d+)\.bn2", r"\1.residual_function.4"),
    ("downsample", "shortcut"),
]


NESTED = [
    (r"^conv1", "stem.conv1"),
    (r"^bn1", "stem.conv1.norm"),
    (r"^layer(\d)\.", r"res\1."),
    (r"\.bn(\d)", r".conv\1.norm"),
    (r"downsample\.0", "shortcut"),
    (r"downsample\.1", "shortcut.norm"),
    (r"se\.fc1", "attention.squeeze"),
    (r"se\.fc2", "attention.expand"),
    (r"^fc", "linear"),
]


WIDE = [
    (r"^layer(\d)\.", r"block\1.layer."),
    (r"downsample\.0", "convShortcut"),
    (r"^layer4\.0", "bn1"),
]


LISTED = [
    (r"^(conv1|bn1)", r"backbone.root.\1"),
    (r"^layer(\d)\.(\d+)\.", r"backbone.stage\1_unit\2."),
    (r"downsample\.0", "matching"),
    (r"downsample\.1", "matching_norm"),
    (r"^fc", "head.predict"),
]


OWN = {"shortcut": "projection", "block": "x + f(x)"}
"""What only the names of a library tell."""


A = {**SMALL, **OWN, "shortcut": "padding", "head": "average pool; 10-d fc"}


B = {**SMALL, **OWN, "projection": "1x1", "head": "average pool; 10-d fc"}


SE = {**BOTTLENECK, **OWN, "stride": "1, 2", "head": "average pool; 10-d fc", "projection": "1x1"}
SE["se"] = "after the last convolution"


STYLES: dict[str, tuple[str, Names, dict[str, str]]] = {
    "linear": ("cifar/resnet20", [(r"^fc", "linear")], A),
    "of another depth": (OPTION_A, [(r"^fc", "linear")], {**A, "stride": "1, 2"}),
    "shortcut, linear": (OPTION_B, [("downsample", "shortcut"), (r"^fc", "linear")], B),
    "conv2_x, residual_function": (OPTION_B, CONV_X, B),
    "norms in convolutions": (BOTTLENECKS, NESTED, SE),
    "wide": ("cifar/preact_resnet110", WIDE, B),
    "units": (BOTTLENECKS, LISTED, SE),
}


def renamed(key: str, names: Names) -> str:
    for pattern, name in names:
        key = re.sub(pattern, name, key)
    return key
