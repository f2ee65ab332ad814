"""Specs as tests compare them."""

from __future__ import annotations

import re
from dataclasses import replace

from resnet_dsl import Spec
from resnet_dsl.language.spec import Expect, Init


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
