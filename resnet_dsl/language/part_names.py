"""Parts of a network under the names that libraries give them: `layer2` is conv3_x."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_STEM: Final = re.compile(
    r"conv1|bn1|norm1|relu|act1|maxpool|embedder(?:\..*)?|backbone\.stem|root|conv1_x"
)
_HEAD: Final = re.compile(r"fc|avgpool|classifier|global_pool|head\..*|pooler|logits")
_STAGES: Final = (
    (re.compile(r"layer_?([1-9])"), 1),  # torchvision, timm's resnet, mmpretrain
    (re.compile(r"(?:encoder\.)?stages\.(\d)"), 0),  # timm's resnetv2, transformers
    (re.compile(r"(?:backbone\.)?(?:res|[cC])_?([2-9])"), 2),  # detectron2, feature pyramids
    (re.compile(r"stage_?([1-9])"), 1),
    (re.compile(r"[cC]onv_?([2-9])(?:_x)?"), 2),  # Keras, and the paper without its x
)
"""The names of stages, and the number of the first."""
_BLOCK: Final = re.compile(r"[._](?:blocks?[._]?|layers\.)?(\d{1,4})")


def meant_part(name: str, stages: Sequence[str]) -> str | None:
    """The stem, the head, a stage or a block of a stage (`conv3_x.1`) that a name means elsewhere.

    >>> stages = ["conv2_x", "conv3_x", "conv4_x", "conv5_x"]
    >>> [meant_part(name, stages) for name in ("layer2", "layer2.0", "res5", "conv1", "fc", "x")]
    ['conv3_x', 'conv3_x.1', 'conv5_x', 'stem', 'head', None]
    """
    if _STEM.fullmatch(name):
        return "stem"
    if _HEAD.fullmatch(name):
        return "head"
    for pattern, first in _STAGES:
        match = pattern.match(name)
        if match is None or not 0 <= int(match[1]) - first < len(stages):
            continue
        stage, rest = stages[int(match[1]) - first], name[match.end() :]
        if not rest:
            return stage
        if block := _BLOCK.fullmatch(rest):  # modules count from 0, blocks of the paper from 1
            return f"{stage}.{int(block[1]) + 1}"
    return None
