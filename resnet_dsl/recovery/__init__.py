"""Network to Spec: the spec, in normal form, that elaborates to a network again.

Stem, stages and head come from `resnet_dsl.folds.anatomy`, the terms of each block from
`resnet_dsl.recovery.unit_terms`. What is left is to say them briefly: which stride the language
would insert, which rows repeat, which settings all stages share. A spec that does not give the same
network back is never returned.
"""

from __future__ import annotations

from typing import Final

from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Spec

STAGE_NAME: Final = "conv{}_x"
"""Stages are named as in He et al. 2015, from conv2_x on."""


def recover(network: Network) -> Spec:
    """The spec of a network in normal form: the inverse of `elaborate`.

    Names, comments, `expect` and `init` are not part of a network, so the spec has none of them.
    Raises `SpecError`, with the layer, where no spec can express the network.

    >>> from resnet_dsl import elaborate, load
    >>> recover(elaborate(load("resnet18"))).stages["conv3_x"].rows[0].repeats
    2
    """
    from resnet_dsl.recovery.network_spec import recovered  # most questions need no recovery

    return recovered(network).elaboration.spec
