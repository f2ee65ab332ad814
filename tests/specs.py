"""The shipped specs that tests take, and how specs are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from resnet_dsl import Spec
from resnet_dsl.language.spec import Expect, Init

SAMPLE = {
    "timm/ecaresnet26t",
    "timm/resnet18d",
    "timm/resnet50_gn",
    "timm/resnetaa34d",
    "timm/resnetblur18",
    "timm/resnetrs50",
    "timm/resnetv2_18d",
    "timm/resnetv2_50d_evos",
    "timm/resnetv2_50d_frn",
    "timm/resnetv2_50x1_bit",
    "timm/seresnet18",
    "timm/test_resnet",
}

HEAVY = {
    "resnet101",
    "resnet152",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
}
"""Wide and deep networks take seconds: tests take them with --exhaustive."""


def chosen(names: Iterable[str]) -> list[Any]:
    """Names of specs as parameters: a sample of the many, all with --exhaustive."""
    heavy = [
        name
        for name in names
        if (name.startswith(("timm/", "vgg")) and name not in SAMPLE)
        or name.removeprefix("paper/") in HEAVY
        or "1001" in name
        or "1202" in name
    ]
    return [
        pytest.param(name, marks=pytest.mark.exhaustive if name in heavy else (), id=name)
        for name in names
    ]


KINDS = {
    "alexnet",
    "googlenet",
    "resnet18",
    "cifar/resnet20",
    "cifar/se_resnet20",
    "paper/plain18",
    "timm/ecaresnet26t",
    "timm/resnet18d",
    "timm/resnetblur18",
    "timm/resnetv2_18d",
    "timm/seresnet18",
    "timm/test_resnet",
}
"""Small networks of each kind."""


def of_each_kind(names: Iterable[str]) -> list[Any]:
    """Names of specs as parameters: one of each kind, all with --exhaustive."""
    return [
        pytest.param(name, marks=() if name in KINDS else pytest.mark.exhaustive, id=name)
        for name in names
    ]


def plain(spec: Spec) -> Spec:
    """A spec without what no network shows."""
    names = {name: f"conv{i}_x" for i, name in enumerate(spec.stages, 2)}
    return replace(
        spec,
        name=None,
        expect=Expect(),
        init=Init(),
        stages={names[name]: stage for name, stage in spec.stages.items()},
        aux={re.sub(r"^[^.]+", lambda m: names[m[0]], k): v for k, v in spec.aux.items()},
    )
